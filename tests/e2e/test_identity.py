"""Who runs and who is let in: a random user with the real engines, and callers with keys."""

import io
import os
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
import yaml

from .cluster import RELEASE, healthy, until
from .conftest import CLIP, FAKES, Make, Namespace, Values

# As OpenShift gives them: any user, the group of root.
RANDOM_USER = 1_000_650_000
SECRET = "a-server-key-of-the-tests"


def test_a_random_user_runs_the_real_engines(make_namespace: Make, weights: Callable[[Namespace], Values]) -> None:
    namespace = make_namespace("-random")
    namespace.install(weights(namespace), {"podSecurityContext": {"runAsUser": RANDOM_USER, "runAsGroup": 0}})

    for component in ("gateway", "asr", "tts"):
        (pod,) = namespace.ready_pods(component)
        who = ("exec", pod["metadata"]["name"], "-c", component, "--", "python", "-c", "import os; print(os.getuid())")
        assert namespace.kubectl(*who).strip() == str(RANDOM_USER)
    with namespace.forwarded() as url:
        until("it is healthy", lambda: healthy(url), seconds=30)
        clip = httpx.post(f"{url}/api/stt/bytes", content=CLIP.read_bytes(), timeout=60)
        spoken = httpx.post(f"{url}/api/tts", json={"text": "Hello.", "format": "wav"}, timeout=60)
        russian = httpx.post(f"{url}/api/tts", json={"text": "Привет.", "language": "ru", "format": "wav"}, timeout=60)
    assert "predecessors" in clip.json()["text"]
    assert (spoken.status_code, russian.status_code) == (200, 200)
    namespace.uninstall()


@pytest.fixture(scope="module")
def locked(make_namespace: Make) -> tuple[Namespace, str]:
    """A release with keys, and one of them."""
    namespace = make_namespace("-keys")
    environment = {**os.environ, "GATEWAY_KEY_SECRET": SECRET}
    made = subprocess.run(
        [sys.executable, "-m", "speech_gateway.keys", "team-a"],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    keys = yaml.safe_dump({"keys": yaml.safe_load(io.StringIO(made.stdout))})
    content = {"keys.yaml": keys, "key-secret": SECRET}
    namespace.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": content})
    namespace.install(FAKES, {"auth": {"existingSecret": "keys"}})
    return namespace, made.stderr.strip().split()[-1]


def test_nobody_gets_in_without_a_key_and_with_one_they_do(locked: tuple[Namespace, str]) -> None:
    namespace, key = locked
    with namespace.forwarded() as url:
        until("it is healthy", lambda: healthy(url), seconds=30)
        without = httpx.post(f"{url}/api/tts", json={"text": "Hello."}, timeout=30)
        wrong = httpx.post(f"{url}/api/tts", json={"text": "Hello."}, headers={"authorization": "Bearer x"}, timeout=30)
        right = httpx.post(
            f"{url}/api/tts", json={"text": "Hello."}, headers={"authorization": f"Bearer {key}"}, timeout=30
        )

    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)


def test_helm_test_passes_with_keys_and_the_logs_hold_none(locked: tuple[Namespace, str]) -> None:
    namespace, key = locked

    said = namespace.helm("test", RELEASE, "--timeout", "3m")
    (gateway,) = namespace.ready_pods("gateway")
    logs = namespace.logs(gateway["metadata"]["name"])

    assert said.count("Phase:          Succeeded") == 2
    assert '"event":"request"' in logs.replace(" ", "")
    assert key not in logs
    assert SECRET not in logs
