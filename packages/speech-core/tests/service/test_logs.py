import json
import logging
import sys
from threading import Thread

import httpx
import pytest
import structlog

from speech_core.service import logs
from speech_core.service.settings import ServiceSettings
from speech_core.testing.waiting import wait_until

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def configured():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure(ServiceSettings(), "toy")
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger("uvicorn.error").filters.clear()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_our_lines_and_the_servers_are_one_json_object_each(configured, capsys) -> None:
    logs.configure(ServiceSettings(), "toy")
    structlog.get_logger("ours").info("request", path="/x")
    logging.getLogger("uvicorn.error").warning("Unsupported upgrade request.")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(line["event"], line["service"], line["level"]) for line in lines] == [
        ("request", "toy", "info"),
        ("Unsupported upgrade request.", "toy", "warning"),
    ]


def test_a_thread_that_no_request_knows_of_names_the_service_too(configured, capsys) -> None:
    logs.configure(ServiceSettings(), "toy")
    thread = Thread(target=lambda: logging.getLogger("exporter").warning("Nobody answers."))
    thread.start()
    thread.join()

    assert json.loads(capsys.readouterr().out)["service"] == "toy"


def fail(said: str) -> None:
    raise RuntimeError(len(said))


def test_a_failure_is_told_without_the_values_that_it_was_about(configured, capsys) -> None:
    logs.configure(ServiceSettings(), "toy")
    try:
        fail("what the caller said")
    except RuntimeError:
        structlog.get_logger("ours").exception("window_failed")

    line = capsys.readouterr().out

    assert "the caller" not in line
    assert json.loads(line)["exception"][0]["exc_type"] == "RuntimeError"


def line_of_the_request(capsys) -> dict:
    said: list[str] = []

    def lines() -> list[dict]:
        said.append(capsys.readouterr().out)
        return [line for line in map(json.loads, "".join(said).splitlines()) if line["event"] == "request"]

    wait_until(lambda: bool(lines()))
    (line,) = lines()
    return line


def test_a_request_is_one_line_with_its_ids_and_what_became_of_it(configured, capsys, live) -> None:
    logs.configure(ServiceSettings(), "toy")
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "x-request-id": "given"}
    httpx.post(f"{live.url}/fail?kind=foreseen", headers=headers)
    line = line_of_the_request(capsys)
    told = {"operation": "fail", "outcome": "client_error", "code": "bad_audio", "status": 400, "request_id": "given"}
    assert told.items() <= line.items()
    assert (line["trace_id"], line["level"]) == (TRACE_ID, "info")
    assert line["seconds"] >= 0


@pytest.mark.parametrize(("on_a_terminal", "is_json"), [(True, False), (False, True)])
def test_a_terminal_gets_the_form_for_people(configured, capsys, monkeypatch, on_a_terminal, is_json) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_a_terminal)
    logs.configure(ServiceSettings(), "toy")
    structlog.get_logger("ours").info("request")

    assert capsys.readouterr().out.startswith("{") is is_json


def test_a_service_that_is_not_ready_has_not_failed_who_asks_for_its_health(configured, capsys, toy, live) -> None:
    logs.configure(ServiceSettings(), "toy")
    toy.shell.drain.begin()
    assert httpx.get(f"{live.url}/health").status_code == 503

    assert line_of_the_request(capsys)["level"] == "info"
