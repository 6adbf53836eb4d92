"""`python -m speech_gateway`: the service as a process."""

from speech_core.service.server import main
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings

if __name__ == "__main__":
    main(GatewaySettings, create_app)
