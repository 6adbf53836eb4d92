"""The Prometheus of the cluster finds the release by the chart's own terms, and answers every query of ours."""

import json
from collections.abc import Iterator

from observatory.questions import Question, of_dashboards, of_rules

from speech_core.testing.needed import variable

from .cluster import RELEASE
from .conftest import FAKES, Namespace, Values

MONITORED: Values = {
    "metrics": {"serviceMonitor": {"enabled": True, "interval": "5s"}, "prometheusRule": {"enabled": True}}
}
# Keys are asked for natively; alerts are pending only when something is wrong.
_NOT_HERE = ("speech_key_", "ALERTS")
# Asks until everything is answered with a number, and says what was not.
ASK = """
import json, math, sys, time, urllib.parse, urllib.request
address, queries, seconds = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])

def answered(query):
    parameters = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{address}/api/v1/query?{parameters}", timeout=20) as answer:
        series = json.load(answer)["data"]["result"]
    return any(math.isfinite(float(one["value"][1])) for one in series)

end = time.monotonic() + seconds
while queries and time.monotonic() < end:
    queries = [query for query in queries if not answered(query)]
    time.sleep(2)
print(json.dumps(queries))
"""


def queries(namespace: str) -> Iterator[str]:
    variables = {"__rate_interval": "1m", "__range": "5m", "namespace": namespace, "release": RELEASE}
    for question in (*of_dashboards(), *of_rules()):
        if not (question.label or question.is_foreign() or _is_not_here(question)):
            yield question.for_variables(variables).unfiltered()


def _is_not_here(question: Question) -> bool:
    return any(metric.startswith(_NOT_HERE) for metric in question.metrics())


def test_the_clusters_prometheus_answers_every_query(namespace: Namespace) -> None:
    prometheus = variable("E2E_PROMETHEUS", "a Prometheus that reads ServiceMonitors, as pods reach it")
    namespace.install(FAKES, MONITORED)

    with namespace.load(callers=4, kinds="speak,recognize,socket,echo"):
        namespace.python("ask", ASK, prometheus, json.dumps(list(queries(namespace.name))), "150")
        unanswered = json.loads(namespace.said("ask", seconds=200))

    assert unanswered == []
