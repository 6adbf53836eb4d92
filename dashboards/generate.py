"""Write the dashboards down in Grafana's own schema: `python dashboards/generate.py [FOLDER]`."""

import json
import sys
from itertools import count
from pathlib import Path
from string import ascii_uppercase

from boards import Board, Panel, boards
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from traces import address, traceql

FOLDER = Path(__file__).parents[1] / "charts/kubespeech/dashboards"

_METRICS = models.DataSourceRef(type_val="prometheus", uid="${metrics}")


def dashboard(name: str, board: Board) -> models.Dashboard:
    """The whole of one, as Grafana's model."""
    built = (
        builders.Dashboard(board.title)
        .uid(f"kubespeech-{name}")
        .description(board.description)
        .tags(["kubespeech"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .link(
            builders.DashboardLink("Speech")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["kubespeech"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in _variables():
        built = built.with_variable(variable)
    numbers = count(1)
    for row in board.rows:
        built = built.with_row(builders.Row(row.heading).id(next(numbers)))
        for panel in row.panels:
            built = built.with_panel(_panel(panel).id(next(numbers)))
    return built.build()


def _variables() -> list[builders.QueryVariable | builders.DatasourceVariable]:
    return [
        builders.DatasourceVariable("metrics").label("Metrics").type("prometheus"),
        builders.DatasourceVariable("traces").label("Traces").type("tempo"),
        _labels("namespace", "Namespace", "label_values(speech_capacity, namespace)"),
        _labels("release", "Release", 'label_values(speech_capacity{namespace=~"$namespace"}, release)'),
        _names(),
    ]


def _labels(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(_METRICS)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        # Also what has no such label: a scrape outside a cluster.
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _names() -> builders.QueryVariable:
    """What the names of the chosen releases' objects begin with, whatever the chart was told to call them."""
    return (
        builders.QueryVariable("fullname")
        .hide(models.VariableHide.HIDE_VARIABLE)
        .datasource(_METRICS)
        .query('label_values(speech_capacity{namespace=~"$namespace",release=~"$release"}, pod)')
        .regex("/^(.+)-(?:gateway|tts|asr)-[a-z0-9-]+$/")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel:
    built = _number(panel) if panel.lines is None else _lines(panel)
    built = built.title(panel.title).description(panel.about).unit(panel.unit).datasource(_METRICS)
    if panel.span is not None:
        built = built.span(panel.span)
    queries = [query for ask in panel.asks for query in ask.queries]
    if wanted := traceql([expression for _, expression in queries]):
        built = built.data_links([builders.DashboardLink("Traces of these requests").url(address(wanted))])
    for letter, (legend, expression) in zip(ascii_uppercase, queries, strict=False):
        query = prometheus.Dataquery().ref_id(letter).expr(expression).legend_format(legend)
        built = built.with_target(
            query.instant() if panel.lines is None else query.range().exemplar("_bucket{" in expression)
        )
    return built


def _lines(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .height(8)
        .span(8)
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if panel.stacked:
        built = built.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    return built


def _number(panel: Panel) -> stat.Panel:
    steps = [
        models.Threshold(value=None if value == "from" else float(value), color=color)
        for value, color in panel.colors.items()
    ]
    return (
        stat.Panel()
        .height(4)
        .span(4)
        .thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common.BigValueGraphMode.NONE)
    )


def write(folder: Path) -> None:
    for name, board in boards().items():
        text = json.dumps(dashboard(name, board), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
