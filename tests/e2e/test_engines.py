"""The other engines in pods: Google's through a proxy, with a stand-in behind it, and the reference implementation."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme

from speech_core.testing.needed import variable

from .cluster import healthy, until
from .conftest import CLIP, FAKES, Make, Namespace, Values

GTTS: Values = {
    "asr": {"config": {"engine": "fake"}, "autoscaling": {"type": "none"}},
    "tts": {"config": {"engine": "gtts", "other_engines": []}, "drain": {"preStopSeconds": 1}},
    "networkPolicy": {"enabled": True},
}


@pytest.fixture(scope="module")
def google(make_namespace: Make) -> Namespace:
    """A namespace with the stand-in in it, as proxy:3128."""
    namespace = make_namespace("-gtts")
    certificate = trustme.CA().issue_cert("translate.google.com")
    chain = b"".join([certificate.private_key_pem.bytes(), *(part.bytes() for part in certificate.cert_chain_pems)])
    content = {"tls.pem": base64.b64encode(chain).decode()}
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "google"}, "binaryData": content})
    namespace.python("google", (Path(__file__).parent / "google.py").read_text(encoding="utf-8"), component="tts")
    spec = {"selector": {"app": "google"}, "ports": [{"port": 3128}]}
    namespace.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "proxy"}, "spec": spec})
    namespace.kubectl("wait", "pod/google", "--for=condition=Ready", "--timeout=60s", seconds=70)
    return namespace


def test_google_speaks_through_the_proxy_and_needs_no_weights(google: Namespace) -> None:
    google.install(FAKES, GTTS, {"proxy": {"https": "http://proxy:3128"}})

    with google.forwarded() as url:
        health = until("it is healthy", lambda: healthy(url), seconds=30)
        body = {"text": "Доброе утро.", "language": "ru", "format": "wav"}
        spoken = httpx.post(f"{url}/api/tts", json=body, timeout=60)

    assert health["upstreams"]["tts"]["engines"] == ["gtts"]
    assert (spoken.status_code, spoken.content[:4]) == (200, b"RIFF")
    said = google.logs("google")
    assert "connect translate.google.com:443" in said
    assert "asked ru Доброе утро" in said


def test_the_reference_implementation_recognizes_with_its_weights(
    make_namespace: Make, weights: Callable[[Namespace], Values]
) -> None:
    tag = variable("E2E_OPENAI_WHISPER_TAG", "the image of several GB that .ci/cluster builds")
    namespace = make_namespace("-openai-whisper")
    asr = {"config": {"engine": "openai-whisper"}, "image": {"tag": tag}, "autoscaling": {"type": "none"}}
    tts = {**FAKES["tts"], "model": {"names": []}}
    namespace.install(weights(namespace), {"asr": asr}, {"tts": tts})

    with namespace.forwarded() as url:
        health = until("it is healthy", lambda: healthy(url), seconds=30)
        clip = httpx.post(f"{url}/api/stt/bytes", content=CLIP.read_bytes(), timeout=120)

    assert health["upstreams"]["asr"]["engines"] == ["openai-whisper"]
    assert "predecessors" in clip.json()["text"]
