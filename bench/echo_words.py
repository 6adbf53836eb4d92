"""How many words survive an echo: a clip is echoed, the echo is recognized, and compared with the clip's transcript."""

import argparse
import sys
from pathlib import Path

import httpx
from corpus import Clip, ErrorCount, count_errors, read_corpus

_TIMEOUT_SECONDS = 300.0
# A clip of two words says nothing of a rate.
_SHORTEST_SECONDS = 3.0


def echoed_words(client: httpx.Client, clip: Clip) -> str:
    """What is heard in the echo of *clip*."""
    echo = client.post("/api/echo-bytes", content=clip.path.read_bytes())
    echo.raise_for_status()
    heard = client.post("/api/stt/bytes", params={"lang": clip.language}, content=echo.content)
    heard.raise_for_status()
    return heard.json()["text"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--at-most", type=float, default=1.0, help="exit with 1 above this word error rate")
    arguments = parser.parse_args()
    clips = [clip for clip in read_corpus(arguments.corpus, "en") if clip.seconds >= _SHORTEST_SECONDS]
    # Evenly over the corpus, so that no single source decides.
    chosen = clips[:: max(1, len(clips) // arguments.clips)]
    pairs: list[tuple[str, str]] = []
    with httpx.Client(base_url=arguments.url, timeout=_TIMEOUT_SECONDS) as client:
        for clip in chosen:
            heard = echoed_words(client, clip)
            alone = count_errors([(clip.text, heard)], clip.language)
            print(f"{alone.errors:3} of {alone.words:3}  {clip.path.name}: {heard}")
            pairs.append((clip.text, heard))
    whole: ErrorCount = count_errors(pairs, "en")
    print(f"word error rate of the echo over {len(pairs)} clips: {whole.rate:.3f} ({whole.errors} of {whole.words})")
    return 1 if whole.rate > arguments.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
