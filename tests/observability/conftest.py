"""A Prometheus that has scraped the three services under load, and exporters that are not ours."""

import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from observatory.exporters import running_exporters
from observatory.load import Callers, settings_with_keys
from observatory.prometheus import Job, Prometheus, running_prometheus
from observatory.stack import jobs_for, require, stack_module

from speech_core.testing.waiting import wait_until

_SCRAPES = 12


@dataclass(frozen=True)
class Watched:
    """What was scraped, and when."""

    prometheus: Prometheus
    start: float
    end: float


def with_and_without_labels(jobs: Sequence[Job]) -> list[Job]:
    """Each target with a cluster's labels also without, as outside of one."""
    return [*jobs, *(Job(f"{job.name}-native", job.targets) for job in jobs if job.labels)]


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
        running_prometheus(binary, folder, with_and_without_labels(jobs_for(stack, exporters))) as prometheus,
    ):
        wait_until(lambda: prometheus.scrapes("speech") >= 2)
        callers = Callers(stack.url, module.CLIP.read_bytes())
        while prometheus.scrapes("speech") < _SCRAPES:
            callers.round(at_once=9)
        seen = prometheus.scrapes("speech")
        wait_until(lambda: prometheus.scrapes("speech") >= seen + 3)
        end = float(prometheus.now("vector(time())")[0]["value"][1])
        yield Watched(prometheus, end - _SCRAPES, end)
