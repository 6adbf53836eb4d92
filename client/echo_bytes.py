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
            return fail(reason(answer))
        if "x-transcript" in answer.headers:
            print("heard: {}".format(unquote(answer.headers["x-transcript"])))
        n_bytes = 0
        with open(out, "wb") as file:
            for part in answer.iter_content(None):
                if n_bytes == 0:
                    print("first audio after {:.0f} ms".format(1000 * (time.perf_counter() - started_seconds)))
                n_bytes += file.write(part)
    if n_bytes == 0:
        return fail("there is nothing to speak in this recording")
    print("{} bytes written to {}".format(n_bytes, out))
    return 0


def fail(line):
    """One line on stderr, whatever stands in it; returns the exit code."""
    print("error: {}".format(" ".join(str(line).split())), file=sys.stderr)
    return 1


def reason(answer):
    try:
        return answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return "the gateway answered {} {}".format(answer.status_code, answer.reason)


def cause(error):
    """What lies at the bottom: the layers above it name objects of the library, not the fault."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or error


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default=CLIP)
    parser.add_argument("--url", default="http://127.0.0.1:8000/api/echo-bytes")
    parser.add_argument("--out", default="echo.wav")
    arguments = parser.parse_args()
    try:
        return echo(arguments.url, arguments.file, arguments.out)
    except requests.exceptions.ChunkedEncodingError as error:
        return fail("the connection was closed in the middle: {}".format(cause(error)))
    except (requests.ConnectionError, requests.Timeout) as error:
        return fail("the connection to {} failed: {}".format(arguments.url, cause(error)))
    except OSError as error:  # the two files, and whatever else `requests` says
        return fail(error)


if __name__ == "__main__":
    sys.exit(main())
