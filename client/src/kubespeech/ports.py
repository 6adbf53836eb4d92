"""The ports of the services: every one of them different, and free."""

import socket

from kubespeech import StartFault
from kubespeech.environment import SERVICES, Environment, EnvironmentFault


def check_ports(environment: Environment) -> None:
    """Raises `EnvironmentFault` for a port that is given twice, `StartFault` for one that somebody has."""
    ports = _ports(environment)
    _check_different(ports)
    for variable, port in ports.items():
        _check_free(environment.host, port, variable)


def _ports(environment: Environment) -> dict[str, int]:
    """By the variable that sets each."""
    ports: dict[str, int] = {}
    for service in SERVICES:
        ports[f"{service.upper()}_PORT"] = environment.port(service)
        ports[f"{service.upper()}_MANAGEMENT_PORT"] = environment.management_port(service)
    return ports


def _check_different(ports: dict[str, int]) -> None:
    owners: dict[int, str] = {}
    for variable, port in ports.items():
        if port in owners:
            raise EnvironmentFault(f"{owners[port]} and {variable} are both {port}; set one of them to another port")
        owners[port] = variable


def _check_free(host: str, port: int, variable: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartFault(
                f"port {port} on {host} cannot be used ({error.strerror}); set {variable} to another one"
            ) from None
