import socket
from pathlib import Path

import pytest
from rich.console import Console

from kubespeech.environment import Environment, EnvironmentFault, read_environment
from kubespeech.up import StartFault, check_ports, run


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


def test_the_example_is_valid_and_says_the_defaults(env_file: Path) -> None:
    example = Path(__file__).parents[2] / "env.example"
    env_file.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")

    assert read_environment(env_file).models() == Environment({}).models() == ["whisper-base", "en_US-joe-medium"]


def test_the_fakes_need_no_model() -> None:
    assert Environment({"ASR_ENGINE": "fake", "TTS_ENGINE": "fake"}).models() == []


@pytest.mark.parametrize("value", ["x", "0", "70000", "-1"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(EnvironmentFault, match=f"ASR_PORT must be a port, not '{value}'"):
        Environment({"ASR_PORT": value}).port("asr")


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "TTS_MANAGEMENT_PORT"])
def test_a_port_in_use_names_the_variable_to_change(variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = Environment({**free_ports(), variable: str(port)})

        with pytest.raises(StartFault, match=f"port {port} on 127.0.0.1 cannot be used .*; set {variable} to another"):
            check_ports(environment)


def test_a_service_that_cannot_start_stops_the_others_and_says_why(tmp_path: Path) -> None:
    environment = Environment({**free_ports(), "PATH": "", "XDG_CACHE_HOME": str(tmp_path), "ASR_ENGINE": "fake",
                               "TTS_ENGINE": "fake", "ASR_SEATS": "many", "MODELS_DIR": str(tmp_path)})  # fmt: skip

    with pytest.raises(StartFault, match="ended with"):
        run(environment, Console(quiet=True))


def free_ports() -> dict[str, str]:
    names = [f"{service}_{kind}" for service in ("GATEWAY", "ASR", "TTS") for kind in ("PORT", "MANAGEMENT_PORT")]
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    for probe in probes:
        probe.close()
    return ports
