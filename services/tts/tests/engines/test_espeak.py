import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from speech_core.audio import Pcm
from speech_core.errors import Unavailable
from speech_core.testing.tts_socket import opened, send, until
from speech_core.testing.waiting import wait_until
from speech_tts.engines import language_tag
from speech_tts.engines.espeak import EspeakEngine
from speech_tts.settings import TtsSettings


@pytest.fixture(scope="module")
def espeak():
    engine = EspeakEngine(TtsSettings())
    yield engine
    engine.close()


def say(engine: EspeakEngine, text: str, voice: str = "en-us", speed: float = 1.0) -> Pcm:
    parts = list(engine.synthesize(text, voice=engine.voices[voice], speed=speed))
    return Pcm(b"".join(part.data for part in parts), engine.voices[voice].format)


def test_every_language_has_a_voice(espeak) -> None:
    assert len(espeak.voices) > 100
    assert next(iter(espeak.voices)) == "en-us"
    assert {"ru", "de", "fr-fr", "en-us", "cmn", "ar"} <= set(espeak.voices)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en-us", "Good morning."), ("ru", "Доброе утро."), ("ar", "صباح الخير"), ("cmn", "早上好。")],
)
def test_a_language_is_spoken(espeak, language, text) -> None:
    sound = say(espeak, text, language)

    assert 0.3 < sound.seconds < 3
    assert np.abs(np.frombuffer(sound.data, "<i2").astype(int)).max() > 3_000


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_is_the_pace(espeak, speed) -> None:
    text = "This sentence is long enough to be measured."

    assert say(espeak, text, speed=speed).seconds == pytest.approx(say(espeak, text).seconds / speed, rel=0.2)


def test_text_without_a_word_is_no_failure(espeak) -> None:
    assert say(espeak, "...").seconds >= 0


def dies_in_the_middle(engine: EspeakEngine) -> None:
    """The process stops; once it has been asked for a piece, it is killed."""
    pid = engine._child._process.pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(engine._lock.locked)
    os.kill(pid, signal.SIGKILL)


def say_until(killed: Future, engine: EspeakEngine) -> None:
    while not killed.done():
        say(engine, "Good morning.")


def test_a_process_that_dies_over_a_piece_fails_it_and_the_next_works(espeak) -> None:
    with ThreadPoolExecutor(1) as killer:
        killed = killer.submit(dies_in_the_middle, espeak)
        with pytest.raises(Unavailable) as raised:
            say_until(killed, espeak)

    assert raised.value.code == "engine_failed"
    assert say(espeak, "Good morning.").seconds > 0.3


def test_a_process_that_died_before_costs_nobody_a_piece(espeak) -> None:
    espeak._child._process.kill()
    espeak._child._process.wait(10)

    assert say(espeak, "Good morning.").seconds > 0.3


def test_voices_do_not_mix_when_several_speak(espeak) -> None:
    asked = [("ru", "Доброе утро."), ("en-us", "Good morning."), ("de", "Guten Morgen.")] * 6
    alone = {language: say(espeak, text, language).seconds for language, text in asked}

    with ThreadPoolExecutor(8) as callers:
        spoken = list(callers.map(lambda one: say(espeak, one[1], one[0]).seconds, asked))

    assert len(set(alone.values())) == 3
    assert spoken == [pytest.approx(alone[language], abs=0.02) for language, _ in asked]


@pytest.mark.parametrize(
    ("name", "tag"),
    [("en-us", "en-US"), ("ru", "ru"), ("cmn", "zh"), ("en-gb-scotland", "en-GB-scotland"), ("fa-latn", "fa-latn")],
)
def test_a_language_is_named_as_others_do(name, tag) -> None:
    assert language_tag(name) == tag


def test_a_process_killed_in_the_middle_is_an_event_and_the_next_utterance_works(serve) -> None:
    engine = EspeakEngine(TtsSettings())
    with opened(serve(engine)) as socket, ThreadPoolExecutor(1) as killer:
        send(socket, type="append", text="The first sentence. ", id="a", voice="espeak/en-us")
        until(socket, "start")
        assert socket.recv(timeout=10)
        killed = killer.submit(dies_in_the_middle, engine)
        while not killed.done():
            send(socket, type="append", text="The next sentence. ")
        _, event = until(socket, "error")
        send(socket, type="flush")
        send(socket, text="Again.", id="b")
        sound, end = until(socket, "end")

    assert (event["id"], event["error"]["code"], end["id"]) == ("a", "engine_failed", "b")
    assert len(sound) > 10_000
