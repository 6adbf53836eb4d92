"""Home Assistant's protocol, spoken by its own package's client: with the real engines, and against what goes wrong."""

import asyncio
import io
import json
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import av
import pytest

from speech_core.testing.waiting import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from wyoming.asr import Transcribe, Transcript
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import Describe, Info
    from wyoming.ping import Ping, Pong
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
        SynthesizeVoice,
    )

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def fakes(start_fakes, free_port) -> int:
    """The port of the listener before the fake engines."""
    port = free_port()
    start_fakes(GATEWAY_WYOMING_PORT=str(port), TTS_OTHER_ENGINES="[]", TTS_SENTENCE_PAUSE_SECONDS="0")
    return port


@asynccontextmanager
async def opened(port: int) -> AsyncGenerator[AsyncTcpClient]:
    async with AsyncTcpClient("127.0.0.1", port) as client:
        yield client


async def events_until(client: AsyncTcpClient, ended: Callable[[str], bool]) -> list:
    """All events up to the first of the kind."""
    found = []
    while not found or not ended(found[-1].type):
        event = await asyncio.wait_for(client.read_event(), 30)
        assert event is not None, "the listener hung up"
        found.append(event)
    return found


def seconds_of(events: list) -> float:
    chunks = [AudioChunk.from_event(event) for event in events if AudioChunk.is_type(event.type)]
    return sum(chunk.seconds for chunk in chunks)


async def test_it_says_what_there_is(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(Describe().event())
        (event,) = await events_until(client, Info.is_type)

    info = Info.from_event(event)
    assert [voice.name for voice in info.tts[0].voices] == ["fake/fake"]
    assert info.tts[0].supports_synthesize_streaming
    assert "en" in info.asr[0].models[0].languages


async def test_a_ping_is_answered(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(Ping(text="a").event())
        (event,) = await events_until(client, Pong.is_type)

    assert Pong.from_event(event).text == "a"


async def test_text_is_spoken(fakes) -> None:
    async with opened(fakes) as client:
        for text in ("one two three", "four five"):
            await client.write_event(Synthesize(text=text, voice=SynthesizeVoice(name="fake/fake")).event())
            events = await events_until(client, AudioStop.is_type)

            start = AudioStart.from_event(events[0])
            assert (start.rate, start.width, start.channels) == (16_000, 2, 1)
            assert seconds_of(events) == pytest.approx(0.1 * len(text.split()))


async def test_text_is_spoken_while_it_is_written(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk(text="One two. Th").event())
        first = await events_until(client, AudioChunk.is_type)
        await client.write_event(SynthesizeChunk(text="ree four five.").event())
        # Sent beside the chunks for those who do not know them.
        await client.write_event(Synthesize(text="One two. Three four five.").event())
        await client.write_event(SynthesizeStop().event())
        rest = await events_until(client, SynthesizeStopped.is_type)

    assert AudioStart.is_type(first[0].type)
    assert AudioStop.is_type(rest[-2].type)
    assert seconds_of(first) + seconds_of(rest) == pytest.approx(0.5)


async def test_what_cannot_be_spoken_is_an_error_and_the_connection_lives_on(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(Synthesize(text="one", voice=SynthesizeVoice(name="nobody")).event())
        (event,) = await events_until(client, Error.is_type)
        await client.write_event(Synthesize(text="one").event())
        events = await events_until(client, AudioStop.is_type)

    assert Error.from_event(event).code == "unknown_voice"
    assert seconds_of(events) > 0


async def test_each_request_is_one_line_of_the_log(start_fakes, free_port, tmp_path) -> None:
    port, log = free_port(), tmp_path / "log"
    start_fakes(GATEWAY_WYOMING_PORT=str(port), TTS_OTHER_ENGINES="[]", LOG_LEVEL="info", LOG_FORMAT="json", log=log)
    async with opened(port) as client:
        for voice in ("fake/fake", "nobody"):
            await client.write_event(Synthesize(text="one", voice=SynthesizeVoice(name=voice)).event())
            await events_until(client, lambda kind: AudioStop.is_type(kind) or Error.is_type(kind))

    def told() -> list[dict]:
        return [line for line in map(json.loads, log.read_text(encoding="utf-8").splitlines()) if "operation" in line]

    wait_until(lambda: len(told()) >= 2)
    assert [(line["operation"], line["outcome"], line.get("code")) for line in told()] == [
        ("wyoming_tts", "ok", None),
        ("wyoming_tts", "client_error", "unknown_voice"),
    ]
    assert len({line["request_id"] for line in told()}) == 2


async def test_an_error_while_writing_is_told_at_the_end(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="nobody")).event())
        for text in ("one ", "two"):
            await client.write_event(SynthesizeChunk(text=text).event())
        await client.write_event(SynthesizeStop().event())
        events = await events_until(client, SynthesizeStopped.is_type)

    assert [event.type for event in events] == ["error", "synthesize-stopped"]
    assert Error.from_event(events[0]).code == "unknown_voice"


@pytest.mark.parametrize("wrong", [{}, {"text": None}, {"text": ["a"]}])
async def test_a_piece_that_is_no_text_is_told_once_and_the_rest_is_read(fakes, wrong) -> None:
    async with opened(fakes) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk(text="One two. Th").event())
        await events_until(client, AudioChunk.is_type)
        await client.write_event(Event("synthesize-chunk", wrong))
        await client.write_event(SynthesizeChunk(text="ree.").event())
        await client.write_event(Synthesize(text="One two. Three.").event())
        await client.write_event(SynthesizeStop().event())
        events = await events_until(client, SynthesizeStopped.is_type)
        await client.write_event(Ping().event())
        (after,) = await events_until(client, Pong.is_type)

    assert [Error.from_event(event).code for event in events if Error.is_type(event.type)] == ["invalid_message"]
    assert Pong.is_type(after.type)


@pytest.mark.parametrize(
    "sent",
    [
        b"no event\n",
        b"[]\n",
        b"{}\n",
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
        b'{"type": "describe", "data_length": -5}\n',
        b"x" * 200_000,
    ],
)
async def test_what_is_no_event_ends_the_connection_and_nothing_else(fakes, sent) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", fakes)
    with suppress(ConnectionError):
        writer.write(sent)
        await writer.drain()
        writer.write_eof()
        assert b"error" not in await asyncio.wait_for(reader.read(), 30)
    writer.close()

    async with opened(fakes) as client:
        await client.write_event(Ping().event())
        assert Pong.is_type((await asyncio.wait_for(client.read_event(), 30)).type)


async def test_a_listener_who_leaves_frees_what_it_held(fakes) -> None:
    async with opened(fakes) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk(text="One two. Th").event())
        await events_until(client, AudioChunk.is_type)

    async with opened(fakes) as client:
        await client.write_event(Synthesize(text="one").event())
        assert seconds_of(await events_until(client, AudioStop.is_type)) > 0


@pytest.fixture
def clip_samples(clip) -> bytes:
    """At 16 kHz, as a microphone's."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(io.BytesIO(clip)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return b"".join(frame.to_ndarray().tobytes() for frame in [*frames, *resampler.resample(None)])


async def test_human_speech_is_understood(start_stack, clip_samples, free_port) -> None:
    port = free_port()
    start_stack(GATEWAY_WYOMING_PORT=str(port))

    event = await heard(port, clip_samples)

    transcript = Transcript.from_event(event)
    assert "immediate predecessors" in transcript.text
    assert transcript.language == "en"


async def heard(port: int, clip_samples: bytes):
    async with opened(port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        for at in range(0, len(clip_samples), 3_200):
            await client.write_event(AudioChunk(16_000, 2, 1, clip_samples[at : at + 3_200]).event())
        await client.write_event(AudioStop().event())
        (event,) = await events_until(client, Transcript.is_type)
    return event
