"""The images as they were built: small, nobody in particular, and at home under any user."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_BYTES = {"gateway": 210_000_000, "tts": 480_000_000, "asr": 600_000_000}
PORTS = {"gateway": 8000, "asr": 8081, "tts": 8082}
WITHOUT_WEIGHTS = ("--env=ASR_ENGINE=fake", "--env=TTS_ENGINE=fake", "--env=TTS_OTHER_ENGINES=[]")
CONFINED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.2


def test_an_image_stays_within_its_size(service, described) -> None:
    assert described["Size"] <= MOST_BYTES[service]


def test_an_image_runs_as_a_number_that_is_not_root(described) -> None:
    assert described["Config"]["User"] == "65532:65532"


def test_an_image_holds_no_compiler_and_no_weights(image, run) -> None:
    tools = "for tool in cc gcc ld strip make git curl; do command -v $tool; done; true"
    weights = "find / -xdev \\( -name model.bin -o -name '*.pt' -o -name 'en_US*' \\) 2> /dev/null; true"

    assert run("docker", "run", "--rm", image, "sh", "-c", f"{tools}; {weights}") == ""


def test_nothing_of_an_image_is_written_by_its_user_but_models_and_tmp(image, run) -> None:
    find = "find / -xdev -writable -type d -not -path '/proc/*' -not -path '/dev/*' 2> /dev/null; true"

    folders = set(run("docker", "run", "--rm", image, "sh", "-c", find).split())

    assert {"/models", "/tmp"} <= folders <= {"/models", "/tmp", "/var/tmp", "/run/lock", "/dev/shm"}


def test_the_store_of_models_works_for_any_user(image, run) -> None:
    confined = ("docker", "run", "--rm", *CONFINED, "--user=123456:123456", image, "python", "-m")

    assert "whisper-base" in run(*confined, "speech_core.models", "list")
    assert run(*confined, "pip", "--version").startswith("pip ")


@pytest.fixture(params=["65532:65532", "1000730000:0"])
def container(request, service, image, run):
    """The service with fake engines, confined as in a pod; told to stop and taken away in the end."""
    publish = f"--publish=127.0.0.1::{PORTS[service]}"
    started = ("docker", "run", "--detach", *CONFINED, f"--user={request.param}", publish, *WITHOUT_WEIGHTS, image)
    name = run(*started).strip()
    yield name
    run("docker", "rm", "--force", name)


def test_a_service_starts_confined_under_any_user_and_stops_when_told(service, container, run) -> None:
    # The gateway alone is there, but nobody behind it.
    expected = 503 if service == "gateway" else 200
    url = f"http://{run('docker', 'port', container, str(PORTS[service])).split()[0]}/health"

    assert _status(url, expected) == expected, run("docker", "logs", container)

    run("docker", "stop", "--time", "20", container)
    state = json.loads(run("docker", "inspect", container))[0]["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def _status(url: str, expected: int) -> int:
    deadline, status = time.monotonic() + _START_SECONDS, 0
    while status != expected and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except OSError:
            time.sleep(_LOOK_SECONDS)
    return status


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", ["gateway"], indirect=True)
def test_a_change_of_the_code_leaves_the_layer_of_the_dependencies(service, described, tmp_path, run) -> None:
    for name in ("packages/speech-core", f"services/{service}", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / f"services/{service}/src/speech_{service}/app.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")

    build = ("docker", "build", "--quiet", f"--build-arg=SERVICE={service}", str(tmp_path))
    changed = run(*build, env={"DOCKER_BUILDKIT": "1"}).strip()
    layers = json.loads(run("docker", "image", "inspect", changed))[0]["RootFS"]["Layers"]
    subprocess.run(["docker", "rmi", changed], capture_output=True, check=False, timeout=60)

    before = described["RootFS"]["Layers"]
    assert [old for old, new in zip(before, layers, strict=True) if old != new] == before[-1:]
