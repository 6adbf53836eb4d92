"""Which headers are passed on, where one stands in several lines."""

from starlette.datastructures import Headers

from speech_gateway.headers import to_upstream


def passed_on(*lines: tuple[str, str]) -> dict[str, str]:
    raw = [(name.lower().encode(), value.encode()) for name, value in lines]
    return to_upstream(Headers(raw=raw), "id")


def test_lines_of_one_field_are_a_list() -> None:
    told = passed_on(
        ("Accept", "text/event-stream"), ("Accept", "application/json;q=0.1"), ("Cookie", "a=1"), ("Cookie", "b=2")
    )

    assert told["accept"] == "text/event-stream, application/json;q=0.1"
    assert told["cookie"] == "a=1; b=2"


def test_what_any_line_of_connection_names_stays_here() -> None:
    told = passed_on(("Connection", "keep-alive"), ("Connection", "X-Hop"), ("X-Hop", "1"), ("X-Way", "2"))

    assert told == {"x-way": "2", "x-request-id": "id"}
