"""`python -m speech_gateway`: the service as a process."""

from speech_core.propagators import check_propagators
from speech_core.termination import go_when_told

if __name__ == "__main__":
    go_when_told()  # also while the rest is imported
    check_propagators()

    from speech_core.service.server import main
    from speech_gateway.app import create_app
    from speech_gateway.settings import GatewaySettings

    main(GatewaySettings, create_app)
