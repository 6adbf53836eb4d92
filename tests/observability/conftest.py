"""A Prometheus that has scraped the three services under load, and exporters that are not ours."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
TOOLS = _HERE.parents[1] / ".venv/tools/bin"
sys.path.insert(0, str(_HERE))

from exporters import NAMES, running_exporters  # noqa: E402 - the folder comes first
from load import Callers, settings_with_keys  # noqa: E402
from prometheus_server import Job, Prometheus, running_prometheus  # noqa: E402

from speech_core.testing.waiting import wait_until  # noqa: E402

CHOSEN = {"namespace": "speech", "release": "demo"}
_SCRAPES = 12


@dataclass(frozen=True)
class Watched:
    """What was scraped, and when."""

    prometheus: Prometheus
    start: float
    end: float


def stack_module() -> Any:
    """How the services are started for all tests of the whole."""
    spec = importlib.util.spec_from_file_location("stack_of_all", _HERE.parent / "stack/conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def require(name: str) -> str:
    """A program by name, of `.ci` or of this machine: without it a test is left out here, and fails in CI."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is missing; .ci/observability and .ci/chart fetch it")
    assert found is not None, f"{name} is missing"
    return found


@pytest.fixture(scope="session")
def promtool() -> str:
    return require("promtool")


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Generator[Watched]:
    """Every kind of call went to the services, was scraped with and without a cluster's labels, and the rules ran."""
    binary, folder = require("prometheus"), tmp_path_factory.mktemp("prometheus")
    module = stack_module()
    settings = {"ASR_ENGINE": "fake", "TTS_ENGINE": "fake", "ASR_SEATS": "2", "TTS_SEATS": "2"}
    # Nobody listens there, but the requests have traces.
    settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{module.free_port()}"
    with (
        running_exporters() as exporters,
        module.running_stack(**settings, **settings_with_keys(folder)) as stack,
    ):
        ours = [f"127.0.0.1:{process.management_port}" for process in (stack.gateway, stack.asr, stack.tts)]
        jobs = [Job("speech", ours, CHOSEN), Job("native", ours)]
        jobs += [Job(name, [exporters], path=f"/{name}") for name in NAMES]
        with running_prometheus(binary, folder, jobs) as prometheus:
            wait_until(lambda: scrapes(prometheus) >= 2)
            callers = Callers(stack.url, module.CLIP.read_bytes())
            while scrapes(prometheus) < _SCRAPES:
                callers.round(at_once=9)
            seen = scrapes(prometheus)
            wait_until(lambda: scrapes(prometheus) >= seen + 3)
            end = float(prometheus.now("vector(time())")[0]["value"][1])
            yield Watched(prometheus, end - _SCRAPES, end)


def scrapes(prometheus: Prometheus) -> float:
    """How often the services were scraped, each of them."""
    found = prometheus.now('min(count_over_time(up{job="speech"}[1h]))')
    return float(found[0]["value"][1]) if found else 0.0
