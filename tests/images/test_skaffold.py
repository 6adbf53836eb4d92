"""skaffold.yaml: every path, artifact, value and object that it names is there, with each of its profiles."""

import copy
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8"))
PROFILES = {"": [], **{profile["name"]: profile.get("patches", []) for profile in CONFIG["profiles"]}}


@pytest.fixture(params=list(PROFILES))
def config(request) -> dict[str, Any]:
    """The configuration with one profile's patches."""
    patched = copy.deepcopy(CONFIG)
    for patch in PROFILES[request.param]:
        _apply(patched, patch)
    return patched


def _apply(document: Any, patch: dict[str, Any]) -> None:
    *way, last = [int(part) if part.isdigit() else part for part in patch["path"].strip("/").split("/")]
    for part in way:
        document = document[part]
    match patch["op"]:
        case "add":
            document.append(patch["value"]) if last == "-" else document.insert(last, patch["value"])
        case "replace":
            assert last in document if isinstance(document, dict) else last < len(document)
            document[last] = patch["value"]
        case "remove":
            del document[last]


def _images(config: dict[str, Any]) -> set[str]:
    return {artifact["image"] for artifact in config["build"]["artifacts"]}


def _release(config: dict[str, Any]) -> dict[str, Any]:
    (release,) = config["deploy"]["helm"]["releases"]
    return release


def test_the_profiles_are_those_that_the_documentation_names() -> None:
    assert set(PROFILES) == {"", "cpu", "gpu", "fake", "debug"}


def test_every_artifact_is_a_target_and_a_variant_of_the_dockerfile(config) -> None:
    for artifact in config["build"]["artifacts"]:
        docker = artifact["docker"]
        recipe = (ROOT / docker["dockerfile"]).read_text(encoding="utf-8")
        arguments = docker["buildArgs"]
        assert set(arguments) <= set(re.findall(r"^ARG (\w+)", recipe, re.MULTILINE))
        assert artifact["image"] == f"speech-{arguments['SERVICE']}"
        assert docker.get("target", "service") in re.findall(r" AS (\w+)", recipe)
        lock = "-".join(filter(None, [arguments["SERVICE"], arguments.get("EXTRAS", "")]))
        assert (ROOT / f"requirements/{lock}.lock").is_file()


def test_what_is_synchronized_is_the_code_of_the_image(config) -> None:
    for artifact in config["build"]["artifacts"]:
        service = artifact["docker"]["buildArgs"]["SERVICE"]
        rules = artifact["sync"]["manual"]
        assert [rule["strip"] for rule in rules] == ["packages/speech-core/src/", f"services/{service}/src/"]
        for rule in rules:
            assert rule["src"].startswith(rule["strip"])
            assert list(ROOT.glob(rule["src"]))
            assert rule["dest"] == "/opt/speech"


def test_every_image_gets_into_a_value_of_the_chart(config) -> None:
    release = _release(config)
    values = yaml.safe_load((ROOT / release["chartPath"] / "values.yaml").read_text(encoding="utf-8"))

    used = set()
    for key, template in release["setValueTemplates"].items():
        component, image, field = key.split(".")
        assert field in values[component][image]
        (kind, name) = re.fullmatch(r"\{\{\.IMAGE_(REPO|TAG)_(\w+)\}\}", template).groups()
        assert {"repository": "REPO", "tag": "TAG"}[field] == kind
        assert name.replace("_", "-") == f"speech-{component}"
        used.add(name.replace("_", "-"))
    assert used == _images(config)


def test_what_is_forwarded_is_what_the_chart_makes(config, run) -> None:
    release = _release(config)
    values = [f"--values={ROOT / name}" for name in release["valuesFiles"]]
    rendered = run("helm", "template", release["name"], release["chartPath"], *values)
    objects = {(each["kind"].lower(), each["metadata"]["name"]): each for each in yaml.safe_load_all(rendered) if each}

    for forward in config["portForward"]:
        found = objects[forward["resourceType"], forward["resourceName"]]
        assert forward["port"] in _ports(found)


def _ports(found: dict[str, Any]) -> list[int]:
    if found["kind"] == "Service":
        return [port["port"] for port in found["spec"]["ports"]]
    containers = found["spec"]["template"]["spec"]["containers"]
    return [port["containerPort"] for container in containers for port in container["ports"]]


def test_the_debugger_is_not_restarted_under_its_hands() -> None:
    patched = copy.deepcopy(CONFIG)
    for patch in PROFILES["debug"]:
        _apply(patched, patch)

    assert [artifact["docker"].get("target") for artifact in patched["build"]["artifacts"]] == [None, None, None]


def test_skaffold_itself_accepts_it(run, tmp_path) -> None:
    """By its schema and by its parser; the public CI has it."""
    if shutil.which("skaffold") is None and os.environ.get("GITHUB_ACTIONS") != "true":
        pytest.skip("skaffold is missing")
    schema, written = tmp_path / "schema.json", tmp_path / "skaffold.json"
    schema.write_text(run("skaffold", "schema", "get", CONFIG["apiVersion"]), encoding="utf-8")
    written.write_text(json.dumps(CONFIG), encoding="utf-8")

    run("jsonschema", "--instance", str(written), str(schema))
    for profile in filter(None, PROFILES):
        run("skaffold", "diagnose", "--yaml-only", "--profile", profile)
