"""A Prometheus that has scraped the three services under load, and exporters that are not ours."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import pytest
from observatory.exporters import running_exporters
from observatory.load import CLIP, Callers, settings_with_keys
from observatory.prometheus import Job, Prometheus, running_prometheus
from observatory.stack import jobs_for

from speech_core.testing.needed import program
from speech_core.testing.stack import free_port, running_stack
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
    labelled = [job for job in jobs if any(job.targets.values())]
    return [*jobs, *(Job(f"{job.name}-native", {target: {} for target in job.targets}) for job in labelled)]


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Generator[Watched]:
    """Every kind of call went to the services, was scraped with and without a cluster's labels, and the rules ran."""
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("prometheus")
    settings = {"ASR_ENGINE": "fake", "TTS_ENGINE": "fake", "ASR_SEATS": "2", "TTS_SEATS": "2"}
    # Nobody listens there, but the requests have traces.
    settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    with (
        running_exporters() as exporters,
        running_stack(**settings, **settings_with_keys(folder)) as stack,
        running_prometheus(binary, folder, with_and_without_labels(jobs_for(stack, exporters))) as prometheus,
    ):
        wait_until(lambda: prometheus.scrapes("speech") >= 2)
        callers = Callers(stack.url, CLIP.read_bytes())
        while prometheus.scrapes("speech") < _SCRAPES:
            callers.round(at_once=9)
        seen = prometheus.scrapes("speech")
        wait_until(lambda: prometheus.scrapes("speech") >= seen + 3)
        end = float(prometheus.now("vector(time())")[0]["value"][1])
        yield Watched(prometheus, end - _SCRAPES, end)
