"""`python -m speech_asr`: the service as a process."""

from speech_core.propagators import check_propagators
from speech_core.termination import go_when_told

if __name__ == "__main__":
    go_when_told()  # also while the rest is imported
    check_propagators()

    from speech_asr.app import create_app
    from speech_asr.settings import AsrSettings
    from speech_core.service.server import main

    main(AsrSettings, create_app)
