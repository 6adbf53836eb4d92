"""The pictures of the documentation, from the figures in `bench/results`."""

import json
import statistics
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

_RESULTS = Path(__file__).with_name("results")
_IMAGES = Path(__file__).parents[1] / "docs/images"
_NAMES = {
    "reference": "faster-whisper, transcribe",
    "batched": "faster-whisper, BatchedInferencePipeline",
    "http": "this service",
    "engine": "engine in process",
    "socket": "this service",
    "Piper's server": "Piper's own server",
}
_COLORS = {
    "http": "#3457d5", "socket": "#3457d5", "reference": "#9aa3b5", "batched": "#c7a24a",
    "engine": "#c7a24a", "wyoming-piper": "#6b7690", "Piper's server": "#9aa3b5",
}  # fmt: skip


def _ratios(way: str) -> list[tuple[int, list[float]]]:
    """By callers: how many times as fast as `transcribe` in the same round, whatever the machine's speed was then."""
    found: list[tuple[int, list[float]]] = []
    for path in _RESULTS.glob("recognition-[0-9]*.json"):
        throughput = {
            (row["way"], row["concurrency"]): [one["throughput"] for one in row["rounds"]]
            for row in json.loads(path.read_text(encoding="utf-8"))
        }
        found += [
            (callers, [one / beside for one, beside in zip(values, throughput["reference", callers], strict=True)])
            for (name, callers), values in throughput.items()
            if name == way
        ]
    return sorted(found)


def recognition() -> None:
    """Throughput by the number of callers, beside what a user would call instead."""
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for way in ("http", "batched"):
        points = _ratios(way)
        middle = [statistics.median(values) for _, values in points]
        around = [
            [median - min(values) for median, (_, values) in zip(middle, points, strict=True)],
            [max(values) - median for median, (_, values) in zip(middle, points, strict=True)],
        ]
        axes.errorbar(
            [str(callers) for callers, _ in points], middle, around,
            marker="o", capsize=3, label=_NAMES[way], color=_COLORS[way],
        )  # fmt: skip
    axes.axhline(1, label=_NAMES["reference"], color=_COLORS["reference"])
    axes.set(xlabel="callers", ylabel="times as fast", ylim=0, title="whisper-base, int8, beam 5, two cores")
    axes.legend(frameon=False)
    figure.savefig(_IMAGES / "recognition.png", dpi=130)


def synthesis() -> None:
    """First audio of a short text, a long sentence and ten sentences."""
    found = json.loads((_RESULTS / "synthesis.json").read_text(encoding="utf-8"))["first_audio"]
    figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
    measured = next(iter(found.values()))
    ways = [way for way in ("engine", "socket", "wyoming-piper", "Piper's server") if way in measured]
    for index, way in enumerate(ways):
        heights = [1000 * statistics.median(found[text][way]) for text in found]
        places = [at + (index - (len(ways) - 1) / 2) * 0.21 for at in range(len(found))]
        bars = axes.bar(places, heights, 0.19, label=_NAMES.get(way, way), color=_COLORS[way])
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(range(len(found)), list(found))
    axes.set(ylabel="first audio, ms", title="en_US-joe-medium, two cores")
    axes.legend(frameon=False)
    figure.savefig(_IMAGES / "synthesis.png", dpi=130)


if __name__ == "__main__":
    mpl.use("Agg")
    _IMAGES.mkdir(exist_ok=True)
    recognition()
    synthesis()
