"""Tracing off, on, and with nobody at the other end."""

import subprocess
import sys
from threading import Event

import httpx
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from speech_core.service import otlp
from speech_core.service.management import managed
from speech_core.service.settings import SettingsError
from speech_core.service.tracing import Tracer, tracer_for
from speech_core.testing.live import live_server
from speech_core.testing.waiting import wait_until

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


class Exporter(SpanExporter):
    """Keeps what it is given; with its gate closed it hangs, as one whose collector is away."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.spans = []
        self.gate = Event()
        self.gate.set()
        self.entered = Event()
        self._result = result

    def export(self, spans):
        self.entered.set()
        assert self.gate.wait(20)
        self.spans += spans
        return self._result


def recording(exporter: Exporter) -> Tracer:
    queue = otlp._Queue(exporter, otlp._Answers())
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_span_processor(queue)
    return otlp._OtlpTracer(provider, queue)


@pytest.fixture
def exporter():
    return Exporter()


@pytest.fixture
def traced(toy, exporter):
    """The toy with a tracer, behind a real server."""
    toy.shell.tracer = recording(exporter)
    with live_server(toy.app) as live:
        yield live
        toy.gate.set()
    toy.shell.tracer.close()


def imported(**environment: str) -> set[str]:
    """What a service has imported once its tracer was made."""
    code = (
        "import sys\n"
        "from speech_core.service import app, server, tracing\n"
        "tracing.tracer_for('toy', '0').close()\n"
        "print(*(name for name in ('opentelemetry.sdk', 'grpc', 'google.protobuf', 'requests') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_without_an_endpoint_nothing_of_the_sdk_is_imported() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}

    assert imported() == set()
    assert imported(**endpoint, OTEL_SDK_DISABLED="true") == set()
    assert imported(**endpoint, OTEL_TRACES_EXPORTER="none") == set()
    assert imported(**endpoint) == {"opentelemetry.sdk", "google.protobuf", "requests"}
    assert "grpc" in imported(**endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http://HOST:PORT"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "grpc or http/protobuf"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9999", "max_export_batch_size"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon", "OTEL_BSP_SCHEDULE_DELAY: a whole number above 0, got 'soon'"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_what_cannot_be_meant_is_a_setting_at_fault(monkeypatch, name, value, says) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=says):
        tracer_for("toy", "0")


def test_a_request_belongs_to_the_trace_of_its_caller(traced, exporter) -> None:
    answer = httpx.post(f"{traced.url}/say", json={"text": "Hello."}, headers={"traceparent": TRACEPARENT})

    wait_until(lambda: exporter.spans)
    (span,) = exporter.spans
    assert (span.name, f"{span.context.trace_id:032x}") == ("POST /say", TRACE_ID)
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert answer.headers["traceparent"] == f"00-{TRACE_ID}-{span.context.span_id:016x}-01"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"] == "/say"


def test_what_fails_names_its_code(traced, exporter) -> None:
    """A mistake of the caller's leaves the status alone: it is no error of the server's."""
    for kind in ("foreseen", "unforeseen"):
        httpx.post(f"{traced.url}/fail?kind={kind}", timeout=40)

    wait_until(lambda: len(exporter.spans) == 2)
    assert [(span.attributes["error.type"], span.status.is_ok) for span in exporter.spans] == [
        ("bad_audio", True),
        ("internal_error", False),
    ]


def test_no_span_and_no_series_tells_what_was_sent(traced, exporter, toy) -> None:
    with managed(toy.shell, "127.0.0.1", 0) as port:
        before = names(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        for index in range(50):
            httpx.post(f"{traced.url}/say?secret={index}", json={"text": f"secret {index}"})
            httpx.get(f"{traced.url}/unknown/{index}")
            httpx.post(f"{traced.url}/fail?kind=foreseen", headers={"x-request-id": f"id-{index}"})
        after = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert names(after) == before
    wait_until(lambda: len(exporter.spans) == 150)
    assert {span.name for span in exporter.spans} == {"POST /say", "GET", "POST /fail"}
    assert not [span for span in exporter.spans if "secret" in str(dict(span.attributes))]


def names(text: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in text.splitlines() if line.startswith("speech_")}


def test_a_bucket_names_a_trace_that_fell_into_it(traced, toy) -> None:
    httpx.post(f"{traced.url}/say", json={"text": "Hello."}, headers={"traceparent": TRACEPARENT})

    with managed(toy.shell, "127.0.0.1", 0) as port:
        plain = httpx.get(f"http://127.0.0.1:{port}/metrics")
        opened = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=OPENMETRICS)

    found = [
        sample.exemplar.labels["trace_id"]
        for family in text_string_to_metric_families(opened.text)
        if family.name == "speech_request_seconds"
        for sample in family.samples
        if sample.exemplar
    ]
    assert found == [TRACE_ID]
    assert TRACE_ID not in plain.text
    assert opened.headers["content-type"].startswith("application/openmetrics-text")


def test_a_trace_that_is_not_sampled_is_in_no_bucket(traced, toy, exporter) -> None:
    httpx.post(f"{traced.url}/say", json={"text": "Hello."}, headers={"traceparent": f"{TRACEPARENT[:-1]}0"})

    with managed(toy.shell, "127.0.0.1", 0) as port:
        assert TRACE_ID not in httpx.get(f"http://127.0.0.1:{port}/metrics", headers=OPENMETRICS).text
    assert exporter.spans == []


@pytest.mark.parametrize(
    ("sampler", "argument", "is_recorded"),
    [("always_on", "", True), ("always_off", "", False), ("traceidratio", "0", False), ("traceidratio", "1", True)],
)
def test_the_standard_variables_choose_what_is_traced(monkeypatch, exporter, sampler, argument, is_recorded) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    tracer = recording(exporter)

    with tracer.begin("request", {}) as span, span.child("step") as step:
        assert (span.is_recorded, step.is_recorded) == (is_recorded, is_recorded)
        # Whoever is called next hears of the choice.
        assert bool(int(span.headers()["traceparent"][-2:], 16) & 1) is is_recorded
    tracer.close()

    assert len(exporter.spans) == (2 if is_recorded else 0)


@pytest.mark.parametrize(("given", "name"), [(None, "speech-toy"), ("mine", "mine")])
def test_a_service_names_itself_unless_it_is_named(monkeypatch, given, name) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.namespace.name=speech")
    if given:
        monkeypatch.setenv("OTEL_SERVICE_NAME", given)

    tracer = tracer_for("toy", "1.2.3")
    tracer.close()

    attributes = tracer._provider.resource.attributes
    assert (attributes["service.name"], attributes["service.version"]) == (name, "1.2.3")
    assert attributes["k8s.namespace.name"] == "speech"


def test_a_collector_that_hangs_holds_up_nobody_and_its_loss_is_counted(exporter) -> None:
    exporter.gate.clear()
    tracer = recording(exporter)

    for _ in range(5_000):
        tracer.begin("request", {}).end()
    lost = tracer.dropped
    exporter.gate.set()
    tracer.close()

    assert lost > 0
    assert tracer.dropped == lost
    assert len(exporter.spans) == 5_000 - lost


def test_what_the_collector_refuses_is_counted() -> None:
    tracer = recording(Exporter(SpanExportResult.FAILURE))

    for _ in range(10):
        tracer.begin("request", {}).end()
    tracer.close()

    assert tracer.dropped == 10


def test_closing_does_not_wait_for_a_collector_that_hangs(exporter, monkeypatch) -> None:
    monkeypatch.setattr(otlp, "_CLOSE_SECONDS", 0.05)
    exporter.gate.clear()
    tracer = recording(exporter)
    tracer.begin("request", {}).end()

    tracer.close()

    assert exporter.entered.is_set()
    assert exporter.spans == []
    exporter.gate.set()


def test_without_tracing_the_trace_of_the_caller_is_named_and_handed_on() -> None:
    tracer = tracer_for("toy", "0")

    span = tracer.begin("request", {"traceparent": TRACEPARENT}).child("call")

    assert (span.trace_id, span.headers(), span.exemplar) == (TRACE_ID, {"traceparent": TRACEPARENT}, None)
    for nonsense in ("", "00-0-0-01", f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff{TRACEPARENT[2:]}", f"{TRACEPARENT}\n"):
        assert tracer.begin("request", {"traceparent": nonsense}).trace_id is None
