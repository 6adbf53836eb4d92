"""What is understood of each voice: sentences are spoken, recognized again by our own asr, and compared."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import httpx
from corpus import count_errors, read_corpus
from service import asr, tts

_TIMEOUT_SECONDS = 300.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--voices", nargs="+", default=["piper/en_US-joe-medium", "espeak/en-us", "espeak/ru"])
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    found: dict[str, dict[str, int]] = {}
    print(f"{'voice':28}{'words':>8}{'errors':>8}{'rate':>9}")
    with tts() as speaker, asr() as listener, httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
        voices = {voice["id"]: voice for voice in client.get(f"{speaker.url}/v1/audio/voices").json()["voices"]}
        for name in arguments.voices:
            language = voices[name]["language"].partition("-")[0]
            clips = [clip for clip in read_corpus(arguments.corpus, language) if len(clip.text.split()) > 3]
            clips = clips[:: max(1, len(clips) // arguments.sentences)][: arguments.sentences]
            pairs: list[tuple[str, str]] = []
            for clip in clips:
                spoken = client.post(
                    f"{speaker.url}/api/tts", json={"text": clip.text, "voice": name, "format": "flac"}
                )
                spoken.raise_for_status()
                heard = client.post(f"{listener.url}/api/stt/bytes?lang={language}", content=spoken.content)
                pairs.append((clip.text, heard.raise_for_status().json()["text"]))
            count = count_errors(pairs, language)
            found[name] = asdict(count)
            print(f"{name:28}{count.words:8}{count.errors:8}{count.rate:9.1%}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
