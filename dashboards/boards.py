"""What a dashboard asks of Prometheus, as it is written down in the YAML files beside this one."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

# What stands in a query for the dashboard's variables. Where the scrape adds no such labels, `All` matches none. What
# is not ours knows no release, only names: they begin as those of the pods that the release was scraped from.
_SCOPES = {
    "@scope": 'namespace=~"$namespace",release=~"$release"',
    "@pods": 'namespace=~"$namespace",pod=~"$fullname-(gateway|tts|asr)-.+"',
    "@deployments": 'namespace=~"$namespace",deployment=~"$fullname-(gateway|tts|asr)"',
    "@autoscalers": ('namespace=~"$namespace",horizontalpodautoscaler=~"(keda-hpa-)?$fullname-(gateway|tts|asr)"'),
    "@scaledobjects": 'scaledObject=~"$fullname-(gateway|tts|asr)"',
    # Without honorLabels Prometheus calls the labels of an exporter's pods exported_.
    "@exported": 'exported_namespace=~"$namespace",exported_pod=~"$fullname-(gateway|tts|asr)-.+"',
}


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ask(_Written):
    """A *query*, or *quantiles* `of` a histogram (its name and selector) for each value of the labels *by*."""

    legend: str = ""
    query: str | None = None
    quantiles: tuple[float, ...] = ()
    of: str = ""
    by: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> "Ask":
        if (self.query is None) != bool(self.quantiles and self.of and self.by):
            raise ValueError("give `query`, or `quantiles` with `of` and `by`")
        return self

    @property
    def queries(self) -> tuple[tuple[str, str], ...]:
        """Legend and PromQL, with the dashboard's variables in it."""
        if self.query is not None:
            return ((self.legend, _scoped(self.query)),)
        name, _, selector = self.of.partition("{")
        rates = _scoped(f"sum by ({self.by}, le) (rate({name}_bucket{{{selector}[$__rate_interval]))")
        return tuple(
            (f"p{level * 100:g} {self.legend}".strip(), f"histogram_quantile({level:g}, {rates})")
            for level in self.quantiles
        )


class Panel(_Written):
    """
    *lines* over time, or the last *number* alone; either is the title.

    *colors* are what a number turns to `from` the start and from each value on.
    """

    lines: str | None = None
    number: str | None = None
    about: str
    unit: str
    asks: tuple[Ask, ...]
    span: int | None = None
    stacked: bool = False
    colors: dict[str | float, str] = {"from": "blue"}

    @model_validator(mode="after")
    def _one_kind(self) -> "Panel":
        if (self.lines is None) == (self.number is None):
            raise ValueError("give `lines` or `number`")
        return self

    @property
    def title(self) -> str:
        return self.lines or self.number or ""


class Row(_Written):
    heading: str
    panels: tuple[Panel, ...]


class Board(_Written):
    """One dashboard: rows of panels under headings."""

    title: str
    description: str
    rows: tuple[Row, ...]


def boards() -> dict[str, Board]:
    """All of them, by the names of their files."""
    paths = sorted(Path(__file__).parent.glob("*.yaml"))
    return {path.stem: Board(**yaml.safe_load(path.read_text(encoding="utf-8"))) for path in paths}


def _scoped(query: str) -> str:
    for name, labels in _SCOPES.items():
        query = query.replace(name, labels)
    return query
