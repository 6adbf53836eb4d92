"""Callers inside the cluster, for as long as the pod runs: a JSON line for each request and what became of it."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import aiohttp

URL, CALLERS, KINDS = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
TEXT = "One two three four five."
LONGEST_SECONDS = 120
# Of the ConfigMap with the pod's name.
CLIP = Path("/data/clip.flac")


async def speak(session: aiohttp.ClientSession) -> str:
    async with session.post(f"{URL}/api/tts", json={"text": TEXT}) as answer:
        body = await answer.read()
        return "ok" if answer.status == 200 and body else f"{answer.status} {body[:300]!r}"


async def recognize(session: aiohttp.ClientSession) -> str:
    speech = b"\0\0\xff\x1f" * 16_000
    async with session.post(f"{URL}/api/stt/bytes?sr=16000&ch=1&fmt=s16le", data=speech) as answer:
        body = await answer.read()
        whole = answer.status == 200 and json.loads(body)["coverage"]["failed_seconds"] == 0
        retry = answer.headers.get("retry-after")
        return "ok" if whole else f"{answer.status} retry-after={retry} {body[:300]!r}"


async def echo(session: aiohttp.ClientSession) -> str:
    speech = b"\0\0\xff\x1f" * 16_000
    async with session.post(f"{URL}/api/echo-bytes?sr=16000&ch=1&fmt=s16le", data=speech) as answer:
        body = await answer.read()
        return "ok" if answer.status == 200 and body else f"{answer.status} {body[:300]!r}"


async def clip(session: aiohttp.ClientSession) -> str:
    """Human speech."""
    async with session.post(f"{URL}/api/stt/bytes", data=CLIP.read_bytes()) as answer:
        body = await answer.read()
        retry = answer.headers.get("retry-after")
        right = answer.status == 200 and "predecessors" in json.loads(body)["text"]
        return "ok" if right else f"{answer.status} retry-after={retry} {body[:300]!r}"


async def socket(session: aiohttp.ClientSession) -> str:
    async with session.ws_connect(f"{URL}/ws/tts") as connected:
        await connected.send_json({"text": TEXT})
        async for message in connected:
            if message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == "end":
                return "ok"
        return f"closed {connected.close_code} before the end"


CALLS = {"speak": speak, "recognize": recognize, "clip": clip, "socket": socket, "echo": echo}


async def call(name: str) -> None:
    """One after the other; each on a connection of its own, as through a balancer that is new to it."""
    while True:
        started = time.time()
        try:
            connector = aiohttp.TCPConnector(force_close=True)
            timeout = aiohttp.ClientTimeout(total=LONGEST_SECONDS)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                outcome = await CALLS[name](session)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = f"{type(error).__name__} {error}"
        seconds = round(time.time() - started, 3)
        print(json.dumps({"at": round(started, 3), "kind": name, "outcome": outcome, "seconds": seconds}), flush=True)
        if outcome != "ok":
            await asyncio.sleep(0.2)


async def main() -> None:
    """Until told to go: then the connections are closed, and nobody waits for callers who are no more."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    calls = [asyncio.create_task(call(KINDS[caller % len(KINDS)])) for caller in range(CALLERS)]
    await told.wait()
    for task in calls:
        task.cancel()
    await asyncio.wait(calls)


asyncio.run(main())
