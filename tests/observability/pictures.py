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
from observatory.exporters import running_exporters
from observatory.load import CLIP, Callers, settings_with_keys
from observatory.painter import Painter
from observatory.prometheus import running_prometheus
from observatory.questions import DASHBOARDS, ROOT
from observatory.stack import jobs_for

from speech_core.testing.needed import program
from speech_core.testing.stack import running_stack
from speech_core.testing.waiting import wait_until

IMAGES = ROOT / "docs/images/dashboards"
_SCRAPE_SECONDS, _SCRAPES = 2, 10
_AT_ONCE = (1, 2, 3, 4, 6, 4, 3, 2, 1)


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
    parser.add_argument("--minutes", type=float, default=2.5)
    minutes = parser.parse_args().minutes
    mpl.rcParams["font.family"] = "DejaVu Sans"
    with (
        tempfile.TemporaryDirectory() as name,
        running_exporters() as exporters,
        running_stack(**settings_with_keys(Path(name))) as stack,
        running_prometheus(
            program("prometheus"), Path(name), jobs_for(stack, exporters), every=f"{_SCRAPE_SECONDS}s"
        ) as prometheus,
    ):
        # As many as the windows of the rates are long.
        wait_until(lambda: prometheus.scrapes("speech") >= _SCRAPES, seconds=60)
        started = time.time()
        load(stack.url, CLIP.read_bytes(), minutes)
        painter = Painter(prometheus, started, time.time(), _SCRAPE_SECONDS)
        IMAGES.mkdir(parents=True, exist_ok=True)
        for path in sorted(DASHBOARDS.glob("*.json")):
            painter.paint(json.loads(path.read_text(encoding="utf-8")), IMAGES / f"{path.stem}.png")


if __name__ == "__main__":
    main()
