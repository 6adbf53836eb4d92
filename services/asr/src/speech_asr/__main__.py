"""`python -m speech_asr`: the service as a process."""

from speech_asr.app import create_app
from speech_asr.settings import AsrSettings
from speech_core.service.server import main

if __name__ == "__main__":
    main(AsrSettings, create_app)
