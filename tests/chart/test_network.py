"""Who a pod may talk to, and by which way it goes out."""

import json

import pytest

from .conftest import Render, Rendered

CLOSED = "networkPolicy.enabled=true"
DNS = {53, 5353}


def ports_out(rendered: Rendered, component: str) -> set[int]:
    """Of the rules that lead anywhere, and of DNS."""
    egress = rendered.find("NetworkPolicy", f"-{component}")["spec"]["egress"]
    return {port["port"] for rule in egress for port in rule["ports"]}


def callers(rendered: Rendered, component: str, port: str) -> list[dict]:
    ingress = rendered.find("NetworkPolicy", f"-{component}")["spec"]["ingress"]
    (rule,) = [rule for rule in ingress if port in [each["port"] for each in rule["ports"]]]
    return rule.get("from", [])


def test_the_gateway_alone_reaches_the_engines_and_is_reached_by_everybody(render: Render) -> None:
    rendered = render(CLOSED)

    for component in ("asr", "tts"):
        (caller,) = callers(rendered, component, "http")
        assert caller["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
        assert "namespaceSelector" not in caller
    assert callers(rendered, "gateway", "http") == []
    assert ports_out(rendered, "gateway") == DNS | {8081, 8082}


def test_prometheus_alone_reads_the_metrics(render: Render) -> None:
    rendered = render(CLOSED)

    for component in ("gateway", "asr", "tts"):
        (caller,) = callers(rendered, component, "metrics")
        assert caller["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_the_gateways_callers_can_be_named_and_helm_test_is_one_of_them(render: Render) -> None:
    rendered = render(scenario="restricted")

    named, tests = callers(rendered, "gateway", "http")
    assert named == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    labels = rendered.find("Pod", "-http")["metadata"]["labels"]
    assert tests["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize(
    ("settings", "asr", "tts"),
    [
        ([], {80, 443}, {80, 443}),
        (['asr.model={"source":"pvc","existingClaim":"models"}'], set(), {80, 443}),
        (['asr.model={"source":"hostPath","hostPath":"/srv"}', 'tts.config={"engine":"fake"}'], set(), set()),
        (['tts.config={"engine":"espeak","other_engines":[]}'], {80, 443}, set()),
        (['tts={"config":{"engine":"gtts"},"model":{"source":"image","image":"a"}}'], {80, 443}, {80, 443}),
        (['proxy.https="http://proxy:3128"'], {80, 443, 3128}, {80, 443, 3128}),
        (['packageIndex.url="https://packages.example:8443/"'], {80, 443, 8443}, {80, 443, 8443}),
        (['otel.endpoint="http://collector:4317"', 'asr.config={"engine":"fake"}'], {4317}, {80, 443, 4317}),
    ],
)
def test_engines_go_out_only_for_what_they_need(render: Render, settings: list[str], asr: set, tts: set) -> None:
    rendered = render(CLOSED, *settings)

    assert (ports_out(rendered, "asr"), ports_out(rendered, "tts")) == (DNS | asr, DNS | tts)


def test_a_model_of_ones_own_is_fetched_from_where_it_lies(render: Render) -> None:
    file = {"url": "http://store.example:9000/model.bin", "sha256": "0" * 64, "size_bytes": 7}
    catalogue = {"ours": {"kind": "asr", "files": {"model.bin": file}}}

    assert 9000 in ports_out(render(CLOSED, f"modelCatalog={json.dumps(catalogue)}"), "asr")


def test_downloads_go_through_the_proxy_and_traces_do_not(render: Render) -> None:
    collector = 'otel.endpoint="http://collector.monitoring:4317"'
    rendered = render('proxy={"https":"http://proxy:3128","noProxy":"a.example"}', collector)

    environment = rendered.environment("asr")
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["NO_PROXY"] == "localhost,127.0.0.1,.svc,.cluster.local,collector.monitoring,a.example"
    assert "HTTPS_PROXY" not in rendered.environment("gateway")
