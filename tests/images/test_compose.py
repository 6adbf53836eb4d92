"""docker-compose.yml: who is reachable, what a container may do, and what `.env` changes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("gateway", "asr", "tts")


@pytest.fixture
def compose(tmp_path, run):
    """Compose's own reading of the file, with a `.env` beside it."""

    def read(*lines: str, example: bool = True) -> dict:
        shutil.copy(ROOT / "docker-compose.yml", tmp_path)
        text = (ROOT / "env.example").read_text(encoding="utf-8") if example else ""
        (tmp_path / ".env").write_text(text + "\n".join(lines), encoding="utf-8")
        profiles = next((line.partition("=")[2] for line in lines if line.startswith("COMPOSE_PROFILES=")), "")
        said = run("docker", "compose", "config", "--format=json", cwd=tmp_path, env={"COMPOSE_PROFILES": profiles})
        return json.loads(said)["services"]

    return read


def _published(services: dict) -> dict[str, str]:
    return {name: port["host_ip"] for name, each in services.items() for port in each.get("ports", [])}


def test_without_settings_and_with_the_example_the_same_is_started(compose) -> None:
    bare, example = compose(example=False), compose()

    assert set(bare) == set(example) == set(OWN)
    for name in OWN:
        assert (bare[name]["image"], bare[name]["ports"]) == (example[name]["image"], example[name]["ports"])


def test_only_the_gateway_can_be_opened_to_other_machines(compose) -> None:
    services = compose("HOST=0.0.0.0", "COMPOSE_PROFILES=observability")

    addresses = _published(services)
    assert addresses.pop("gateway") == "0.0.0.0"
    assert set(addresses) == {"asr", "tts", "prometheus", "grafana"}
    assert set(addresses.values()) == {"127.0.0.1"}


def test_ports_are_those_of_the_settings_outside_and_always_the_same_inside(compose) -> None:
    services = compose("GATEWAY_PORT=9999", "ASR_MANAGEMENT_PORT=1234")

    assert [(port["published"], port["target"]) for port in services["gateway"]["ports"]] == [("9999", 8000)]
    assert services["gateway"]["environment"]["GATEWAY_PORT"] == "8000"
    assert services["asr"]["environment"]["ASR_MANAGEMENT_PORT"] == "9081"
    assert {services[name]["environment"]["HOST"] for name in OWN} == {"0.0.0.0"}


@pytest.mark.parametrize("name", OWN)
def test_a_container_may_write_nowhere_and_gain_nothing(compose, name) -> None:
    service = compose()[name]

    assert service["read_only"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert "/health" in service["healthcheck"]["test"][-1]


def test_an_engine_with_dependencies_of_its_own_is_an_image_of_its_own(compose) -> None:
    asr = compose("ASR_ENGINE=openai-whisper")["asr"]

    assert asr["image"] == "speech-asr:dev-openai-whisper"
    assert asr["build"]["args"] == {"SERVICE": "asr", "EXTRAS": "openai-whisper"}


def test_googles_engine_is_one_variable(compose) -> None:
    assert compose("TTS_ENGINE=gtts")["tts"]["environment"]["TTS_ENGINE"] == "gtts"


@pytest.mark.parametrize(
    ("lines", "asr", "tts"),
    [
        ((), "whisper-base", "en_US-joe-medium"),
        (("ASR_ENGINE=fake", "TTS_ENGINE=fake"), "", ""),
        (("ASR_MODEL=/models/ours", "TTS_ENGINE=gtts"), "/models/ours", ""),
        (("TTS_ENGINE=gtts", 'TTS_OTHER_ENGINES=["piper"]'), "whisper-base", "en_US-joe-medium"),
    ],
)
def test_weights_are_fetched_for_the_engines_that_need_them(compose, tmp_path, lines, asr, tts) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$*"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    services = compose(*lines)

    for name, model in (("asr", asr), ("tts", tts)):
        command = [part.replace("$$", "$") for part in services[name]["command"]]
        environment = {**services[name]["environment"], "PATH": f"{tmp_path}:/usr/bin:/bin"}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=10)
        fetched = [f"-m speech_core.models fetch {model}"] if model else []
        assert ran.stdout.splitlines() == [*fetched, "-m speech_service"]


def test_keys_are_mounted_where_they_are_set_and_their_secret_is_the_gateways_alone(compose, tmp_path) -> None:
    (tmp_path / "keys.yaml").write_text("keys: []\n", encoding="utf-8")

    services = compose("GATEWAY_KEYS_FILE=./keys.yaml", "GATEWAY_KEY_SECRET=known-to-the-gateway")

    (mount,) = services["gateway"]["volumes"]
    assert (mount["source"], mount["target"]) == (str(tmp_path / "keys.yaml"), "/etc/kubespeech/keys.yaml")
    assert services["gateway"]["environment"]["GATEWAY_KEYS_FILE"] == "/etc/kubespeech/keys.yaml"
    assert services["gateway"]["environment"]["GATEWAY_KEY_SECRET"] == "known-to-the-gateway"
    assert all(services[name]["environment"]["GATEWAY_KEY_SECRET"] == "" for name in ("asr", "tts"))


def test_the_profile_adds_metrics_and_traces(compose) -> None:
    without, with_it = compose(), compose("COMPOSE_PROFILES=observability")

    assert set(with_it) - set(without) == {"prometheus", "grafana", "tempo"}
    assert without["asr"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == ""
    assert with_it["asr"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://tempo:4318"


def test_what_is_mounted_is_there(compose, tmp_path) -> None:
    for name, service in compose("COMPOSE_PROFILES=observability").items():
        for mount in service.get("volumes", []):
            if mount["type"] == "bind" and mount["source"] != "/dev/null":
                assert (ROOT / Path(mount["source"]).relative_to(tmp_path)).exists(), (name, mount["source"])


def test_prometheus_understands_its_file_and_asks_where_the_services_listen(compose, run) -> None:
    run("promtool", "check", "config", "--syntax-only", "deploy/prometheus.yml")
    text = (ROOT / "deploy/prometheus.yml").read_text(encoding="utf-8")

    services = compose()
    for name in OWN:
        port = services[name]["environment"][f"{name.upper()}_MANAGEMENT_PORT"]
        assert f'"{name}:{port}"' in text
