#!/usr/bin/env python3
"""Send a recording, get the same words back, spoken: written to a file while they are still being made."""

import argparse
import os
import sys
import time
from urllib.parse import unquote

import requests

CLIP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hello.wav")


def echo(url, path, out):
    started_seconds = time.perf_counter()
    with open(path, "rb") as recording, requests.post(url, data=recording, stream=True, timeout=(5, 600)) as answer:
        if answer.status_code != 200:
            print("error: {}".format(reason(answer)), file=sys.stderr)
            return 1
        if "x-transcript" in answer.headers:
            print("heard: {}".format(unquote(answer.headers["x-transcript"])))
        n_bytes = 0
        with open(out, "wb") as file:
            for part in answer.iter_content(None):
                if n_bytes == 0:
                    print("first audio after {:.0f} ms".format(1000 * (time.perf_counter() - started_seconds)))
                n_bytes += file.write(part)
    print("{} bytes written to {}".format(n_bytes, out))
    return 0


def reason(answer):
    try:
        return answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return "the gateway answered {}".format(answer.status_code)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default=CLIP)
    parser.add_argument("--url", default="http://127.0.0.1:8000/api/echo-bytes")
    parser.add_argument("--out", default="echo.wav")
    arguments = parser.parse_args()
    try:
        return echo(arguments.url, arguments.file, arguments.out)
    except (OSError, requests.RequestException) as error:
        print("error: {}".format(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
