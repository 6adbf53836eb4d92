"""The dashboards' files: what the generator writes, in Grafana's own schema, with all that a reader needs."""

import json
import re
import subprocess
import sys
from urllib.parse import unquote

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from observatory.questions import DASHBOARDS, ROOT

_FILES = sorted(DASHBOARDS.glob("*.json"))
# What counts requests, in the words of the metrics' documentation: not replicas, models, processes, keys in force.
_OF_REQUESTS = re.compile(
    r"speech_(requests?|first_audio|real_time_factor|compute|computed|audio|in_flight|queue|queued|batch|refused|cancelled"
    r"|wasted|upstream|key_|sockets|error|errors|coverage)"
)
_NAMES = {"overview", "synthesis", "recognition", "gateway", "capacity", "gpu"}
# Of Grafana's list of units.
_RATE_OF_SECONDS = re.compile(r"sum( by \([^)]*\))? ?\(\s*rate\([a-z_]*seconds_total")
_UNITS = {"none", "s", "reqps", "percent", "percentunit", "bytes", "celsius", "watt"}


_BOARDS = [json.loads(path.read_text(encoding="utf-8")) for path in _FILES]
_PANELS = [
    pytest.param(panel, id=f"{board['title']} - {panel['title']}")
    for board in _BOARDS
    for panel in board["panels"]
    if panel["type"] != "row"
]


def test_the_committed_dashboards_are_what_the_generator_writes(tmp_path) -> None:
    subprocess.run([sys.executable, str(ROOT / "dashboards/generate.py"), str(tmp_path)], check=True, timeout=60)

    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json")}
    committed = {path.name: path.read_text(encoding="utf-8") for path in _FILES}
    assert committed == written, "run `python dashboards/generate.py` and commit the difference"
    assert {path.stem for path in _FILES} == _NAMES


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_grafanas_schema_knows_all_that_stands_in_a_dashboard(path) -> None:
    register_default_plugins()
    text = path.read_text(encoding="utf-8")

    understood = json.dumps(Dashboard.from_json(json.loads(text)), cls=JSONEncoder)

    assert json.loads(understood) == json.loads(text)


def test_a_field_that_grafana_does_not_know_is_found_out() -> None:
    board = _BOARDS[0] | {"tittle": "a slip"}

    understood = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))

    assert understood != board


@pytest.mark.parametrize("board", _BOARDS, ids=lambda board: board["title"])
def test_a_dashboard_can_be_narrowed_to_a_release_and_leads_to_the_others(board) -> None:
    variables = {one["name"]: one for one in board["templating"]["list"]}
    places = [panel["gridPos"] for panel in board["panels"]]

    assert list(variables) == ["metrics", "traces", "namespace", "release", "fullname"]
    assert all(variables[name]["allValue"] == ".*" for name in ("namespace", "release"))
    assert board["links"][0]["tags"] == board["tags"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(overlap(one, other) for one in places for other in places if one is not other)


@pytest.mark.parametrize(
    ("pod", "fullname"),
    [
        ("demo-kubespeech-asr-5c8f6b7d9-2qjwh", "demo-kubespeech"),
        ("speech-gateway-6d9f7c5b8d-4kq2x", "speech"),
        ("my-gateway-tts-7b6c9d5f4c-8m2nd", "my-gateway"),
        # Of a name of 40 characters, Kubernetes cuts the hash: a pod's name has 63 characters at most.
        (f"{'x' * 40}-gateway-6d9f7c5b84kq2x", "x" * 40),
    ],
)
def test_the_names_of_a_release_are_read_off_its_pods(pod, fullname) -> None:
    (variable,) = [one for one in _BOARDS[0]["templating"]["list"] if one["name"] == "fullname"]

    found = re.search(variable["regex"].strip("/"), pod)

    assert found
    assert found.group(1) == fullname
    assert variable["hide"] == 2  # it is worked out, not chosen


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_says_what_it_shows(panel) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    assert panel["datasource"]["uid"] == "${metrics}"
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", _PANELS)
def test_seconds_a_second_are_no_duration(panel) -> None:
    """Grafana would write 90 of them as a minute and a half."""
    are_rates = all(_RATE_OF_SECONDS.match(target["expr"]) for target in panel["targets"])

    assert not (are_rates and panel["fieldConfig"]["defaults"]["unit"] == "s")


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_of_requests_leads_to_their_traces(panel) -> None:
    links = _links(panel)
    expressions = [target["expr"] for target in panel["targets"]]

    assert bool(links) == any(_OF_REQUESTS.search(expression) for expression in expressions)
    for link in links:
        pane = json.loads(unquote(link["url"].partition("panes=")[2]))["traces"]
        (query,) = pane["queries"]
        assert pane["datasource"] == query["datasource"]["uid"] == "${traces}"
        assert pane["range"] == {"from": "${__from}", "to": "${__to}"}
        assert re.fullmatch(r'\{resource\.service\.name=~"[^"]+"( && span\.[a-z._]+=~?"[^"]+")*\}', query["query"])
        # The labels that the link takes from a series must be there.
        for label in re.findall(r"\$\{__field\.labels\.(\w+)\}", query["query"]):
            assert all(re.search(rf"by \([^)]*\b{label}\b", expression) for expression in expressions)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_latency_shows_the_exemplars_of_its_histogram(panel) -> None:
    histograms = [
        target for target in panel["targets"] if panel["type"] == "timeseries" and "_bucket{" in target["expr"]
    ]

    assert all(target["exemplar"] for target in histograms)


def test_attributes_that_links_ask_for_are_those_of_our_spans() -> None:
    sources = [path for folder in ("packages", "services") for path in (ROOT / folder).glob("*/src/**/*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    links = [unquote(link["url"]) for (panel,) in (one.values for one in _PANELS) for link in _links(panel)]

    asked = {name for link in links for name in re.findall(r"span\.([a-z._]+)=", link)}

    assert asked == {"speech.operation", "speech.outcome", "speech.cancelled", "error.type"}
    assert all(f'"{name}"' in code for name in asked)


def _links(panel) -> list[dict[str, str]]:
    return panel["fieldConfig"]["defaults"].get("links", [])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (apart_x or apart_y)
