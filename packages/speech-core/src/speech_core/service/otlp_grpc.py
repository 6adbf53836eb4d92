"""OTLP over gRPC, by OpenTelemetry's exporter, which throws away what the collector answers."""

from collections.abc import Callable
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

Heed = Callable[[ExportTraceServiceResponse], None]


def exporter(heed: Heed) -> OTLPSpanExporter:
    """An exporter that shows *heed* each answer."""

    class Exporter(OTLPSpanExporter):
        # Called again after a lost connection.
        def _initialize_channel_and_stub(self) -> None:
            super()._initialize_channel_and_stub()
            self._client = _Client(self._client, heed)

    return Exporter()


class _Client:
    def __init__(self, client: Any, heed: Heed) -> None:
        self._client = client
        self._heed = heed

    def Export(self, **call: Any) -> ExportTraceServiceResponse:
        answer: ExportTraceServiceResponse = self._client.Export(**call)
        self._heed(answer)
        return answer
