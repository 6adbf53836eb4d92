"""Each utterance on a socket is counted once and alike by the gateway and by tts, whatever is sent besides."""

import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect

from speech_core.testing.waiting import wait_until

from .counted import ended, outcomes

pytestmark = pytest.mark.timeout(180)


def begin(line: ClientConnection) -> None:
    """An utterance that is still being written, and has started."""
    line.send(json.dumps({"type": "append", "text": "It goes on. And "}))
    assert json.loads(line.recv(timeout=20))["type"] == "ready"
    assert json.loads(line.recv(timeout=20))["type"] == "start"


def test_an_utterance_whose_caller_leaves_is_cancelled_on_both(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    with connect(f"{stack.ws_url}/ws/tts") as line:
        begin(line)
        line.send(json.dumps({"text": "This one waits."}))

    for process in (stack.gateway, stack.tts):
        wait_until(lambda process=process: outcomes(process) == {("tts_socket", "cancelled"): 1})
    assert stack.tts.counted("speech_cancelled_total") == 1


def test_what_is_cancelled_on_a_socket_is_counted_once(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    with connect(f"{stack.ws_url}/ws/tts") as line:
        begin(line)
        line.send(json.dumps({"text": "This one is forgotten."}))
        line.send(json.dumps({"type": "cancel"}))
        line.send(json.dumps({"text": "This one is not."}))
        told = ended(line, 2)

    assert [event.get("cancelled") for event in told] == [True, None]
    for process in (stack.gateway, stack.tts):
        assert outcomes(process) == {("tts_socket", "cancelled"): 1, ("tts_socket", "ok"): 1}
        assert process.counted("speech_in_flight") == 0


def test_a_cancel_that_comes_at_once_is_counted_alike_by_both(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    for _ in range(20):
        with connect(f"{stack.ws_url}/ws/tts") as line:
            for message in ({"text": "It may be begun. Or not."}, {"type": "cancel"}, {"text": "Last.", "id": "last"}):
                line.send(json.dumps(message))
            while ended(line, 1)[0].get("id") != "last":
                pass

    wait_until(lambda: outcomes(stack.gateway) == outcomes(stack.tts))
    assert outcomes(stack.tts)["tts_socket", "ok"] >= 20
    assert stack.gateway.counted("speech_in_flight") == 0


FLUSH = {"type": "flush"}
BAD = {"type": "append", "text": 5}
WRITTEN = {"type": "append", "text": "It goes on. And "}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([BAD, WRITTEN, FLUSH], {"client_error": 1, "ok": 1}, id="bad append"),
        pytest.param([WRITTEN, BAD, FLUSH], {"client_error": 1, "ok": 1}, id="bad next one"),
        pytest.param([WRITTEN, b"\0", FLUSH], {"client_error": 1, "ok": 1}, id="binary frame while speaking"),
        pytest.param([WRITTEN, "no json", FLUSH], {"client_error": 1, "ok": 1}, id="no JSON while speaking"),
        pytest.param([WRITTEN, {"text": " "}, {"text": "Two."}, FLUSH], {"client_error": 1, "ok": 2}, id="empty text"),
        pytest.param([WRITTEN, {"type": "nap"}, FLUSH], {"client_error": 1, "ok": 1}, id="unknown type"),
        pytest.param([FLUSH, {"text": "One."}], {"client_error": 1, "ok": 1}, id="flush of nothing"),
        pytest.param(
            [WRITTEN, *({"text": "It waits."} for _ in range(4)), FLUSH], {"refused": 2, "ok": 3}, id="a full line"
        ),
        pytest.param(
            [WRITTEN, *({**WRITTEN, "id": f"{index}"} for index in range(2)), FLUSH], {"ok": 1}, id="one of them"
        ),
    ],
)
def test_what_is_no_message_is_a_request_of_its_own_beside_those_that_are(
    lines: Any, messages: list[Any], expected: dict[str, int]
) -> None:
    before = [outcomes(process) for process in (lines.gateway, lines.tts)]

    with connect(f"{lines.ws_url}/ws/tts") as line:
        left = sum(expected.values())
        for message in messages:
            line.send(json.dumps(message) if isinstance(message, dict) else message)
            if message is WRITTEN:
                left -= ended_before_the_start(line)
        ended(line, left)

    for process, already in zip((lines.gateway, lines.tts), before, strict=True):
        wait_until(lambda process=process, already=already: of_sockets(process, already) == expected)
        assert process.counted("speech_in_flight") == 0


@pytest.fixture(scope="module")
def lines(start_module_fakes: Callable[..., Any]) -> Any:
    """Where two utterances may wait."""
    return start_module_fakes(TTS_QUEUED_UTTERANCES="2")


def of_sockets(process: Any, already: Counter[tuple[str, str]]) -> dict[str, int]:
    """What was counted since, by outcome."""
    return {outcome: count for (_, outcome), count in (outcomes(process) - already).items()}


def ended_before_the_start(line: ClientConnection) -> int:
    """Wait for the next `start`; gives how many utterances ended before it."""
    ends = 0
    while (kind := json.loads(line.recv(timeout=20))["type"]) != "start":
        ends += kind in ("end", "error")
    return ends


def test_what_comes_after_the_close_is_no_request(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    with connect(f"{stack.ws_url}/ws/tts") as line:
        begin(line)
        line.send(json.dumps({"type": "close"}))
        line.send(json.dumps({"text": "Too late."}))
        ended(line, 1)
        with pytest.raises(ConnectionClosedOK):
            line.recv(timeout=20)

    for process in (stack.gateway, stack.tts):
        wait_until(lambda process=process: process.counted("speech_sockets") == 0)
        assert outcomes(process) == {("tts_socket", "ok"): 1}
        assert process.counted("speech_in_flight") == 0


def test_what_waits_when_the_service_dies_was_never_begun(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    with connect(f"{stack.ws_url}/ws/tts") as line:
        begin(line)
        line.send(json.dumps({"text": "This one waits."}))
        stack.tts.kill()
        assert ended(line, 1)[0]["error"]["code"] == "upstream_unreachable"

    wait_until(lambda: stack.gateway.counted("speech_sockets") == 0)
    assert outcomes(stack.gateway) == {("tts_socket", "failed"): 1}
    assert stack.gateway.counted("speech_in_flight") == 0


def test_text_that_goes_on_after_a_failure_is_another_request_by_its_id(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()

    with connect(f"{stack.ws_url}/ws/tts") as line:
        line.send(json.dumps({**WRITTEN, "voice": "nobody", "id": "first"}))
        assert ended(line, 1)[0]["error"]["code"] == "unknown_voice"
        line.send(json.dumps({**WRITTEN, "id": "first"}))
        line.send(json.dumps({**WRITTEN, "id": "second"}))
        line.send(json.dumps(FLUSH))
        assert ended(line, 1)[0]["id"] == "second"

    expected = {("tts_socket", "ok"): 1, ("tts_socket", "client_error"): 1}
    for process in (stack.gateway, stack.tts):
        wait_until(lambda process=process: outcomes(process) == expected)
        assert process.counted("speech_in_flight") == 0


MESSAGES = (
    {"text": "One two."}, {"text": "Three.", "id": "a"}, {"text": " "}, {"text": "Who?", "voice": "nobody"},
    {"text": "x" * 5000}, {"text": "Four.", "traceparent": "garbage"}, WRITTEN, BAD, FLUSH, {"type": "cancel"},
    {**WRITTEN, "id": "b"}, {**WRITTEN, "id": "c", "voice": "nobody"}, {"type": "nap"}, {"type": "flush", "x": 1},
    b"\0", "no json", "[]",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_messages_in_any_order_are_counted_alike_by_both(lines: Any, seed: int) -> None:
    chosen = random.Random(seed).choices(MESSAGES, k=12)
    before = [outcomes(process) for process in (lines.gateway, lines.tts)]

    with connect(f"{lines.ws_url}/ws/tts") as line:
        for message in (*chosen, {"type": "close"}, {"text": "Too late."}):
            line.send(json.dumps(message) if isinstance(message, dict) else message)
        with contextlib.suppress(ConnectionClosedOK):
            while True:
                line.recv(timeout=20)

    for process in (lines.gateway, lines.tts):
        wait_until(lambda process=process: process.counted("speech_sockets") == 0)
        assert process.counted("speech_in_flight") == 0
    gateway, tts = (of_sockets(*each) for each in zip((lines.gateway, lines.tts), before, strict=True))
    assert gateway == tts, chosen
