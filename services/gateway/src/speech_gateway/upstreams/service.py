"""One service behind the gateway: a request to it, its answer, its socket, its health."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import anyio
from yarl import URL

from speech_core.contracts.health import UpstreamHealth
from speech_core.contracts.tts_socket import SUBPROTOCOL
from speech_core.errors import SpeechError, Unavailable, from_envelope

# What the client library would add of its own; the caller's headers are the caller's.
_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# For lists and health.
_SMALL = aiohttp.ClientTimeout(total=2.0)
_PING_SECONDS = 20.0
_MAX_FRAME_BYTES = 256 * 1024
_MAX_ENVELOPE_BYTES = 64 * 1024


class Service:
    """An upstream at *url*; *name* stands in messages."""

    def __init__(self, name: str, url: str, session: aiohttp.ClientSession, answer_seconds: float) -> None:
        self.name = name
        self._url = URL(url.rstrip("/"))
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=answer_seconds)

    @asynccontextmanager
    async def request(
        self, path_and_query: str, *, headers: Mapping[str, str], body: AsyncIterable[bytes] | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """
        `POST` there; the answer may begin while *body* is still being sent.

        Leaving the block early closes the connection, which is how the service learns that nobody listens. Raises
        `Unavailable` (upstream_unreachable) when there is no answer.
        """
        try:
            answer = await self._session.post(
                URL(f"{self._url}{path_and_query}", encoded=True),
                headers=headers,
                data=body,
                skip_auto_headers=_NOT_OURS,
                allow_redirects=False,
                timeout=self._timeout,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable() from error
        try:
            yield answer
        finally:
            # What is still on its way there is not worth sending.
            if answer.connection is not None and answer.connection.transport is not None:
                answer.connection.transport.abort()
            answer.close()

    async def read(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """The body as it comes; raises `Unavailable` when it is cut."""
        try:
            async for part in answer.content.iter_any():
                yield part
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{self.name} broke off in the middle", code="upstream_unreachable") from error

    async def refusal(self, answer: aiohttp.ClientResponse) -> SpeechError:
        """The error that an answer other than 200 stands for."""
        retry = answer.headers.get("retry-after-ms", "")
        try:
            body = json.loads(await answer.content.read(_MAX_ENVELOPE_BYTES))
        except (ValueError, aiohttp.ClientError, OSError):
            body = None
        seconds = int(retry) / 1000 if retry.isdigit() else None
        return from_envelope(answer.status, body, retry_after_seconds=seconds)

    @asynccontextmanager
    async def socket(self, path: str, *, headers: Mapping[str, str]) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """A socket there; raises `Unavailable` when it cannot be had."""
        try:
            opened = await self._session.ws_connect(
                self._url / path.lstrip("/"),
                headers=headers,
                protocols=(SUBPROTOCOL,),
                heartbeat=_PING_SECONDS,
                max_msg_size=_MAX_FRAME_BYTES,
                compress=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            code = "draining" if error.status == 503 else "upstream_unreachable"
            raise Unavailable(f"{self.name} takes no new socket", code=code) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable() from error
        async with opened:
            yield opened

    async def get(self, path: str) -> object:
        """A small JSON answer; raises what the service answers instead, and `Unavailable` when there is no answer."""
        try:
            async with self._session.get(self._url / path.lstrip("/"), timeout=_SMALL) as answer:
                if answer.status != 200:
                    raise await self.refusal(answer)
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unreachable() from error

    async def health(self) -> UpstreamHealth:
        """What its `/health` says; `unreachable` when it says nothing."""
        try:
            async with self._session.get(self._url / "health", timeout=_SMALL) as answer:
                told = await answer.json()
                return UpstreamHealth(status=told["status"], engines=told["engines"], models=told["models"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            return UpstreamHealth(status="unreachable")

    def _unreachable(self) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached", code="upstream_unreachable", retry_after_seconds=2.0)


class Upstreams:
    """The two services."""

    def __init__(self, asr: Service, tts: Service) -> None:
        self.asr = asr
        self.tts = tts

    async def health(self) -> dict[str, UpstreamHealth]:
        found: dict[str, UpstreamHealth] = {}

        async def ask(service: Service) -> None:
            found[service.name] = await service.health()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, self.asr)
            tasks.start_soon(ask, self.tts)
        return dict(sorted(found.items()))
