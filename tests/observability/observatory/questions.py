"""What dashboards and rules ask of Prometheus, made ready to be asked."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
DASHBOARDS = ROOT / "charts/kubespeech/dashboards"
RULES = ROOT / "charts/kubespeech/rules"

_LABELS = re.compile(r"\b(by|on|group_left)\s*\([^)]*\)")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_BRACES = re.compile(r"(\{[^}]*\})")
_COMPARISON = re.compile(r"(==|!=|>=|<=|>|<)(?!\s*bool)")
# Where the names of metrics begin; every other word in our PromQL is a function or a keyword.
_METRIC = re.compile(r"(speech_|service:|speech:|deployment:|process_|kube_|container_|keda_|DCGM_|ALERTS)")


@dataclass(frozen=True)
class Question:
    """One query and where it stands; with a *label*, what is asked for are its values."""

    place: str
    query: str
    label: str | None = None

    def for_variables(self, values: Mapping[str, str]) -> "Question":
        """With the dashboard's variables filled in, as Grafana does it."""
        query = self.query
        for name, value in values.items():
            query = query.replace(f"${name}", value)
        return Question(self.place, query, self.label)

    def unfiltered(self) -> str:
        """
        The query without what makes it empty on a good day, and with every metric that it names still needed.

        A comparison answers 0 or 1 for each series, and `unless` becomes `and`.
        """
        parts = _BRACES.split(self.query)
        # Every second part is a selector, whose signs mean something else.
        parts[::2] = [_COMPARISON.sub(r"\1 bool ", part.replace(" unless ", " and ")) for part in parts[::2]]
        return "".join(parts)

    def metrics(self) -> set[str]:
        bare = _LABELS.sub("", _BRACES.sub("", self.query))
        return {word for word in _WORD.findall(bare) if _METRIC.match(word)}

    def is_foreign(self) -> bool:
        return any(re.match("kube_|container_|keda_|DCGM_", metric) for metric in self.metrics())


def of_dashboards() -> Iterator[Question]:
    """Every query of every panel, and of the variables."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield Question(f"{path.stem}: {panel['title']} {target['refId']}", target["expr"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                selector, _, label = variable["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
                yield Question(f"{path.stem}: ${variable['name']}", selector, label)


def of_rules() -> Iterator[Question]:
    """Every expression that is recorded or alerted of."""
    for path in sorted(RULES.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for number, rule in enumerate(group["rules"]):
                name = rule.get("alert") or rule["record"]
                yield Question(f"{path.stem}: {group['name']} {number} {name}", rule["expr"])
