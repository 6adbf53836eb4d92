"""`helm test`: the socket speaks, and ends what it began; with keys on, that nobody gets in without one."""

import asyncio
import os
import sys

import aiohttp

GATEWAY = os.environ["GATEWAY"]
LONGEST_SECONDS = 60


async def spoken(socket):
    await socket.send_json({"text": "One two three."})
    n_bytes = 0
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            n_bytes += len(message.data)
            continue
        event = message.json()
        print(event["type"], flush=True)
        if event["type"] == "error":
            sys.exit(event["error"]["message"])
        if event["type"] == "end":
            return n_bytes
    sys.exit(f"the socket closed with {socket.close_code} before the end")


async def main():
    async with asyncio.timeout(LONGEST_SECONDS), aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(f"{GATEWAY}/ws/tts") as socket:
                if os.environ.get("KEYS"):
                    sys.exit("without a key, the socket opened")
                n_bytes = await spoken(socket)
        except aiohttp.WSServerHandshakeError as error:
            print("without a key", error.status)
            sys.exit(0 if os.environ.get("KEYS") and error.status == 401 else 1)
    print(n_bytes, "bytes of samples")
    sys.exit(0 if n_bytes else "the socket said nothing")


asyncio.run(main())
