"""OpenAI's paths: passed on like the others, and the lists of both services as one."""

import httpx
import pytest


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
def test_a_form_arrives_as_it_was_sent(net, path) -> None:
    answer = httpx.post(
        f"{net.url}{path}", files={"file": ("a.wav", b"audio")}, data={"model": "whisper-1"}, timeout=20
    )

    (request,), (body,) = net.asr.requests, net.asr.bodies
    assert answer.json() == {"bytes": len(body)}
    assert request["path"] == path
    assert request["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="a.wav"' in body
    assert b"whisper-1" in body


def test_speech_is_asked_of_tts(net) -> None:
    answer = httpx.post(f"{net.url}/v1/audio/speech", json={"input": "one"}, timeout=20)

    assert answer.content == b'HEAD<{"input":"one"}>'


def test_a_form_above_openais_limit_is_refused_before_it_is_sent(net) -> None:
    answer = httpx.post(f"{net.url}/v1/audio/transcriptions", content=b"a" * (27 << 20), timeout=20)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_large")
    assert net.asr.requests == []


def test_the_lists_are_those_of_both(net) -> None:
    models = httpx.get(f"{net.url}/v1/models").json()

    assert [model["id"] for model in models["data"]] == ["whisper-1", "tts-1"]
    assert {model["object"] for model in models["data"]} == {"model"}
    assert httpx.get(f"{net.url}/v1/audio/models").json() == {"models": [{"id": "whisper-1"}, {"id": "tts-1"}]}
    assert [voice["id"] for voice in httpx.get(f"{net.url}/v1/audio/voices").json()["voices"]] == ["piper/joe"]


def test_a_model_is_one_of_either(net) -> None:
    found = httpx.get(f"{net.url}/v1/models/tts-1").json()

    assert (found["id"], found["object"], found["owned_by"]) == ("tts-1", "model", "kubespeech")


@pytest.mark.parametrize("name", ["gpt-5", "%2e%2e", "%2e", "a%3Fb", "%252e%252e"])
def test_a_model_that_there_is_not_is_said_as_openai_says_it(net, name) -> None:
    answer = httpx.get(f"{net.url}/v1/models/{name}")

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "unknown_model")


def test_a_list_that_cannot_be_had_is_an_error(net) -> None:
    net.tts.refusal = (503, {"error": {"message": "no", "type": "unavailable_error", "code": "draining"}})

    for path in ("/v1/models", "/v1/models/tts-1"):
        answer = httpx.get(f"{net.url}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
