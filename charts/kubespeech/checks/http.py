"""`helm test`: a sentence is spoken, and what was spoken is recognized; with keys on, nobody gets in without one."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

GATEWAY = os.environ["GATEWAY"]
LONGEST_SECONDS = 120


def call(path, body=None, content_type="application/json"):
    request = urllib.request.Request(GATEWAY + path, data=body, headers={"content-type": content_type})
    with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as answer:
        return answer.read()


def healthy():
    """The gateway sees a service some seconds after it became ready."""
    end = time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            return call("/health").decode()
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"not healthy: {error}")
        time.sleep(1)


print("health", healthy(), flush=True)
text = json.dumps({"text": "One two three.", "format": "wav"}).encode()
if os.environ.get("KEYS"):
    try:
        call("/api/tts", text)
    except urllib.error.HTTPError as error:
        print("without a key", error.code)
        sys.exit(error.code != 401)
    sys.exit("without a key, text was spoken")
speech = call("/api/tts", text)
print("spoken", len(speech), "bytes", flush=True)
heard = json.loads(call("/api/stt/bytes", speech, "application/octet-stream"))
print("heard", heard["text"])
sys.exit(0 if heard["text"] else "nothing was heard")
