import socket

import pytest


@pytest.fixture
def free_ports() -> dict[str, str]:
    """One for each variable that sets a port, all different."""
    names = [f"{service}_{kind}" for service in ("GATEWAY", "ASR", "TTS") for kind in ("PORT", "MANAGEMENT_PORT")]
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    for probe in probes:
        probe.close()
    return ports
