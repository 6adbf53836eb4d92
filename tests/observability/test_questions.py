"""Every query of every panel, variable and rule gets an answer from a Prometheus that scraped the services."""

import math
import re
import subprocess

import pytest
import yaml
from observatory.questions import ROOT, Question, of_dashboards, of_rules
from observatory.stack import CHOSEN

from speech_core.testing.needed import program

pytestmark = pytest.mark.timeout(180)

_TIMES = {"__rate_interval": "10s", "__range": "30s", "__interval": "1s"}
# What a user has chosen in the variables: all, one of each, or (as where a scrape adds no labels) none.
_EVERYTHING = {"namespace": ".*", "release": ".*", "fullname": CHOSEN["fullname"]}
_NOTHING = {"namespace": "", "release": "", "fullname": ""}
# A number of ours, which asks for nothing.
_BUDGET = "vector(0.005)"
_BOARDS = tuple(of_dashboards())
_RULES = tuple(of_rules())


def answered(watched, question: Question, variables: dict[str, str]) -> bool:
    """Whether there is at least one series with a number in it."""
    ready = question.for_variables({**_TIMES, **variables})
    if ready.label is not None:
        return bool(watched.prometheus.label_values(ready.label, ready.query))
    series = watched.prometheus.over(ready.unfiltered(), watched.start, watched.end, 1)
    return any(math.isfinite(float(value)) for one in series for _, value in one["values"])


def by_place(question: Question) -> str:
    return question.place


@pytest.mark.parametrize("question", _BOARDS, ids=by_place)
@pytest.mark.parametrize("variables", [CHOSEN, _EVERYTHING], ids=["one", "all"])
def test_a_panel_has_something_to_show(watched, question, variables) -> None:
    assert answered(watched, question, variables), question.query


@pytest.mark.parametrize(
    "question", [one for one in _BOARDS if one.label is None and not one.is_foreign()], ids=by_place
)
def test_a_panel_works_where_the_scrape_adds_no_labels(watched, question) -> None:
    assert answered(watched, question, _NOTHING), question.query


@pytest.mark.parametrize("question", _RULES, ids=by_place)
def test_a_rule_finds_its_metrics(watched, question) -> None:
    assert answered(watched, question, {}), question.query


@pytest.mark.parametrize("question", [one for one in (*_BOARDS, *_RULES) if one.query != _BUDGET], ids=by_place)
def test_a_renamed_metric_is_found_out(watched, question) -> None:
    metrics = question.metrics()

    assert metrics
    for metric in metrics:
        renamed = re.sub(rf"\b{metric}\b", f"{metric}_of_old", question.query)
        assert not answered(watched, Question(question.place, renamed, question.label), CHOSEN), metric


@pytest.mark.parametrize(
    "histogram", ["speech_request_seconds", "speech_first_audio_seconds", "speech_queue_wait_seconds"]
)
def test_a_latency_leads_to_a_trace(watched, histogram) -> None:
    found = watched.prometheus.exemplars(f'{histogram}_bucket{{release="demo"}}', watched.start, watched.end)

    traces = [one["labels"]["trace_id"] for series in found for one in series["exemplars"]]
    assert traces
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


def test_prometheus_evaluates_every_rule_without_a_fault(watched) -> None:
    rules = watched.prometheus.rules()

    assert len(rules) == len(_RULES)
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_the_budget_burns_when_callers_are_refused(watched) -> None:
    alerts = {rule["name"] for rule in watched.prometheus.rules() if rule["type"] == "alerting" and rule["alerts"]}

    assert "SpeechErrorBudgetBurn" in alerts


@pytest.mark.parametrize("component", ["gateway", "tts", "asr"])
def test_an_autoscaler_by_keda_finds_its_demand(watched, component) -> None:
    query = keda_query(component)

    assert answered(watched, Question(component, query), {})
    assert not answered(watched, Question(component, query.replace("speech_in_flight", "speech_gone")), {})


def keda_query(component: str) -> str:
    """What the chart's ScaledObject asks Prometheus in the release that was scraped."""
    chart = [program("helm"), "template", CHOSEN["release"], str(ROOT / "charts/kubespeech"), "--namespace=speech"]
    values = {"type": "keda", "keda.serverAddress": "http://prometheus:9090", "minReplicas": "1"}
    settings = [f"--set={component}.autoscaling.{name}={value}" for name, value in values.items()]
    rendered = subprocess.run([*chart, *settings], capture_output=True, text=True, check=True, timeout=60).stdout
    (scaled,) = [
        each
        for each in yaml.safe_load_all(rendered)
        if each and each["kind"] == "ScaledObject" and each["metadata"]["name"].endswith(f"-{component}")
    ]
    return scaled["spec"]["triggers"][0]["metadata"]["query"]
