"""What the gateway costs beside nginx: processor a frame, an upload, an idle socket, and milliseconds a request."""

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from relays import OTHER_CPU, Relay, gateway, nginx, upstream

_MIB = 1 << 20
STREAMS, FRAMES, EVERY_SECONDS = 50, 250, 0.04
IDLE_SOCKETS = 200
_BODY = json.dumps({"text": "One sentence, as people send it."}).encode()
_JSON = {"content-type": "application/json"}
Measured = dict[str, float]


def frames(relay: Relay) -> Measured:
    """Microseconds of processor a frame, while many sockets are fed at the pace of speech."""

    async def listen(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"ws://{relay.address}/ws/tts", max_msg_size=0) as ws:
            await ws.send_str(json.dumps({"frames": FRAMES, "every_seconds": EVERY_SECONDS}))
            heard = 0
            async for message in ws:
                if message.type is aiohttp.WSMsgType.TEXT:
                    break
                heard += 1
            assert heard == FRAMES, f"{heard} of {FRAMES} frames"

    async def all_of_them() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(listen(session) for _ in range(STREAMS)))

    before_seconds = relay.cpu_seconds()
    asyncio.run(all_of_them())
    return {"us_per_frame": (relay.cpu_seconds() - before_seconds) * 1e6 / (STREAMS * FRAMES)}


def upload(relay: Relay, size_bytes: int) -> Measured:
    """Processor seconds and added memory of one large body."""
    part = bytes(_MIB)
    before_bytes, before_seconds = relay.resident_bytes(), relay.cpu_seconds()
    with socket.create_connection(("127.0.0.1", relay.port)) as caller:
        head = (
            f"POST /api/stt/bytes HTTP/1.1\r\nhost: relay\r\ncontent-length: {size_bytes}\r\nconnection: close\r\n\r\n"
        )
        caller.sendall(head.encode())
        for _ in range(size_bytes // _MIB):
            caller.sendall(part)
        answer = b"".join(iter(lambda: caller.recv(65_536), b""))
    assert str(size_bytes).encode() in answer, answer[:200]
    return {
        "cpu_seconds": relay.cpu_seconds() - before_seconds,
        "added_mib": (relay.resident_bytes(at_most=True) - before_bytes) / _MIB,
    }


def idle(relay: Relay) -> Measured:
    """Memory of a socket on which nothing happens."""

    async def hold() -> float:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            before_bytes = relay.resident_bytes()
            held = [await session.ws_connect(f"ws://{relay.address}/ws/tts") for _ in range(IDLE_SOCKETS)]
            await asyncio.sleep(1)
            assert not any(one.closed for one in held)
            return (relay.resident_bytes() - before_bytes) / IDLE_SOCKETS / 1024

    return {"kib_per_socket": asyncio.run(hold())}


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Who measures milliseconds does not collect garbage meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _paced(address: str, per_second: float, count: int) -> list[float]:
    """Milliseconds of each request of an open loop."""
    taken: list[float] = []

    async def ask(session: aiohttp.ClientSession, at_seconds: float) -> None:
        await asyncio.sleep(max(0, at_seconds - time.perf_counter()))
        begun_seconds = time.perf_counter()
        async with session.post(f"http://{address}/api/tts", data=_BODY, headers=_JSON) as answer:
            await answer.read()
        taken.append((time.perf_counter() - begun_seconds) * 1000)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        start_seconds = time.perf_counter() + 0.1
        await asyncio.gather(*(ask(session, start_seconds + n / per_second) for n in range(count)))
    return taken


async def _closed(address: str, callers: int, seconds: float) -> float:
    """Requests a second of callers that go on and on: the knee."""
    done = 0

    async def go_on(session: aiohttp.ClientSession, until_seconds: float) -> None:
        nonlocal done
        while time.perf_counter() < until_seconds:
            async with session.post(f"http://{address}/api/tts", data=_BODY, headers=_JSON) as answer:
                await answer.read()
            done += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        until_seconds = time.perf_counter() + seconds
        await asyncio.gather(*(go_on(session, until_seconds) for _ in range(callers)))
    return done / seconds


def latency(relay: Relay, direct: str) -> Measured:
    """Milliseconds that the relay adds to a small request, at half of what it can bear."""
    knee = asyncio.run(_closed(relay.address, 16, 5))
    asyncio.run(_paced(direct, knee / 2, 200))
    apart = {"direct": direct, "relay": relay.address}
    with _without_pauses():
        taken = {name: asyncio.run(_paced(address, knee / 2, 2_000)) for name, address in apart.items()}
    p50, p99 = ({name: statistics.quantiles(all_, n=100)[at] for name, all_ in taken.items()} for at in (49, 98))
    return {
        "knee_per_second": knee,
        "added_p50_ms": p50["relay"] - p50["direct"],
        "added_p99_ms": p99["relay"] - p99["direct"],
    }


def measured(port: int, kind: str, upload_bytes: int) -> Measured:
    """All of one relay, each figure by a fresh process."""
    start = {"gateway": gateway, "nginx": nginx}[kind]
    cells: list[Callable[[Relay], Measured]] = [
        frames, lambda relay: upload(relay, upload_bytes), idle, lambda relay: latency(relay, f"127.0.0.1:{port}"),
    ]  # fmt: skip
    found: Measured = {}
    for cell in cells:
        with start(port) as relay:
            found |= cell(relay)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--upload-mib", type=int, default=1024)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {OTHER_CPU})
    rounds: list[dict[str, Measured]] = []
    with upstream() as port:
        for number in range(arguments.rounds):
            kinds = ["gateway", "nginx"] if number % 2 == 0 else ["nginx", "gateway"]
            rounds.append({kind: measured(port, kind, arguments.upload_mib * _MIB) for kind in kinds})
    for name in rounds[0]["gateway"]:
        ours, theirs = ([one[kind][name] for one in rounds] for kind in ("gateway", "nginx"))
        ratios = [a / b if b else float("nan") for a, b in zip(ours, theirs, strict=True)]
        print(f"{name:18} gateway {_told(ours)}   nginx {_told(theirs)}   ratio {_told(ratios)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    return 0


def _told(values: list[float]) -> str:
    return f"{statistics.median(values):9.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
