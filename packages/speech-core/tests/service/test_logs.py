import json
import logging

import pytest
import structlog

from speech_core.service import logs
from speech_core.service.settings import ServiceSettings


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
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(line["event"], line["service"], line["level"]) for line in lines] == [
        ("request", "toy", "info"),
        ("Invalid HTTP request received.", "toy", "warning"),
    ]


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
