#!/usr/bin/env python3
"""Speak a text through the gateway's socket: play it where there is a sound device, else write a WAV file."""

import argparse
import json
import sys
import time
import wave

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

TEXT = (
    "Hello from kubespeech. This sentence was on its way while the last one was already being spoken. "
    "That is why you hear it at once."
)


class WavFile:
    """Collects the sound in a file."""

    def __init__(self, path, sample_rate, channels):
        self.path = path
        # Not opened by `wave`: it complains a second time, by itself, about a path that it cannot open.
        self._raw = open(path, "wb")
        self._file = wave.open(self._raw, "wb")
        self._file.setnchannels(channels)
        self._file.setsampwidth(2)
        self._file.setframerate(sample_rate)

    def write(self, samples):
        self._file.writeframes(samples)

    def close(self):
        with self._raw:
            self._file.close()
        print("written to {}".format(self.path))


class Loudspeaker:
    """Plays the sound as it comes."""

    def __init__(self, sample_rate, channels):
        import sounddevice

        self._stream = sounddevice.RawOutputStream(samplerate=sample_rate, channels=channels, dtype="int16")
        self._stream.start()

    def write(self, samples):
        self._stream.write(samples)

    def close(self):
        self._stream.stop()
        self._stream.close()


def open_output(path, sample_rate, channels):
    if path is None:
        try:
            return Loudspeaker(sample_rate, channels)
        except Exception as error:  # no library, no device, a device that is taken: a file always works
            print("no sound device ({})".format(error))
    return WavFile(path or "speech.wav", sample_rate, channels)


def speak(socket, request, path):
    socket.send(json.dumps(request))
    sent_seconds = time.perf_counter()
    output = None
    try:
        while True:
            message = socket.recv()
            if isinstance(message, bytes):
                if sent_seconds is not None:
                    print("first audio after {:.0f} ms".format(1000 * (time.perf_counter() - sent_seconds)))
                    sent_seconds = None
                output.write(message)
                continue
            event = json.loads(message)
            if event["type"] == "start":
                output = open_output(path, event["sample_rate"], event["channels"])
            elif event["type"] == "end":
                break
            elif event["type"] == "error":
                return fail(event["error"]["message"])
    finally:
        if output is not None:
            output.close()
    if output is None:
        return fail("there is nothing to speak in this text")
    print("{:.2f} s of audio".format(event["audio_seconds"]))
    return 0


def fail(line):
    """One line on stderr, whatever stands in it; returns the exit code."""
    print("error: {}".format(" ".join(str(line).split())), file=sys.stderr)
    return 1


def refusal(error):
    """Why the upgrade was refused: in the gateway's own words where it has any."""
    answer = error.response
    try:
        return json.loads(answer.body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return "the answer was {} {}".format(answer.status_code, answer.reason_phrase)


def run(arguments):
    request = {"text": arguments.text}
    if arguments.voice:
        request["voice"] = arguments.voice
    try:
        socket = connect(arguments.url, compression=None)
    except InvalidStatus as error:
        return fail("{} refused the connection: {}".format(arguments.url, refusal(error)))
    except (OSError, EOFError, WebSocketException) as error:
        return fail("{} cannot be reached: {}".format(arguments.url, error))
    with socket:
        return speak(socket, request, arguments.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default=TEXT)
    parser.add_argument("--url", default="ws://127.0.0.1:8000/ws/tts")
    parser.add_argument("--voice")
    parser.add_argument("--out", help="write this WAV file instead of playing")
    try:
        return run(parser.parse_args())
    except ConnectionClosed as error:
        return fail("the connection was closed in the middle: {}".format(error))
    except OSError as error:
        return fail(error)


if __name__ == "__main__":
    sys.exit(main())
