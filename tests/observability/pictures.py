"""
A picture of each dashboard, from what a real Prometheus answers: `python tests/observability/pictures.py --minutes 4`.

The services run with their real engines under a load that rises and falls. What is not ours (pods, autoscalers, GPUs)
is played from the files in `exporters`.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib as mpl
from conftest import CHOSEN, require, scrapes, stack_module
from exporters import NAMES, running_exporters
from load import Callers, settings_with_keys
from painter import Painter
from prometheus_server import Job, running_prometheus
from questions import DASHBOARDS, ROOT

from speech_core.testing.waiting import wait_until

IMAGES = ROOT / "docs/images/dashboards"
_SCRAPE_SECONDS, _SCRAPES = 2, 10
_AT_ONCE = (1, 2, 4, 8, 16, 8, 4, 2, 1)


def load(url: str, clip: bytes, minutes: float) -> None:
    """Callers of every kind, more and then fewer of them at once."""
    began_seconds = time.monotonic()
    while (passed := (time.monotonic() - began_seconds) / 60 / minutes) < 1:
        at_once = _AT_ONCE[int(passed * len(_AT_ONCE))]
        with ThreadPoolExecutor(2) as teams:
            rounds = [
                teams.submit(Callers(url, clip, team).round, share, max(1, at_once // 4))
                for team, share in (("team-a", at_once), ("team-b", max(1, at_once // 2)))
            ]
            for one in rounds:
                one.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    minutes = parser.parse_args().minutes
    mpl.rcParams["font.family"] = "DejaVu Sans"
    module = stack_module()
    with (
        tempfile.TemporaryDirectory() as name,
        running_exporters() as exporters,
        module.running_stack(**settings_with_keys(Path(name))) as stack,
    ):
        ours = [f"127.0.0.1:{process.management_port}" for process in (stack.gateway, stack.asr, stack.tts)]
        jobs = [Job("speech", ours, CHOSEN), *(Job(name, [exporters], path=f"/{name}") for name in NAMES)]
        with running_prometheus(require("prometheus"), Path(name), jobs, every=f"{_SCRAPE_SECONDS}s") as prometheus:
            # As many as the windows of the rates are long.
            wait_until(lambda: scrapes(prometheus) >= _SCRAPES, seconds=60)
            started = time.time()
            load(stack.url, module.CLIP.read_bytes(), minutes)
            painter = Painter(prometheus, started, time.time(), _SCRAPE_SECONDS)
            IMAGES.mkdir(parents=True, exist_ok=True)
            for path in sorted(DASHBOARDS.glob("*.json")):
                painter.paint(json.loads(path.read_text(encoding="utf-8")), IMAGES / f"{path.stem}.png")


if __name__ == "__main__":
    main()
