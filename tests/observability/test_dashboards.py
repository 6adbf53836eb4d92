"""The dashboards' files: what the generator writes, in Grafana's own schema, with all that a reader needs."""

import json
import subprocess
import sys

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from observatory.questions import DASHBOARDS, ROOT

_FILES = sorted(DASHBOARDS.glob("*.json"))
_NAMES = {"overview", "synthesis", "recognition", "gateway", "capacity", "gpu"}
# Of Grafana's list of units.
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

    assert list(variables) == ["metrics", "traces", "namespace", "release"]
    assert all(variables[name]["allValue"] == ".*" for name in ("namespace", "release"))
    assert board["links"][0]["tags"] == board["tags"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(overlap(one, other) for one in places for other in places if one is not other)


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_says_what_it_shows(panel) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    assert panel["datasource"]["uid"] == "${metrics}"
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", _PANELS)
def test_a_panel_leads_to_the_traces_of_its_service(panel) -> None:
    links = panel["fieldConfig"]["defaults"].get("links", [])

    for link in links:
        assert "${traces}" in link["url"]
        # The label that the link takes from a series must be there.
        assert all("by (service" in target["expr"] for target in panel["targets"])
    histograms = [
        target for target in panel["targets"] if panel["type"] == "timeseries" and "_bucket{" in target["expr"]
    ]
    assert all(target["exemplar"] for target in histograms)


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (apart_x or apart_y)
