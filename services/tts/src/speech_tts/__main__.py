"""`python -m speech_tts`: the service as a process."""

from speech_core.service.server import main
from speech_tts.app import create_app
from speech_tts.settings import TtsSettings

if __name__ == "__main__":
    main(TtsSettings, create_app)
