"""Which traces a panel leads to: one rule, from what its queries ask."""

import json
import re
from collections.abc import Sequence
from urllib.parse import quote

# Numbers of requests; whatever else a service tells (models, processes, keys in force) has no trace.
_OF_REQUESTS = re.compile(
    r"\b(service:speech_(error|first_audio|queue|real_time|audio|coverage|wasted)\w*"
    r"|speech_(request|first_audio|real_time|compute|audio|in_flight|queue|batch|refused|cancelled|wasted|upstream|key_)\w*"
    r"|speech_sockets)"
)
# What the outermost aggregation keeps; without one, a series keeps what its selector fixes.
_KEPT = re.compile(r"\b(?:sum|max|min|avg|count)\b(?: by \(([^)]*)\))?")
_SERVICE = re.compile(r'service="(\w+)"')
_OUTCOMES = re.compile(r'speech_requests_total\{[^}]*outcome=~?"([\w|]+)"')
# The attribute of our spans that says the same as a label does.
_ATTRIBUTES = {
    "operation": "span.speech.operation",
    "outcome": "span.speech.outcome",
    "reason": "span.error.type",
    "stage": "span.speech.cancelled",
}


def traceql(expressions: Sequence[str]) -> str | None:
    """What Tempo is asked for; None where a panel is not about requests. Grafana fills in the labels of a series."""
    if not any(_OF_REQUESTS.search(expression) for expression in expressions):
        return None
    kept = set.intersection(*map(_labels, expressions))
    told = [label for label in _ATTRIBUTES if label in kept and _says(label, expressions)]
    wanted = [_resource(expressions, kept), *(f'{_ATTRIBUTES[label]}="{_field(label)}"' for label in told)]
    outcomes = {found for expression in expressions for found in _OUTCOMES.findall(expression)[:1]}
    if "outcome" not in kept and len(outcomes) == 1:
        wanted.append(f'span.speech.outcome=~"{outcomes.pop()}"')
    return f"{{{' && '.join(wanted)}}}"


def address(query: str) -> str:
    """Grafana's Explore with the *query*, over the time that is shown; what Grafana fills in stays as it is."""
    pane = {
        "datasource": "${traces}",
        "queries": [
            {
                "refId": "A",
                "datasource": {"type": "tempo", "uid": "${traces}"},
                "queryType": "traceql",
                "query": query,
            }
        ],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    parts = re.split(r"(\$\{[^}]+\})", json.dumps({"traces": pane}, separators=(",", ":")))
    return "/explore?schemaVersion=1&orgId=1&panes=" + "".join(
        part if part.startswith("${") else quote(part, safe="") for part in parts
    )


def _labels(expression: str) -> set[str]:
    found = _KEPT.search(expression)
    return set((found[1] or "").replace(" ", "").split(",")) - {""} if found else set()


def _resource(expressions: Sequence[str], kept: set[str]) -> str:
    fixed = {service for expression in expressions for service in _SERVICE.findall(expression)}
    if label := next((label for label in ("service", "upstream") if label in kept), None):
        named = _field(label)
    else:
        named = fixed.pop() if len(fixed) == 1 else "(gateway|tts|asr)"
    return f'resource.service.name=~".*{named}"'


def _says(label: str, expressions: Sequence[str]) -> bool:
    """The outcomes of what the gateway asks others are words of their own."""
    return label != "outcome" or not any("speech_upstream" in expression for expression in expressions)


def _field(label: str) -> str:
    return f"${{__field.labels.{label}}}"
