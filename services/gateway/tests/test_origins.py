"""Pages of others: which may call, and which may open a socket."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from speech_core.testing.live import live_server
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("https://elsewhere.example", (), 403),
        ("null", (), 403),
        ("https://mine.example", ("https://mine.example",), 101),
        ("https://any.example", ("*",), 101),
        (None, (), 101),
    ],
)
def test_a_page_of_somebody_else_may_not_open_a_socket(net, origin, allowed, status) -> None:
    settings = GatewaySettings(asr_url=net.asr_live.url, tts_url=net.tts_live.url, cors_origins=allowed)
    with live_server(create_app(settings)) as live:
        try:
            with connect(f"{live.ws_url}/ws/tts", origin=origin):
                answered = 101
        except InvalidStatus as refused:
            answered = refused.response.status_code

    assert answered == status


def test_our_own_page_may_open_a_socket(net) -> None:
    with connect(f"{net.gateway.ws_url}/ws/tts", origin=net.url) as socket:
        socket.send("hello")
        assert socket.recv(timeout=10) == "hello"


def test_pages_that_may_call_are_told_so(net) -> None:
    settings = GatewaySettings(
        asr_url=net.asr_live.url, tts_url=net.tts_live.url, cors_origins=("https://mine.example",)
    )
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    with live_server(create_app(settings)) as live:
        mine, other = (
            httpx.options(f"{live.url}/api/tts", headers={"origin": origin, **asking})
            for origin in ("https://mine.example", "https://elsewhere.example")
        )

    assert mine.headers["access-control-allow-origin"] == "https://mine.example"
    assert "access-control-allow-origin" not in other.headers
