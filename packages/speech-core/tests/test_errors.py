import pytest

from speech_core.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Overloaded,
    SpeechError,
    TooLarge,
    Unavailable,
    envelope,
    from_envelope,
    retry_headers,
)


def test_the_envelope_names_message_type_param_and_code() -> None:
    error = InvalidRequest("no voice `x`", code="unknown_voice", param="voice")

    assert envelope(error) == {
        "error": {
            "message": "no voice `x`",
            "type": "invalid_request_error",
            "param": "voice",
            "code": "unknown_voice",
        }
    }


def test_retry_after_is_rounded_up_to_whole_seconds() -> None:
    assert retry_headers(Overloaded("full", retry_after_seconds=1.2)) == {"Retry-After": "2", "retry-after-ms": "1200"}


def test_an_error_that_waiting_cannot_cure_has_no_retry_headers() -> None:
    assert retry_headers(InvalidRequest("bad")) == {}


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("a", code="bad_audio", param="file"),
        NotFound("b"),
        TooLarge("c", code="audio_too_long", param="file"),
        DeadlineExceeded("d"),
        Overloaded("e"),
        Unavailable("f", code="engine_failed"),
        SpeechError("g"),
    ],
)
def test_an_error_survives_the_way_through_its_envelope(error: SpeechError) -> None:
    rebuilt = from_envelope(error.status, envelope(error))

    assert type(rebuilt) is type(error)
    assert envelope(rebuilt) == envelope(error)


@pytest.mark.parametrize("body", [None, "<html>", {}, {"error": "words"}, {"error": {}}, []])
def test_an_answer_without_envelope_becomes_a_plain_error(body: object) -> None:
    assert from_envelope(500, body).message == "the upstream answered 500"
