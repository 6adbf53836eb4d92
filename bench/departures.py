"""Hundreds of callers who leave at random moments: what is left behind, and what was computed for nobody."""

import argparse
import json
import os
import random
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
from corpus import read_corpus
from service import GIVEN_BACK_SECONDS, ServiceProcess, asr, tts

_IDLE_SECONDS = 120.0
_KEPT_BYTES = 48 * 1024 * 1024


def _form(body: bytes) -> tuple[str, str]:
    """Where such a body goes, and what it is."""
    return ("/api/tts", "application/json") if body[:1] == b"{" else ("/api/stt/bytes", "audio/flac")


def visit(service: ServiceProcess, body: bytes, patience_seconds: float) -> None:
    """Send a request, wait a while, and go; a slow one leaves in the middle of its own body."""
    path, kind = _form(body)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        try:
            caller.sendall(head + body[: random.choice([len(body), len(body), len(body) // 2])])
            caller.settimeout(patience_seconds)
            started = time.monotonic()
            while time.monotonic() - started < patience_seconds and caller.recv(65536):
                pass
        except OSError:
            return


def wait_idle(service: ServiceProcess) -> None:
    deadline = time.monotonic() + _IDLE_SECONDS
    while service.metric("speech_in_flight") or service.metric("speech_queued"):
        if time.monotonic() > deadline:
            raise SystemExit("work goes on for callers who have left")
        time.sleep(0.1)


def ask(service: ServiceProcess, body: bytes) -> float:
    """Send a request, alone; how long its answer took."""
    path, kind = _form(body)
    started = time.monotonic()
    answer = httpx.post(f"{service.url}{path}", content=body, headers={"content-type": kind}, timeout=60)
    answer.raise_for_status()
    return time.monotonic() - started


def descendants(pid: int) -> int:
    """Processes below it: decoders are children of a server of forks, which a thread has started."""
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return sum(1 + descendants(int(child)) for children in lists for child in children)


def open_files(service: ServiceProcess) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def kept_by(service: ServiceProcess) -> tuple[int, int, int]:
    """Bytes of memory, open files, processes."""
    return service.resident_bytes(), open_files(service), descendants(service.process.pid)


def storm(service: ServiceProcess, bodies: list[bytes], arguments: argparse.Namespace) -> tuple[int, int, int]:
    """Half of the callers; returns what is kept when all is quiet."""
    with ThreadPoolExecutor(arguments.at_once) as callers:
        visits = [
            callers.submit(visit, service, random.choice(bodies), random.uniform(0.01, 3))
            for _ in range(arguments.callers // 2)
        ]
    for one in visits:
        one.result()
    wait_idle(service)
    time.sleep(GIVEN_BACK_SECONDS)
    kept = kept_by(service)
    print(f"resident {kept[0] >> 20} MiB, {kept[1]} open files, {kept[2]} processes")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--service", choices=["asr", "tts"], default="asr")
    parser.add_argument("--callers", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus, "en")
    if arguments.service == "asr":
        running, bodies = asr(), [clip.path.read_bytes() for clip in clips]
    else:
        texts = [" ".join(clip.text for clip in clips[at : at + 10]) for at in range(0, len(clips), 10)]
        running, bodies = tts(seats=64), [json.dumps({"text": text}).encode() for text in texts]
    with running as service:
        # Were the work for leavers not stopped, each would cost about as much as a request alone.
        some = bodies[:: max(1, len(bodies) // 10)]
        mean_alone_seconds = sum(ask(service, body) for body in some) / len(some)
        with ThreadPoolExecutor(len(some)) as callers:  # what a crowd needs is made once, and stays
            list(callers.map(partial(ask, service), some))
        time.sleep(GIVEN_BACK_SECONDS)
        started = kept_by(service)
        first, kept = storm(service, bodies, arguments), storm(service, bodies, arguments)
        requests = service.metric("speech_requests_total")
        cancelled = service.metric("speech_cancelled_total")
        wasted = service.metric("speech_wasted_compute_seconds_total")
        queued = service.metric("speech_queued_audio_seconds")
        ask(service, bodies[0])
    # What a storm leaves in the allocator comes and goes; what is lost would be there after both.
    growth = min(first[0], kept[0]) - started[0]
    each = wasted / max(1, cancelled)
    print(f"{requests:.0f} requests, {cancelled:.0f} left; {wasted:.2f} s computed for nobody,")
    print(f"{each:.3f} s a caller; a request alone takes {mean_alone_seconds:.2f} s;")
    print(f"{queued:.0f} s of audio still queued; memory grew {growth >> 20} MiB")
    if arguments.json:
        found = {
            "service": arguments.service,
            "callers": arguments.callers,
            "requests": requests,
            "left": cancelled,
            "wasted_compute_seconds": wasted,
            "mean_alone_seconds": mean_alone_seconds,
            "queued_audio_seconds": queued,
            "resident_bytes": [started[0], first[0], kept[0]],
            "open_files": [started[1], first[1], kept[1]],
            "processes": [started[2], first[2], kept[2]],
        }
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    is_cheap = cancelled and not queued and each <= mean_alone_seconds / 4
    is_as_before = growth <= _KEPT_BYTES and kept[1] <= started[1] + 2 and kept[2] <= started[2]
    return 0 if is_cheap and is_as_before else 1


if __name__ == "__main__":
    sys.exit(main())
