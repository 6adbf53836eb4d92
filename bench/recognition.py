"""Throughput side by side, in turn: our service, faster-whisper as it is called elsewhere, other servers of Whisper."""

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

_CELL = Path(__file__).with_name("recognition_cell.py")
WAYS = ("http", "engine", "reference", "batched")
_CELL_SECONDS = 1800


def cell(way: str, concurrency: int, servers: dict[str, list[str]], passed_on: list[str]) -> dict[str, float]:
    """One measurement in a fresh process."""
    asked = ["--way", "server", "--url", *servers[way]] if way in servers else ["--way", way]
    command = [sys.executable, str(_CELL), *asked, "--concurrency", str(concurrency), *passed_on]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_CELL_SECONDS, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"{way} at {concurrency} failed:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def named_server(text: str) -> tuple[str, list[str]]:
    name, _, urls = text.partition("=")
    return name, urls.split(",")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Other options go to recognition_cell.py.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument(
        "--server", type=named_server, action="append", default=[], metavar="NAME=URL[,URL]",
        help="one that runs already and takes OpenAI's form; those of several URLs share the callers",
    )  # fmt: skip
    parser.add_argument("--json", type=Path)
    arguments, passed_on = parser.parse_known_args()
    servers = dict(arguments.server)
    ways = [*arguments.ways, *servers]
    cells = [(way, concurrency) for way in ways for concurrency in arguments.concurrency]
    found: dict[tuple[str, int], list[dict[str, float]]] = {one: [] for one in cells}
    for number in range(arguments.rounds):
        for one in random.sample(cells, len(cells)):
            found[one].append(cell(*one, servers, passed_on))
            print(f"round {number + 1}: {one[0]} at {one[1]}: {found[one][-1]['throughput']:.2f}", file=sys.stderr)
    _print(ways, arguments, found)
    if arguments.json:
        rows = [{"way": way, "concurrency": at, "rounds": rounds} for (way, at), rounds in found.items()]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _print(
    ways: list[str], arguments: argparse.Namespace, found: dict[tuple[str, int], list[dict[str, float]]]
) -> None:
    """Audio seconds a second, each beside how many times as fast the first way was in the same round."""
    base = ways[0]
    print(f"audio seconds a second: median (least-most) of {arguments.rounds} rounds; x is {base} over it, by round")
    print(f"{'callers':>8}" + "".join(f"{way:>44}" for way in ways))
    for at in arguments.concurrency:
        row = f"{at:>8}"
        for way in ways:
            rounds, beside = found[way, at], found[base, at]
            ratios = [other["throughput"] / one["throughput"] for one, other in zip(rounds, beside, strict=True)]
            row += f"{spread([one['throughput'] for one in rounds]):>24} x{spread(ratios):>18}"
        print(row)
    print("p50 seconds of an answer")
    for at in arguments.concurrency:
        p50 = "".join(f"{spread([one['p50_seconds'] for one in found[way, at]]):>44}" for way in ways)
        print(f"{at:>8}{p50}")
    for way in ways:
        rounds = [one for at in arguments.concurrency for one in found[way, at]]
        rates = sorted({round(100 * one["errors"] / one["words"], 2) for one in rounds})
        print(f"word error rate of {way}: {', '.join(map(str, rates))} %")


if __name__ == "__main__":
    main()
