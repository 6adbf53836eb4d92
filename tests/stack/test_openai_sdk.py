"""OpenAI's own packages, for Python and Node, unmodified, against the running stack: only its base URL is ours."""

import io
import os
import shutil
import subprocess
import wave
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jiwer
import openai
import pytest
from openai import OpenAI

from speech_core.testing.needed import program
from speech_core.testing.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

NODE = Path(__file__).with_name("node")
CLIP = Path(__file__).parents[2] / "services/asr/tests/data/ljspeech.flac"
SAID = "produced the block books which were the immediate predecessors of the true printed book"


@pytest.fixture
def client(stack) -> Generator[OpenAI]:
    with OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def errors_of(heard: str) -> float:
    return jiwer.wer(SAID, "".join(letter for letter in heard.lower() if letter.isalpha() or letter == " ").strip())


def test_models_are_listed(client) -> None:
    assert {"whisper-1", "whisper-base", "tts-1", "piper", "espeak"} <= {model.id for model in client.models.list()}


def test_a_model_is_retrieved(client) -> None:
    for name in ("whisper-1", "gpt-4o-mini-transcribe", "tts-1", "piper"):
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-5")
    assert (raised.value.code, raised.value.param) == ("unknown_model", "model")


def test_speech_is_created_and_streamed(client) -> None:
    whole = client.audio.speech.create(model="tts-1", voice="alloy", input="Good morning.", response_format="wav")
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input="Good morning.", response_format="pcm", instructions="Cheerfully."
    ) as answer:
        streamed = b"".join(answer.iter_bytes())

    with wave.open(io.BytesIO(whole.content)) as file:
        assert file.getframerate() == 22_050
    assert 0.4 < len(streamed) / 2 / 24_000 < 3


def test_a_clip_is_transcribed_in_every_form(client, clip) -> None:
    create = client.audio.transcriptions.create
    audio = ("clip.flac", clip)

    plain = create(model="whisper-1", file=audio)
    verbose = create(
        model="whisper-1", file=audio, language="en", response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )  # fmt: skip
    text, srt, vtt = (create(model="whisper-1", file=audio, response_format=name) for name in ("text", "srt", "vtt"))

    assert errors_of(plain.text) < 0.2
    assert errors_of(text) < 0.2
    assert (verbose.language, round(verbose.duration)) == ("english", 5)
    assert errors_of(" ".join(word.word for word in verbose.words)) < 0.2
    assert errors_of("".join(segment.text for segment in verbose.segments)) < 0.2
    assert srt.startswith("1\n00:00:00,")
    assert vtt.startswith("WEBVTT")


def test_a_transcript_is_streamed(client, clip) -> None:
    events = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("clip.flac", clip), stream=True))

    assert [event.type for event in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    assert events[-1].usage.total_tokens > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_clip_is_translated(client, clip) -> None:
    assert errors_of(client.audio.translations.create(model="whisper-1", file=("clip.flac", clip)).text) < 0.3


@pytest.mark.parametrize(
    ("fields", "kind", "code", "param"),
    [
        ({"model": "gpt-5"}, openai.NotFoundError, "unknown_model", "model"),
        ({"language": "xx"}, openai.BadRequestError, "unsupported_language", "language"),
        ({"file": ("a.wav", b"no audio")}, openai.BadRequestError, "bad_audio", "file"),
        ({"response_format": "doc"}, openai.BadRequestError, "invalid_request", "response_format"),
        ({"file": ("a.wav", b"a" * (26 << 20))}, openai.APIStatusError, "audio_too_large", "file"),
    ],
)
def test_a_bad_transcription_is_the_sdks_own_error(client, clip, fields, kind, code, param) -> None:
    with pytest.raises(kind) as raised:
        client.audio.transcriptions.create(**{"model": "whisper-1", "file": ("clip.flac", clip), **fields})

    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.request_id


@pytest.mark.parametrize(
    ("fields", "kind", "code"),
    [
        ({"voice": "nobody"}, openai.BadRequestError, "unknown_voice"),
        ({"input": ""}, openai.BadRequestError, "empty_text"),
        ({"model": "gpt-5"}, openai.NotFoundError, "unknown_model"),
    ],
)
def test_bad_speech_is_the_sdks_own_error(client, fields, kind, code) -> None:
    with pytest.raises(kind) as raised:
        client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": "One.", **fields})

    assert raised.value.code == code


def test_a_service_that_is_not_there_is_tried_again_as_we_ask(start_fakes) -> None:
    stack = start_fakes()
    stack.tts.kill()
    with (
        OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=1) as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        client.audio.speech.create(model="tts-1", voice="alloy", input="One.")

    assert (raised.value.status_code, raised.value.code) == (503, "upstream_unreachable")
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "1"


def test_a_service_that_comes_back_is_served_on_the_second_try(start_fakes) -> None:
    stack = start_fakes()
    stack.tts.kill()
    with OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=5) as client, ThreadPoolExecutor(1) as caller:
        said = caller.submit(client.audio.speech.create, model="tts-1", voice="alloy", input="One.")
        stack.tts.start()
        assert len(said.result(60).content) > 100


def test_a_timeout_is_the_sdks_own_error_and_stops_the_engine(client, stack) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.audio.speech.create(
            model="tts-1", voice="alloy", input="One two three four five. " * 100, response_format="wav", timeout=0.01
        )

    wait_until(lambda: stack.tts.counted("speech_in_flight", operation="speech") == 0)


def test_a_listener_who_has_heard_enough_stops_the_engine(client, stack) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="One two three four five. " * 100, response_format="pcm"
    ) as answer:
        next(answer.iter_bytes(1_000))

    wait_until(lambda: stack.tts.counted("speech_in_flight", operation="speech") == 0)


def test_the_node_package_finds_the_same(stack, start_fakes, tmp_path) -> None:
    npm = program("npm")
    gone = start_fakes()
    gone.tts.kill()
    folder = shutil.copytree(NODE, tmp_path / "node", ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run([npm, "ci", "--silent", "--no-fund", "--no-audit"], cwd=folder, check=True, timeout=100)
    environment = {**os.environ, "BASE_URL": f"{stack.url}/v1", "GONE_URL": f"{gone.url}/v1", "CLIP": str(CLIP)}

    ran = subprocess.run(
        ["node", "--test"], cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
