"""`python -m speech_tts`: the service as a process."""

from speech_core.propagators import check_propagators
from speech_core.termination import go_when_told

if __name__ == "__main__":
    go_when_told()  # also while the rest is imported
    check_propagators()

    from speech_core.service.server import main
    from speech_tts.app import create_app
    from speech_tts.settings import TtsSettings

    main(TtsSettings, create_app)
