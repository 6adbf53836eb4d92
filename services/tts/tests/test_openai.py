import base64
import json

import httpx
import pytest

from speech_tts.engines.espeak import EspeakEngine
from speech_tts.settings import TtsSettings

JSON = {"content-type": "application/json"}


def post(live, **fields: object) -> httpx.Response:
    return httpx.post(
        f"{live.url}/v1/audio/speech", json={"input": "one two", "model": "tts-1", "voice": "alloy", **fields}
    )


@pytest.mark.parametrize(
    ("fields", "content_type", "start"),
    [
        ({}, "audio/mpeg", b"\xff"),
        ({"response_format": "opus"}, "audio/ogg;codecs=opus", b"OggS"),
        ({"response_format": "aac"}, "audio/aac", b"\xff"),
        ({"response_format": "flac"}, "audio/flac", b"fLaC"),
        ({"response_format": "wav"}, "audio/wav", b"RIFF"),
        ({"response_format": "pcm"}, "audio/pcm;rate=24000;channels=1", b""),
        ({"voice": {"id": "fake/fake"}}, "audio/mpeg", b"\xff"),
        ({"voice": None}, "audio/mpeg", b"\xff"),
        ({"instructions": "cheerfully", "unknown": 1}, "audio/mpeg", b"\xff"),
    ],
)
def test_speech_is_answered_as_openai_does(live, fields, content_type, start) -> None:
    answer = post(live, **fields)

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.content.startswith(start)


def test_pcm_has_the_rate_that_clients_rely_on(live) -> None:
    assert len(post(live, response_format="pcm").content) == pytest.approx(0.2 * 24_000 * 2, abs=8)


def test_events_carry_the_sound_and_at_the_end_the_usage(live) -> None:
    answer = post(live, response_format="pcm", stream_format="sse")

    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    sound = b"".join(base64.b64decode(event["audio"]) for event in told[:-1])
    assert {event["type"] for event in told[:-1]} == {"speech.audio.delta"}
    assert sound == post(live, response_format="pcm").content
    assert told[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 2, "output_tokens": 10, "total_tokens": 12},
    }


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"input": ""}, 400, "empty_text", "input"),
        ({"input": " "}, 400, "empty_text", "input"),
        ({"input": "a" * 4097}, 413, "text_too_long", "input"),
        ({"input": None}, 400, "invalid_request", "input"),
        ({"model": "gpt-5"}, 404, "unknown_model", "model"),
        ({"voice": "nobody"}, 400, "unknown_voice", "voice"),
        ({"voice": 5}, 400, "invalid_request", "voice.str"),
        ({"response_format": "ogg"}, 400, "invalid_request", "response_format"),
        ({"speed": 9}, 400, "invalid_request", "speed"),
        ({"stream_format": "ws"}, 400, "invalid_request", "stream_format"),
        ({"language": "xx"}, 400, "unsupported_language", "language"),
    ],
)
def test_a_bad_request_names_what_is_wrong(live, fields, status, code, param) -> None:
    answer = post(live, **fields)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [("{", JSON, 400, "invalid_json"), ("", JSON, 400, "missing_field"), ("a", {}, 415, "unsupported_media_type")],
)
def test_a_body_that_is_no_request_is_refused(live, content, headers, status, code) -> None:
    answer = httpx.post(f"{live.url}/v1/audio/speech", content=content, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_failure_before_the_first_sound_is_an_ordinary_error(serve, engine) -> None:
    engine.broken.add("one two")

    answer = post(serve(engine), stream_format="sse")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")
    assert answer.json()["error"]["param"] == "input"


def test_a_failure_in_the_middle_is_an_event(serve, engine) -> None:
    engine.broken.add("Second.")

    answer = post(serve(engine), input="First. Second.", stream_format="sse")

    last = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")][-1]
    assert (answer.status_code, last["error"]["code"]) == (200, "engine_failed")


def test_a_language_is_heeded_beside_a_name_of_openai(serve) -> None:
    live = serve(EspeakEngine(TtsSettings()))

    assert post(live, input="Доброе утро.", language="ru").status_code == 200


def test_what_can_be_asked_for_is_listed(live) -> None:
    models = httpx.get(f"{live.url}/v1/models").json()
    voices = httpx.get(f"{live.url}/v1/audio/voices").json()

    assert [model["id"] for model in models["data"]] == ["fake", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert (models["object"], models["data"][0]["object"]) == ("list", "model")
    assert voices == {"voices": [{"id": "fake/fake", "name": "fake", "language": "en-US", "engine": "fake"}]}
