"""The rules as promtool sees them: well formed, and each alert tried firing and silent."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from observatory.questions import ROOT, RULES

_TESTS = sorted(Path(__file__).with_name("rules").glob("*.yaml"))
_RUNBOOKS = ROOT / "docs/runbooks.md"
_ADDRESS = "https://github.com/kubespeech/kubespeech/blob/main/docs/runbooks.md#"


def alerts() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def tried() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Each look at an alert in the tests: its name, and the labels of what was to fire."""
    for path in _TESTS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for look in test["alert_rule_test"]:
                yield look["alertname"], [one["exp_labels"] for one in look["exp_alerts"]]


_LOOKS = list(tried())


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_promtool_finds_no_fault_in_the_rules(promtool) -> None:
    checked = run(promtool, "check", "rules", *map(str, sorted(RULES.glob("*.yaml"))))

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent(promtool, path) -> None:
    tested = run(promtool, "test", "rules", str(path))

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("rule", list(alerts()), ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_is_tried_firing_and_silent(rule) -> None:
    looks = [fired for name, fired in _LOOKS if name == rule["alert"]]

    # Labels tell the rules of one alert apart.
    assert any(rule["labels"].items() <= labels.items() for fired in looks for labels in fired)
    assert [] in looks


@pytest.mark.parametrize("rule", list(alerts()), ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_says_how_bad_what_and_what_to_do(rule) -> None:
    chapters = re.findall(r"^## (\w+)$", _RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    notes = rule["annotations"]

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert notes["summary"]
    assert notes["description"]
    assert notes["runbook_url"] == _ADDRESS + rule["alert"].lower()
    assert rule["alert"] in chapters
