"""OpenAI's API, with the fake engine: forms in, every format out."""

import json

import httpx
import numpy as np
import pysubs2
import pytest

from .conftest import RATE_HZ, tone, wav

TRANSCRIPTIONS = "/v1/audio/transcriptions"


def post(live, audio: bytes, path: str = TRANSCRIPTIONS, **fields: object) -> httpx.Response:
    return httpx.post(f"{live.url}{path}", files={"file": ("a.wav", audio)}, data=fields, timeout=30)


def events(answer: httpx.Response) -> list[dict]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_json_is_the_text_and_what_it_cost(live, speech) -> None:
    answer = post(live, speech, model="whisper-1")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "text": "one two",
        "languages": [{"code": "en"}],
        "usage": {"type": "duration", "seconds": 1},
    }
    assert answer.headers["x-audio-seconds"] == "1.000"
    assert answer.headers["x-audio-coverage"] == "transcribed=1.000; silent=0.000; failed=0.000"


def test_text_is_plain(live, speech) -> None:
    answer = post(live, speech, response_format="text")

    assert (answer.headers["content-type"], answer.text) == ("text/plain; charset=utf-8", "one two\n")


@pytest.mark.parametrize("response_format", ["srt", "vtt"])
def test_captions_are_read_by_a_player(live, speech, response_format) -> None:
    answer = post(live, speech, response_format=response_format)

    (cue,) = pysubs2.SSAFile.from_string(answer.text, format_=response_format)
    assert (cue.start, cue.end, cue.plaintext) == (0, 1000, "one two")


def test_verbose_json_has_openais_fields(live, speech) -> None:
    told = post(live, speech, response_format="verbose_json").json()

    (segment,) = told["segments"]
    assert set(told) == {"task", "language", "duration", "text", "segments", "usage"}
    assert (told["task"], told["language"], told["duration"]) == ("transcribe", "english", 1)
    assert set(segment) == set(
        "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob".split()
    )


@pytest.mark.parametrize("name", ["timestamp_granularities[]", "timestamp_granularities"])
def test_words_stand_at_the_top_level(live, speech, name) -> None:
    told = post(live, speech, response_format="verbose_json", **{name: "word"}).json()

    assert told["words"] == [
        {"word": "one", "start": 0, "end": 0.5},
        {"word": "two", "start": 0.5, "end": 1},
    ]
    assert "segments" not in told


def test_a_stream_is_deltas_that_add_up_to_the_text(serve, engine) -> None:
    live = serve(engine)

    told = events(post(live, wav(tone(25), np.zeros(RATE_HZ, "<i2"), tone(25)), stream="true"))

    deltas = [event["delta"] for event in told if event["type"] == "transcript.text.delta"]
    assert deltas == ["window 0", " window 1"]
    assert (told[-1]["type"], told[-1]["text"]) == ("transcript.text.done", "".join(deltas))
    assert told[-1]["languages"] == [{"code": "en"}]
    assert told[-1]["usage"]["type"] == "tokens"


@pytest.mark.parametrize(("query", "streams"), [("stream", True), ("stream=true", True), ("stream=false", False)])
def test_a_stream_can_be_asked_for_in_the_query(live, speech, query: str, streams: bool) -> None:
    answer = post(live, speech, f"{TRANSCRIPTIONS}?{query}", stream="")
    other = post(live, speech, f"{TRANSCRIPTIONS}?{query}", stream=str(not streams).lower())

    assert answer.headers["content-type"].startswith("text/event-stream") is streams
    # The form says more than the address.
    assert other.headers["content-type"].startswith("text/event-stream") is not streams


def test_a_stream_tells_what_was_not_recognized(serve, engine) -> None:
    live = serve(engine)
    engine.broken.add(1)

    told = events(post(live, wav(tone(25), np.zeros(RATE_HZ, "<i2"), tone(25)), stream="true"))

    coverage = told[-1]["coverage"]
    assert coverage["failed_seconds"] > 0
    assert coverage["audio_seconds"] == 51


def test_a_translation_is_asked_of_the_engine_and_is_english(serve, engine, speech) -> None:
    live = serve(engine)

    told = post(live, speech, "/v1/audio/translations", response_format="verbose_json", prompt="names").json()

    assert (told["task"], told["language"]) == ("translate", "english")
    assert (engine.tasks[0].translate, engine.tasks[0].prompt) == (True, "names")


def test_speakers_are_not_told_apart_in_a_translation(live, speech) -> None:
    answer = post(live, speech, "/v1/audio/translations", response_format="diarized_json", multichannel="true")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", "response_format")


@pytest.mark.parametrize("language", ["ru", "russian", "ru-RU", "Russian"])
def test_a_language_is_named_as_people_name_it(serve, engine, speech, language) -> None:
    post(serve(engine), speech, language=language)

    assert engine.tasks[0].language == "ru"


@pytest.mark.parametrize(("languages", "known"), [(["ru"], "ru"), (["ru", "English"], None), ([], None)])
def test_one_possible_language_is_the_language_and_of_several_one_is_chosen(
    serve, engine, speech, languages, known
) -> None:
    post(serve(engine), speech, **{"model": "gpt-transcribe", "languages[]": languages})

    assert engine.tasks[0].language == known
    assert engine.tasks[0].among == tuple(name[:2].lower() for name in languages)


def test_fields_may_come_before_or_after_the_file_and_unknown_ones_are_ignored(live, speech) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + speech + b"\r\n"
    body = (
        head % (b"model", b"whisper-1") + file + head % (b"response_format", b"text") + head % (b"new", b"1") + b"--b--"
    )

    answer = httpx.post(
        f"{live.url}{TRANSCRIPTIONS}", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
    )

    assert answer.text == "one two\n"


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"model": "gpt-9"}, 404, "unknown_model", "model"),
        ({"language": "xx"}, 400, "unsupported_language", "language"),
        ({"languages[]": "xx"}, 400, "unsupported_language", "languages"),
        ({"languages[]": ["en", "xx"]}, 400, "unsupported_language", "languages"),
        ({"temperature": "2"}, 400, "invalid_request", "temperature"),
        ({"response_format": "pdf"}, 400, "invalid_request", "response_format"),
        ({"timestamp_granularities[]": "letter"}, 400, "invalid_request", "timestamp_granularities"),
        ({"stream": "true", "response_format": "srt"}, 400, "invalid_request", "stream"),
        ({"stream": "perhaps"}, 400, "invalid_request", "stream"),
        ({"response_format": "diarized_json"}, 400, "invalid_request", "response_format"),
        ({"multichannel": "true"}, 400, "single_channel", "multichannel"),
        ({"multichannel": "true", "stream": "true"}, 400, "invalid_request", "stream"),
        ({"prompt": "<|endoftext|>"}, 400, "invalid_request", "prompt"),
        ({"prompt": "a" * 70_000}, 400, "invalid_form", None),
        ({"prompt": "a" * 40_000, "other": "a" * 40_000}, 400, "invalid_form", None),
    ],
)
def test_a_bad_field_is_named(live, speech, fields, status, code, param) -> None:
    answer = post(live, speech, **fields)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("multipart/form-data", b"", 415, "unsupported_media_type"),
        ("multipart/form-data; boundary=b", b"", 400, "missing_field"),
        (f"multipart/form-data; boundary={'b' * 300}", b"", 400, "invalid_form"),
        ("multipart/form-data; boundary=b", b"--c\r\n\r\n", 400, "invalid_form"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n--b--',
            400,
            "invalid_form",
        ),
    ],
)
def test_a_broken_form_is_refused(live, content_type, body, status, code) -> None:
    answer = httpx.post(f"{live.url}{TRANSCRIPTIONS}", content=body, headers={"content-type": content_type})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_form_that_is_cut_short_is_refused(live, speech) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + speech

    answer = httpx.post(
        f"{live.url}{TRANSCRIPTIONS}", content=part, headers={"content-type": "multipart/form-data; boundary=b"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_form")


def test_more_channels_than_a_film_has_are_refused(live) -> None:
    answer = post(live, wav(np.zeros((RATE_HZ, 9), "<i2")), multichannel="true")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_many_channels")


def test_channels_count_together_against_the_longest_audio(serve, engine) -> None:
    live = serve(engine, max_audio_seconds=3)

    answer = post(live, wav(np.zeros((2 * RATE_HZ, 2), "<i2")), multichannel="true")

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_long")
    assert "2 channels are longer together than 3 s" in answer.json()["error"]["message"]


def test_channels_count_together_where_the_header_does_not_tell_how_long_they_are(serve, engine) -> None:
    live = serve(engine, max_audio_seconds=3)
    told = wav(np.zeros((2 * RATE_HZ, 2), "<i2"))
    unknown = told[:4] + b"\xff" * 4 + told[8:40] + b"\xff" * 4 + told[44:]

    answer = post(live, unknown, multichannel="true")

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_long")


def test_a_file_above_openais_limit_is_refused(live) -> None:
    answer = post(live, bytes(25 * 1024 * 1024 + 1))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_large")


def test_each_channel_is_a_speaker(live) -> None:
    quiet = np.zeros(RATE_HZ, "<i2")
    left, right = np.concatenate([tone(1), quiet]), np.concatenate([quiet, tone(1)])

    answer = post(live, wav(np.stack([left, right], axis=1)), multichannel="true", response_format="diarized_json")

    told = answer.json()
    assert [(part["speaker"], part["type"]) for part in told["segments"]] == [
        ("A", "transcript.text.segment"),
        ("B", "transcript.text.segment"),
    ]
    assert told["duration"] == 2
    assert answer.headers["x-audio-seconds"] == "4.000"
    assert answer.headers["x-audio-coverage"] == "transcribed=2.000; silent=2.000; failed=0.000"


def test_every_form_of_an_answer_tells_the_channels_apart(live) -> None:
    quiet = np.zeros(RATE_HZ, "<i2")
    left, right = np.concatenate([quiet, tone(1)]), np.concatenate([tone(1), tone(1)])
    stereo = wav(np.stack([left, right], axis=1))

    def told(form: str) -> httpx.Response:
        asked = {"timestamp_granularities[]": ["word", "segment"], "response_format": form}
        return post(live, stereo, multichannel="true", **asked)

    verbose = told("verbose_json").json()
    assert [segment["channel"] for segment in verbose["segments"]] == [0, 1]
    assert [word["channel"] for word in verbose["words"]] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [word["start"] for word in verbose["words"]] == [0, 0, 0.5, 0.5, 1, 1, 1.5, 1.5]
    assert "<v B>one two three four\n" in told("vtt").text
    assert "\nB: one two three four\n" in told("srt").text


def test_speakers_are_streamed_in_step(serve, engine) -> None:
    samples = np.concatenate([tone(25), np.zeros(RATE_HZ, "<i2"), tone(25)])
    live = serve(engine)

    told = events(
        post(
            live, wav(np.stack([samples, samples], axis=1)),
            multichannel="true", response_format="diarized_json", stream="true",
        )
    )  # fmt: skip

    assert [event["speaker"] for event in told if event["type"] == "transcript.text.segment"] == ["A", "B", "A", "B"]
    assert told[-1]["type"] == "transcript.text.done"


def test_channels_of_bare_telephone_samples_are_told_apart(live) -> None:
    samples = np.stack([np.full(8_000, 0x80), np.full(8_000, 0xFF)], axis=1).astype("u1").tobytes()

    answer = httpx.post(f"{live.url}/api/stt/bytes?sr=8000&ch=2&fmt=mulaw&multichannel=true", content=samples)

    # 0x80 is the loudest code of mu-law, 0xFF is silence.
    assert [segment["channel"] for segment in answer.json()["segments"]] == [0]
