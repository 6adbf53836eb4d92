"""Write what follows from the code and from values.yaml: the chart's values.schema.json and its README."""

import json
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from values import Values

from speech_asr.settings import AsrSettings
from speech_core.service.settings import ServiceSettings
from speech_gateway.settings import GatewaySettings
from speech_tts.settings import TtsSettings

CHART = Path(__file__).parents[2] / "charts/kubespeech"
SETTINGS: Mapping[str, type[ServiceSettings]] = {"gateway": GatewaySettings, "asr": AsrSettings, "tts": TtsSettings}
# What the chart decides: said in a `config`, it would be overridden in silence, so it is refused.
DECIDED = {
    "host", "port", "management_port", "models_dir", "grace_seconds", "log_level", "log_format", "cpu_request",
    "asr_url", "tts_url", "keys_file", "key_secret",
}  # fmt: skip
# What a user writes down whole, over no default.
OF_A_LIST = ("CatalogModel", "CatalogFile", "NamedSecret")
Json = dict[str, Any]


def schema() -> Json:
    """The model of the values, with each service's settings in its `config`."""
    whole = Values.model_json_schema(by_alias=True)
    for name, kind in SETTINGS.items():
        whole["$defs"][name.capitalize()]["properties"]["config"] = settings_schema(kind)
    whole["$schema"] = "http://json-schema.org/draft-07/schema#"
    plain = cast("Json", _plain(whole))
    for name, described in [("", plain), *plain["$defs"].items()]:
        needed = whole["$defs"][name]["required"] if name in OF_A_LIST else _sections(described, plain["$defs"])
        if needed:
            described["required"] = needed
    return plain


def _sections(described: Json, definitions: Json) -> list[str]:
    """What the templates look into: without them they would stop with words of their own."""
    return [
        name
        for name, each in described.get("properties", {}).items()
        if name == "config" or "properties" in definitions.get(each.get("$ref", "").rpartition("/")[2], {})
    ]


def settings_schema(kind: type[ServiceSettings]) -> Json:
    """An object of the settings that a user may say."""
    properties = kind.model_json_schema(by_alias=True)["properties"]
    allowed = {name: described for name, described in properties.items() if name not in DECIDED}
    return {"type": "object", "additionalProperties": False, "properties": allowed}


def _plain(node: Any) -> Any:
    """Without titles and defaults (they are values.yaml's), and without `required`: a parent may take a value out."""
    match node:
        case dict():
            items = cast("Json", node).items()
            return {
                key: {name: _plain(each) for name, each in value.items()}
                if key in ("properties", "$defs")
                else _plain(value)
                for key, value in items
                if key not in ("title", "default", "required")
            }
        case list():
            return [_plain(each) for each in cast("list[Any]", node)]
        case _:
            return node


def table() -> Generator[str]:
    """A row for every value, with the comment above it."""
    comments: list[str] = []
    path: list[str] = []
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comments = [text.removeprefix("# -- ")]
            continue
        if not text or text.startswith(("#", "- ")) or ":" not in text:
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        path = [*path[:depth], text.split(":")[0]]
        found = _at(values, path)
        is_leaf = not text.endswith(":")
        if found is not _ABSENT and (comments or is_leaf):
            yield f"| `{'.'.join(path)}` | {_shown(found)} | {' '.join(comments)} |"
        comments = []


_ABSENT = object()


def _at(values: Any, path: list[str]) -> Any:
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return _ABSENT
        values = cast("Json", values)[key]
    return values


def _shown(value: Any) -> str:
    return f"`{json.dumps(value)}`" if len(json.dumps(value)) <= 60 else ""


def readme() -> str:
    """The fixed text with the table in it."""
    return (Path(__file__).parent / "README.md.in").read_text(encoding="utf-8").replace("@VALUES@", "\n".join(table()))


def documents() -> Mapping[Path, str]:
    """File to content, as it should stand in the chart."""
    return {
        CHART / "values.schema.json": json.dumps(schema(), indent=2, sort_keys=True) + "\n",
        CHART / "README.md": readme(),
    }


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        stale = [
            path.name for path, text in documents().items() if not path.is_file() or path.read_text("utf-8") != text
        ]
        print("\n".join(stale))
        return bool(stale)
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
