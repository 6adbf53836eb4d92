"""
Listeners who come at random moments, whoever is there: what they hear at parts of what the service can speak at most.

What it can speak at most is measured first, by callers who each ask again as soon as they have all of their sound. Then
listeners of ten sentences come as a Poisson process (the same one each time) and play in real time.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from player import Played, Speak
from service import tts
from synthesis import SHORT, TEN, over_socket

# More than there are cores for, so that none of them is ever free.
_CALLERS = 4
_MOST_LISTENERS = 200


class Row(NamedTuple):
    """What was heard at one load, a part of the capacity."""

    load: float
    listeners: int
    playing: float
    first_ms_p50: float
    first_ms_p95: float
    fell_silent: int
    silent_seconds: float
    longest_silence_seconds: float


def capacity(speak: Speak, seconds: float) -> float:
    """Audio seconds a second, of all callers together."""

    def call(_: int) -> float:
        audio_seconds = 0.0
        while time.perf_counter() < until_seconds:
            audio_seconds += speak(TEN).audio_seconds
        return audio_seconds

    began_seconds = time.perf_counter()
    until_seconds = began_seconds + seconds
    with ThreadPoolExecutor(_CALLERS) as callers:
        audio_seconds = sum(callers.map(call, range(_CALLERS)))
    return audio_seconds / (time.perf_counter() - began_seconds)


def moments(per_second: float, seconds: float, seed: int) -> Iterator[float]:
    """When listeners come, in seconds from the start."""
    draw = random.Random(seed)
    at_seconds = draw.expovariate(per_second)
    while at_seconds < seconds:
        yield at_seconds
        at_seconds += draw.expovariate(per_second)


def heard(speak: Speak, per_second: float, seconds: float, seed: int) -> list[Played]:
    """What each of them hears, who comes whether or not the others are through."""
    began_seconds = time.perf_counter()
    with ThreadPoolExecutor(_MOST_LISTENERS) as listeners:
        coming = []
        for at_seconds in moments(per_second, seconds, seed):
            time.sleep(max(0.0, began_seconds + at_seconds - time.perf_counter()))
            coming.append(listeners.submit(speak, TEN))
        return [one.result() for one in coming]


def row_of(load: float, played: list[Played], seconds: float) -> Row:
    firsts = sorted(1000 * one.first_seconds for one in played)
    return Row(
        load=load,
        listeners=len(played),
        playing=round(sum(one.audio_seconds for one in played) / seconds, 1),
        first_ms_p50=round(statistics.median(firsts)),
        first_ms_p95=round(firsts[int(0.95 * (len(firsts) - 1))]),
        fell_silent=sum(one.underruns > 0 for one in played),
        silent_seconds=round(sum(one.silent_seconds for one in played), 2),
        longest_silence_seconds=round(max(one.silent_seconds for one in played), 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=float, nargs="+", default=[0.5, 0.75, 0.9, 1.0])
    parser.add_argument("--seconds", type=float, default=120, help="for which listeners come, at each load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tts(seats=_MOST_LISTENERS) as service:
        speak = over_socket(service)
        speak(SHORT)
        most = capacity(speak, arguments.seconds / 4)
        audio_seconds = speak(TEN).audio_seconds
        print(f"at most {most:.1f} audio seconds a second; a text is {audio_seconds:.1f} s")
        print(" ".join(f"{name:>15}" for name in ("load", *Row._fields[1:])).replace("_seconds", "_s"))
        for load in arguments.loads:
            played = heard(speak, load * most / audio_seconds, arguments.seconds, arguments.seed)
            rows.append(row_of(load, played, arguments.seconds))
            print(" ".join(f"{value:15}" for value in rows[-1]), flush=True)
    if arguments.json:
        found = {"capacity": most, "audio_seconds": audio_seconds, "loads": [row._asdict() for row in rows]}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
