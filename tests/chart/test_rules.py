"""The rules find what the chart calls its objects, whatever it was told to call them."""

import re
from collections.abc import Iterator

import pytest

from .conftest import Render, Rendered

# What a rule matches by name, and the labels of kube-state-metrics that have it.
_MATCHED = re.compile(r'\b(deployment|horizontalpodautoscaler|pod)=~"([^"]*)"')
_KINDS = {"deployment": "Deployment", "horizontalpodautoscaler": "HorizontalPodAutoscaler", "pod": "Deployment"}
_SCALED = tuple(f'{name}.autoscaling={{"type":"hpa"}}' for name in ("gateway", "tts", "asr"))
_LONG = "an-extremely-long-name-of-a-team-and-its-stage"


def patterns(chart: Rendered) -> Iterator[tuple[str, str]]:
    """Label and pattern of every selector by name."""
    for rules in chart.of("PrometheusRule"):
        for group in rules["spec"]["groups"]:
            for rule in group["rules"]:
                yield from _MATCHED.findall(rule["expr"])


def names(chart: Rendered, label: str) -> list[str]:
    """What kube-state-metrics would say of what the chart makes; a pod adds a hash and five letters."""
    found = [each["metadata"]["name"] for each in chart.of(_KINDS[label])]
    return found if label != "pod" else [f"{name}-6d9f7c5b8d-"[:58] + "4kq2x" for name in found]


@pytest.mark.parametrize(
    "settings",
    [
        (),
        (f'fullnameOverride="{_LONG}"',),
        (f'nameOverride="{_LONG}"',),
        ('nameOverride="voice"',),
        ('fullnameOverride="voice"',),
    ],
    ids=["plain", "long", "long name", "another name", "another full name"],
)
def test_rules_by_name_find_the_releases_own_objects(render: Render, settings: tuple[str, ...]) -> None:
    chart = render(*settings, *_SCALED, scenario="monitoring")

    found = list(patterns(chart))
    assert {label for label, _ in found} == set(_KINDS)
    for label, pattern in found:
        components = re.findall("gateway|tts|asr", pattern.rpartition(")-(")[2] or pattern)
        wanted = [name for name in names(chart, label) if any(f"-{component}" in name for component in components)]
        assert wanted
        assert all(re.fullmatch(pattern, name) for name in wanted), (pattern, wanted)
        if label == "horizontalpodautoscaler":
            assert all(re.fullmatch(pattern, f"keda-hpa-{name}") for name in wanted), pattern


def test_rules_by_name_leave_others_objects_alone(render: Render) -> None:
    chart = render('fullnameOverride="voice"', scenario="monitoring")

    for _, pattern in patterns(chart):
        assert not re.fullmatch(pattern, "shop-gateway")
        assert not re.fullmatch(pattern, "shop-tts-6d9f7c5b8d-4kq2x")
