"""The workflows: no known weakness, actions pinned by commit, and they call what a developer calls."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_actionlint_and_zizmor_find_nothing(run) -> None:
    assert run("actionlint", "-color=false") == ""
    run("zizmor", "--offline", "--no-progress", ".github")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_of_others_is_pinned_by_commit_and_says_its_version(path) -> None:
    for line in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_and_a_job_what_it_needs(path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name
        if path.name == "ci.yml":
            assert set(job["permissions"].items()) <= {("contents", "read")}, name


def test_ci_calls_verbs_and_scripts_that_are_there() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z0-9]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    called = {verb for line in re.findall(r"make ([a-z0-9 ]+)", text) for verb in line.split()}
    assert {"lint", "types", "contracts", "chart", "test", "fuzz", "images"} == called <= verbs
    for script in re.findall(r"run: (\.ci/[\w-]+)$", text, re.MULTILINE):
        assert (ROOT / script).is_file(), script


def test_the_gate_waits_for_every_other_job() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]

    assert set(jobs["gate"]["needs"]) == set(jobs) - {"gate"}


def test_every_image_of_the_chart_is_released() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    built = {(each["service"], each["extras"]) for each in release["jobs"]["images"]["strategy"]["matrix"]["include"]}

    locks = {path.stem for path in (ROOT / "requirements").glob("asr-*.lock")}
    variants = {("asr", lock.removeprefix("asr-")) for lock in locks}
    assert built == {("gateway", ""), ("tts", ""), ("asr", "")} | variants
