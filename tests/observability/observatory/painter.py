"""A dashboard as a picture: its panels where Grafana puts them, with what Prometheus answers to their queries."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, MaxNLocator

from observatory.prometheus import Prometheus
from observatory.questions import Question
from observatory.stack import CHOSEN

_INCH_WIDE, _INCH_HIGH = 0.72, 0.36
_INK, _PAPER, _CARD, _FAINT = "#24292f", "#f4f5f7", "#ffffff", "#8c959f"
_COLORS = {"green": "#2e8b57", "orange": "#d9822b", "red": "#c9372c", "blue": "#3457d5"}
_HEADING = {"weight": "bold", "va": "center", "color": _INK}
_LEGEND_ENTRIES = 9
# Characters of which three columns of a legend have room.
_SHORT, _LONG = 24, 36


def spoken(value: float, unit: str) -> str:
    """As Grafana writes a value of this unit, nearly."""
    if not math.isfinite(value):
        return "-"
    match unit:
        case "percentunit":
            return f"{value * 100:.4g} %"
        case "percent":
            return f"{value:.4g} %"
        case "s" if value and abs(value) < 1:
            return f"{value * 1000:.3g} ms"
        case "s" if abs(value) >= 120:
            return f"{value / 60:.3g} min"
        case "bytes":
            return f"{value / 2**20:.3g} MiB"
        case _:
            return f"{value:.4g}{ {'s': ' s', 'reqps': '/s', 'celsius': ' °C', 'watt': ' W'}.get(unit, '') }"


class Painter:
    """Draws the panels of one dashboard with what Prometheus had to say between *start* and *end*."""

    def __init__(self, prometheus: Prometheus, start: float, end: float, step: float) -> None:
        self._prometheus = prometheus
        self._start = start
        self._end = end
        self._step = step
        self._variables = CHOSEN | {
            "__rate_interval": f"{int(step * 10)}s",
            "__range": f"{int(end - start)}s",
        }

    def paint(self, board: Mapping[str, Any], path: Path) -> None:
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        figure = pyplot.figure(figsize=(24 * _INCH_WIDE, (rows + 1.4) * _INCH_HIGH), facecolor=_PAPER)
        self._height = rows + 1.4
        figure.text(0.006, 1 - 0.75 / self._height, board["title"], fontsize=15, **_HEADING)
        for panel in board["panels"]:
            self._panel(figure, panel)
        figure.savefig(path, dpi=72)
        pyplot.close(figure)

    def _panel(self, figure: Any, panel: Mapping[str, Any]) -> None:
        place = panel["gridPos"]
        left, top = place["x"] / 24, 1 - (place["y"] + 1.4) / self._height
        wide, high = place["w"] / 24, place["h"] / self._height
        if panel["type"] == "row":
            figure.text(
                left + 0.006, top - high / 2, panel["title"], fontsize=11, weight="bold", va="center", color=_INK
            )
            return
        margin_x, margin_y = 0.003, 0.14 / self._height
        card = (left + margin_x, top - high + margin_y, wide - 2 * margin_x, high - 2 * margin_y)
        axes = figure.add_axes(card, facecolor=_CARD)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_color("#d8dce2")
        axes.text(
            0.01 * 24 / place["w"],
            1 - 0.5 / place["h"],
            panel["title"],
            fontsize=9,
            weight="bold",
            va="center",
            color=_INK,
        )
        if panel["type"] == "stat":
            self._number(axes, panel)
        else:
            inner = (card[0] + 0.034, card[1] + 2.0 / self._height, card[2] - 0.040, card[3] - 3.1 / self._height)
            self._lines(figure.add_axes(inner), panel)

    def _number(self, axes: Any, panel: Mapping[str, Any]) -> None:
        unit = panel["fieldConfig"]["defaults"]["unit"]
        values = list(self._values(panel))
        for number, (name, value) in enumerate(values):
            where = (number + 0.5) / len(values)
            color = _color(value, panel["fieldConfig"]["defaults"]["thresholds"]["steps"])
            axes.text(where, 0.44, spoken(value, unit), fontsize=16, ha="center", va="center", color=color)
            axes.text(where, 0.14, name, fontsize=8, ha="center", va="center", color=_FAINT)

    def _values(self, panel: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        for target in panel["targets"]:
            for one in self._prometheus.now_at(self._query(target), self._end):
                yield _legend(target["legendFormat"], one["metric"]), float(one["value"][1])

    def _lines(self, axes: Any, panel: Mapping[str, Any]) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        stacked = "stacking" in defaults["custom"]
        below: dict[float, float] = {}
        for target in panel["targets"]:
            for one in self._prometheus.over(self._query(target), self._start, self._end, self._step):
                points = [(float(at), float(value)) for at, value in one["values"]]
                minutes = [(at - self._start) / 60 for at, _ in points]
                base = [below.get(at, 0.0) for at, _ in points] if stacked else [0.0] * len(points)
                heights = [value + under for (_, value), under in zip(points, base, strict=True)]
                (line,) = axes.plot(minutes, heights, linewidth=1, label=_legend(target["legendFormat"], one["metric"]))
                axes.fill_between(
                    minutes, base, heights, color=line.get_color(), alpha=0.5 if stacked else 0.08, linewidth=0
                )
                below |= {at: height for (at, _), height in zip(points, heights, strict=True)}
        _frame(axes, defaults["unit"], (self._end - self._start) / 60)

    def _query(self, target: Mapping[str, Any]) -> str:
        return Question("", target["expr"]).for_variables(self._variables).query


def _frame(axes: Any, unit: str, minutes: float) -> None:
    axes.set_xlim(0, minutes)
    top = axes.get_ylim()[1] if axes.dataLim.y1 > 0 else 1
    # A line at zero lies on the axis, where it would not be seen.
    axes.set_ylim(-0.02 * top, top)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: spoken(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=7, colors=_FAINT, length=0)
    axes.grid(color="#eceef1", linewidth=0.7)
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[:_LEGEND_ENTRIES],
        [_short(label) for label in labels[:_LEGEND_ENTRIES]],
        loc="upper left",
        bbox_to_anchor=(-0.06, -0.13),
        ncols=2 if max(map(len, labels), default=0) > _SHORT else 3,
        fontsize=7,
        frameon=False,
        labelcolor=_INK,
        handlelength=1.2,
        columnspacing=1.2,
        borderaxespad=0,
    )


def _legend(template: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        template = template.replace("{{" + name + "}}", value)
    return template


def _short(label: str) -> str:
    return label if len(label) <= _LONG else f"…{label[1 - _LONG :]}"


def _color(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return _COLORS[reached[-1]]
