"""The ways in, each as its users come: by an Ingress, by a route of the Gateway API, and in a browser."""

import io
import os
import socket
from collections.abc import Callable, Generator

import httpx
import openai
import pytest
from playwright import sync_api
from websockets.sync.client import connect

from speech_core.testing.needed import program, variable

from .cluster import healthy, until
from .conftest import CLIP, Namespace, Values

HOST = "speech.e2e.test"
WAYS = ["ingress", "route"]


@pytest.fixture(scope="module")
def entered(namespace: Namespace, weights: Callable[[Namespace], Values]) -> Namespace:
    """A release with both ways in, each for a host of its own."""
    gateway_class = variable("E2E_GATEWAY_CLASS", "a class of Gateways that E2E_INGRESS leads to")
    address = httpx.URL(variable("E2E_INGRESS", "the address of the cluster's ingress"))
    listener = {"name": "web", "protocol": "HTTP", "port": int(os.environ.get("E2E_GATEWAY_PORT", address.port or 80))}
    namespace.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "door"},
            "spec": {"gatewayClassName": gateway_class, "listeners": [listener]},
        }
    )
    entry = {
        "ingress": {"enabled": True, "hosts": [f"ingress.{HOST}"]},
        "httpRoute": {"enabled": True, "hostnames": [f"route.{HOST}"], "parentRefs": [{"name": "door"}]},
    }
    namespace.install(weights(namespace), {"entry": entry})
    return namespace


class Door:
    """One way in: names are not resolved, the Host header tells."""

    def __init__(self, way: str) -> None:
        self.address = httpx.URL(os.environ["E2E_INGRESS"])
        self.host = f"{way}.{HOST}"
        self.headers = {"host": self.host}
        self.client = httpx.Client(base_url=self.address, headers=self.headers, timeout=120)


@pytest.fixture(scope="module", params=WAYS)
def door(entered: Namespace, request: pytest.FixtureRequest) -> Generator[Door]:
    door = Door(request.param)

    def open_() -> bool:
        return door.client.get("/health").status_code == 200

    until(f"{request.param} leads in and both services are there", open_, seconds=60)
    yield door
    door.client.close()


def test_the_socket_speaks(door: Door) -> None:
    n_bytes, kinds = 0, []
    connected = socket.create_connection((door.address.host, door.address.port or 80), timeout=30)
    with connect(f"ws://{door.host}/ws/tts", sock=connected, open_timeout=30) as speaking:
        speaking.send('{"text": "Good morning."}')
        while "end" not in kinds:
            message = speaking.recv(timeout=60)
            if isinstance(message, bytes):
                n_bytes += len(message)
            else:
                kinds.append(message.split('"type":"')[1].split('"')[0])

    assert kinds == ["ready", "start", "end"]
    assert n_bytes > 10_000


def test_a_clip_is_transcribed(door: Door) -> None:
    answer = door.client.post("/api/stt/bytes", content=CLIP.read_bytes())

    assert answer.status_code == 200, answer.text
    assert "predecessors" in answer.json()["text"]


def test_an_upload_larger_than_common_limits_passes(door: Door) -> None:
    """64 MiB of silence, as bare samples: what a proxy would refuse or buffer."""
    silence = bytes(1 << 20)
    answer = door.client.post(
        "/api/stt/bytes?sr=48000&ch=2&fmt=s16le", content=(silence for _ in range(64)), timeout=300
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["coverage"]["silent_seconds"] == pytest.approx(64 * (1 << 20) / 192_000, rel=0.01)


def test_an_echo_comes_back_while_it_is_made(door: Door) -> None:
    with door.client.stream("POST", "/api/echo-bytes?format=wav", content=CLIP.read_bytes()) as answer:
        parts = list(answer.iter_raw())

    assert answer.status_code == 200
    assert len(parts) > 3
    assert b"".join(parts).startswith(b"RIFF")


def test_openais_package_needs_the_address_alone(door: Door) -> None:
    client = openai.OpenAI(base_url=f"{door.address}/v1", api_key="none", default_headers={"Host": door.host})

    speech = client.audio.speech.create(model="tts-1", voice="alloy", input="One two three.").content
    heard = client.audio.transcriptions.create(model="whisper-1", file=("speech.mp3", io.BytesIO(speech)))

    assert heard.text


def test_the_page_loads_and_speaks_in_a_browser(door: Door) -> None:
    rules = f"MAP {door.host} {door.address.host}"
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", f"--host-resolver-rules={rules}"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium", "chromium-browser", "google-chrome"), args=arguments
        )
        page = browser.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("requestfailed", lambda request: broken.append(request.url))
        page.goto(f"http://{door.host}:{door.address.port or 80}/")
        page.wait_for_selector("#voice option", state="attached")
        page.fill("#text", "Good morning.")
        page.click("#speak-start")
        page.wait_for_function(
            "() => document.querySelector('#speak-figures').textContent.includes('First audio after')"
        )
        browser.close()

    assert broken == []


def test_the_gateway_itself_answers_behind_both(entered: Namespace) -> None:
    with entered.forwarded() as url:
        assert until("it is healthy", lambda: healthy(url), seconds=30)["status"] == "ok"
