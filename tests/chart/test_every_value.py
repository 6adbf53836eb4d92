"""Each value that the chart can be told, told something else: what is rendered changes, and says what was told."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from .conftest import CHART, Render
from .values import Values

Path = tuple[str, ...]
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ENGINES = ("asr", "tts")
COMPONENTS = ("gateway", *ENGINES)
# Left there by a parent chart's condition; it renders nothing.
NOT_OURS = ("enabled",)

FILE = {"url": "http://other", "sha256": "0" * 64, "size_bytes": 1}
# What a value of any text would not be: by the last of its names.
OTHER: Mapping[str, Any] = {
    "config": {"seats": 63},
    "digest": f"sha256:{'1' * 64}",
    "endpoint": "http://other:81",
    "extraObjects": [{"kind": "Other", "metadata": {"name": "other"}}],
    "hostPath": "/other",
    "http": "http://other:81",
    "https": "http://other:81",
    "interval": "7s",
    "limits": {"memory": "7Gi"},
    "modelCatalog": {"other": {"kind": "asr", "files": {"model.bin": FILE}}},
    "nodePort": 30_007,
    "requests": {"memory": "7Gi"},
    "resourceName": "other.example/device",
    "serverAddress": "http://other:81",
    "sizeLimit": "7Gi",
    "spoolSizeLimit": "7Gi",
    "url": "http://other:81",
}


def scaled(**values: object) -> tuple[str, ...]:
    return tuple(f"{component}.autoscaling={json.dumps(values)}" for component in COMPONENTS)


# All that can be on at the same time.
ON = (
    *scaled(type="hpa"),
    "metrics.serviceMonitor.enabled=true",
    'entry={"ingress":{"enabled":true},"httpRoute":{"enabled":true,"parentRefs":[{"name":"door"}]}}',
    'otel.endpoint="http://collector:4317"',
    "networkPolicy.enabled=true",
    'caBundle.existingConfigMap="ca"',
    'proxy.https="http://proxy:3128"',
)
# What excludes it, or is large: by a part of the names, the first that is in them.
INSTEAD: Mapping[str, tuple[str, ...]] = {
    ".replicas": scaled(type="none"),
    ".targetDemand": scaled(type="hpa", metric="demand"),
    ".keda.": scaled(type="keda", keda={"serverAddress": "http://prometheus:9090"}),
    ".gpu.": ('asr={"autoscaling":{"type":"none"},"gpu":{"enabled":true}}',),
    ".nodePort": ('gateway.service.type="NodePort"',),
    ".model.source": tuple(f'{component}.model.existingClaim="claim"' for component in ENGINES),
    ".model.hostPath": tuple(f'{component}.model={{"source":"hostPath","hostPath":"/a"}}' for component in ENGINES),
    ".model.image": tuple(f'{component}.model={{"source":"image","image":"a"}}' for component in ENGINES),
    ".prometheusRule.": ("metrics.prometheusRule.enabled=true",),
    ".dashboards.": ("metrics.dashboards.enabled=true",),
}


def leaves(model: type[BaseModel], path: Path = ()) -> Iterator[Path]:
    for name, field in model.model_fields.items():
        below = (*path, field.alias or name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, below)
        else:
            yield below


LEAVES = [path for path in leaves(Values) if path != NOT_OURS]


def default_of(path: Path) -> Any:
    found = DEFAULTS
    for name in path:
        found = found[name]
    return found


def schema_of(path: Path) -> Mapping[str, Any]:
    found = SCHEMA
    for name in path:
        found = found["properties"][name]
        found = SCHEMA["$defs"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    return found


def other(path: Path) -> Any:
    """What the schema allows and the default is not."""
    schema, default = schema_of(path), default_of(path)
    if path[-1] in OTHER:
        return OTHER[path[-1]]
    if "enum" in schema:
        return next(each for each in schema["enum"] if each not in ("", default))
    match default:
        case bool():
            return not default
        case int():
            return default + 1
        case list() if "enum" in schema["items"]:
            return [schema["items"]["enum"][-1]]
        case list():
            return [{"name": "other"} if schema["items"].get("type") == "object" else "other"]
        case dict():
            return {"other": "other"}
        case _:
            return "other"


def is_switch(path: Path) -> bool:
    return isinstance(default_of(path), bool) or "enum" in schema_of(path)


def around(name: str) -> tuple[str, ...]:
    return ON + next((instead for part, instead in INSTEAD.items() if part in f".{name}"), ())


@pytest.mark.parametrize("path", [path for path in LEAVES if is_switch(path)], ids=".".join)
def test_a_switch_changes_what_is_rendered(render: Render, path: Path) -> None:
    name = ".".join(path)

    one, another = (
        render(*around(name), f"{name}={json.dumps(value)}").text for value in (default_of(path), other(path))
    )

    assert one != another


@pytest.mark.parametrize("path", [path for path in LEAVES if not is_switch(path)], ids=".".join)
def test_a_value_stands_in_what_is_rendered(render: Render, path: Path) -> None:
    name, told = ".".join(path), other(path)

    before = render(*around(name)).text.splitlines()
    after = render(*around(name), f"{name}={json.dumps(told)}").text.splitlines()

    said = next((word for word in ("other", "7Gi", "seats", "IPv6") if word in json.dumps(told)), str(told))
    assert any(said in line for line in Counter(after) - Counter(before))
