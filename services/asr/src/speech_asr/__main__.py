"""`python -m speech_asr`: the service as a process."""

import signal
import sys

if __name__ == "__main__":
    # The first process of a container is deaf to a signal that it does not handle, and the imports take seconds: a pod
    # that goes in that time would stay until its grace is over.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    from speech_asr.app import create_app
    from speech_asr.settings import AsrSettings
    from speech_core.service.server import main

    main(AsrSettings, create_app)
