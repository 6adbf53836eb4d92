"""The spans of a window: its wait, its batch, and the other requests in it."""

import anyio

from speech_asr.scheduler import Scheduler
from speech_core.service.observation import Observation, observed
from speech_core.service.tracing import Span

from .virtual_engine import Step, answered, run, submit


class NotedSpan(Span):
    """A span that keeps what is done with it."""

    is_recorded = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[NotedSpan] = []
        self.links: list[Span] = []
        self.ended = False

    def child(self, name, attributes=None, *, kind="internal", links=()):
        self.children.append(NotedSpan(name))
        self.children[-1].links += links
        return self.children[-1]

    def link(self, other) -> None:
        self.links.append(other)

    def end(self) -> None:
        self.ended = True


def test_a_batch_is_in_one_trace_and_linked_with_the_window_of_every_request_in_it() -> None:
    traces = [NotedSpan("first"), NotedSpan("second"), NotedSpan("third")]

    async def scenario(scheduler: Scheduler) -> None:
        tickets = []
        for trace in traces:
            with observed(Observation(trace)):
                tickets.append(submit(scheduler, Step(trace.name)))
        await answered(scheduler, tickets)

    run(scenario, batch_size=8)

    windows = [trace.children[0] for trace in traces]
    batch = windows[0].children[1]
    assert [[child.name for child in window.children] for window in windows] == [
        ["queue wait", "batch"],
        ["queue wait"],
        ["queue wait"],
    ]
    assert batch.links == windows
    assert [window.links for window in windows] == [[], [batch], [batch]]
    assert all(span.ended for window in windows for span in (window, *window.children))


def test_a_window_that_is_dropped_ends_its_spans() -> None:
    trace = NotedSpan("request")

    async def scenario(scheduler: Scheduler) -> None:
        first = submit(scheduler, Step("first"))
        await anyio.sleep(0.1)
        with observed(Observation(trace)):
            scheduler.drop(submit(scheduler, Step("second")))
        await answered(scheduler, [first])

    run(scenario)

    (window,) = trace.children
    assert window.ended
    assert [(child.name, child.ended) for child in window.children] == [("queue wait", True)]
