"""A real Prometheus of one's own: what it scrapes, when it is ready, what it answers."""

import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from observatory.questions import RULES
from speech_core.testing.stack import free_port
from speech_core.testing.waiting import wait_until


@dataclass(frozen=True)
class Job:
    """What is scraped: *targets* by host and port, with the labels that are added, but an exporter's own win."""

    name: str
    targets: Mapping[str, Mapping[str, str]]
    path: str = "/metrics"

    def config(self) -> dict[str, Any]:
        return {
            "job_name": self.name,
            "honor_labels": True,
            "metrics_path": self.path,
            "static_configs": [{"targets": [target], "labels": dict(added)} for target, added in self.targets.items()],
        }


class Prometheus:
    """Asked by its HTTP API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def now(self, query: str) -> list[dict[str, Any]]:
        """Series with their last value; raises `ValueError` with Prometheus' own words for a query that is none."""
        found = self._get("query", query=query)["result"]
        return found if isinstance(found, list) else []

    def now_at(self, query: str, at: float) -> list[dict[str, Any]]:
        """Series with their value at a time."""
        return self._get("query", query=query, time=at)["result"]

    def over(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series with their values from *start* to *end*."""
        return self._get("query_range", query=query, start=start, end=end, step=step)["result"]

    def label_values(self, label: str, selector: str) -> list[str]:
        return self._get(f"label/{label}/values", **{"match[]": selector})

    def exemplars(self, query: str, start: float, end: float) -> list[dict[str, Any]]:
        return self._get("query_exemplars", query=query, start=start, end=end)

    def scrapes(self, job: str) -> float:
        """How often each target of the job was scraped, at least."""
        found = self.now(f'min(count_over_time(up{{job="{job}"}}[1h]))')
        return float(found[0]["value"][1]) if found else 0.0

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        if answer["status"] != "success":
            raise ValueError(f"{answer['error']}: {parameters}")
        return answer["data"]


@contextmanager
def running_prometheus(binary: str, folder: Path, jobs: Sequence[Job], *, every: str = "1s") -> Generator[Prometheus]:
    """Scrape *jobs* and evaluate the chart's rules, as long as the block."""
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
                "rule_files": [str(RULES / "*.yaml")],
                "scrape_configs": [job.config() for job in jobs],
            }
        ),
        encoding="utf-8",
    )
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=30) as client:
            prometheus = Prometheus(client)
            wait_until(lambda: process.poll() is not None or prometheus.ready())
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            yield prometheus
    finally:
        process.terminate()
        process.wait(20)
