import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kubespeech import StartFault
from kubespeech.environment import Environment, EnvironmentFault, read_environment
from kubespeech.ports import check_ports
from kubespeech.up import run, variables_of


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_file_is_read_and_the_environment_wins(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("GATEWAY_PORT=1\nASR_PORT=2\nMODELS_DIR=\n", encoding="utf-8")
    monkeypatch.setenv("ASR_PORT", "3")
    monkeypatch.delenv("MODELS_DIR", raising=False)

    environment = read_environment(env_file)

    assert (environment.port("gateway"), environment.port("asr"), environment.port("tts")) == (1, 3, 8082)
    assert environment.models_dir == Path("~/.cache/kubespeech/models").expanduser()


def test_an_unknown_name_in_the_file_is_one_clear_line(env_file: Path) -> None:
    env_file.write_text("GATWAY_PORT=1\n", encoding="utf-8")

    with pytest.raises(EnvironmentFault, match=r"unknown variable GATWAY_PORT; known: HOST.*GATEWAY_"):
        read_environment(env_file)


def test_the_names_of_compose_and_of_opentelemetry_may_stand_in_the_file(env_file: Path) -> None:
    env_file.write_text("COMPOSE_PROFILES=observability\nOTEL_TRACES_SAMPLER=always_on\n", encoding="utf-8")

    assert read_environment(env_file).variables["OTEL_TRACES_SAMPLER"] == "always_on"


def test_the_example_is_valid_and_says_the_defaults(env_file: Path) -> None:
    example = Path(__file__).parents[2] / "env.example"
    env_file.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")

    assert read_environment(env_file).models() == Environment({}).models() == ["whisper-base", "en_US-joe-medium"]


def test_the_fakes_need_no_model() -> None:
    assert Environment({"ASR_ENGINE": "fake", "TTS_ENGINE": "fake"}).models() == []


def test_piper_needs_its_voice_also_beside_another_engine() -> None:
    beside = {"ASR_ENGINE": "fake", "TTS_ENGINE": "gtts", "TTS_OTHER_ENGINES": '["piper", "espeak"]'}

    assert Environment(beside).models() == ["en_US-joe-medium"]


@pytest.mark.parametrize("value", ["x", "0", "70000", "-1"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(EnvironmentFault, match=f"ASR_PORT must be a port, not '{value}'"):
        Environment({"ASR_PORT": value}).port("asr")


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "TTS_MANAGEMENT_PORT"])
def test_a_port_in_use_names_the_variable_to_change(variable: str, free_ports: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = Environment({**free_ports, variable: str(port)})

        with pytest.raises(StartFault, match=f"port {port} on 127.0.0.1 cannot be used .*; set {variable} to another"):
            check_ports(environment)


@pytest.mark.parametrize(("one", "other"), [("ASR_PORT", "TTS_PORT"), ("TTS_MANAGEMENT_PORT", "GATEWAY_PORT")])
def test_a_port_given_twice_is_one_line_that_names_both(
    tmp_path: Path, free_ports: dict[str, str], one: str, other: str
) -> None:
    variables = {**free_ports, one: free_ports[other], "XDG_CACHE_HOME": str(tmp_path), "MODELS_DIR": str(tmp_path)}

    ran = subprocess.run(
        [sys.executable, "-m", "kubespeech", "up"],
        env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip

    line = f"error: {one} and {other} are both {free_ports[other]}; set one of them to another port\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["the environment", "the file"])
def test_an_empty_folder_of_models_is_the_default_for_us_and_the_services(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("MODELS_DIR", raising=False)
    if given == "the environment":
        monkeypatch.setenv("MODELS_DIR", "")
    else:
        env_file.write_text("MODELS_DIR=\n", encoding="utf-8")

    environment = read_environment(env_file)

    default = Path("~/.cache/kubespeech/models").expanduser()
    assert environment.models_dir == default
    assert variables_of(environment)["MODELS_DIR"] == str(default)


def test_the_services_are_told_an_absolute_folder_of_models() -> None:
    assert variables_of(Environment({"MODELS_DIR": "here"}))["MODELS_DIR"] == str(Path.cwd() / "here")


def test_a_service_that_cannot_start_stops_the_others_and_says_why(tmp_path: Path, free_ports: dict[str, str]) -> None:
    environment = Environment({**free_ports, "PATH": "", "XDG_CACHE_HOME": str(tmp_path), "ASR_ENGINE": "fake",
                               "TTS_ENGINE": "fake", "ASR_SEATS": "many", "MODELS_DIR": str(tmp_path)})  # fmt: skip

    with pytest.raises(StartFault, match="ended with"):
        run(environment, Console(quiet=True))
