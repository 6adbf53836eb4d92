"""`python -m speech_gateway`: the service as a process."""

import signal
import sys

if __name__ == "__main__":
    # The first process of a container is deaf to a signal that it does not handle, and the imports take seconds: a pod
    # that goes in that time would stay until its grace is over.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    from speech_core.service.server import main
    from speech_gateway.app import create_app
    from speech_gateway.settings import GatewaySettings

    main(GatewaySettings, create_app)
