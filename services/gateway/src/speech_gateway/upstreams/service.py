"""One service behind the gateway: a request to it, its answer, its socket, its health."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import aiohttp
import anyio
from yarl import URL

from speech_core.contracts.health import UpstreamHealth
from speech_core.contracts.tts_socket import SUBPROTOCOL
from speech_core.errors import SpeechError, Unavailable, from_envelope
from speech_core.service.observation import current
from speech_core.service.tracing import Span
from speech_gateway.upstreams.body import WORD_SECONDS, Body
from speech_gateway.upstreams.metrics import UpstreamMetrics
from speech_gateway.upstreams.pool import Address, Pool

# What the client library would add of its own; the caller's headers are the caller's.
_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# For lists and health.
_SMALL = aiohttp.ClientTimeout(total=2.0)
_PING_SECONDS = 20.0
_UPGRADE_SECONDS = 10.0
_MAX_FRAME_BYTES = 256 * 1024
_MAX_ENVELOPE_BYTES = 64 * 1024
# What a replica answers that is broken: fast as it is, it would draw all requests to itself.
_FAULTS = frozenset({500, 502, 504})
# The one that was chosen, and another one.
_TRIES = 2

_OVER = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)

_Broken = (aiohttp.ClientError, TimeoutError, OSError)


class Service:
    """An upstream behind *pool*; *name* stands in messages."""

    def __init__(
        self, name: str, pool: Pool, session: aiohttp.ClientSession, answer_seconds: float, metrics: UpstreamMetrics
    ) -> None:
        self.name = name
        self._pool = pool
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=session.timeout.sock_connect)
        self._metrics = metrics

    @asynccontextmanager
    async def request(
        self, path_and_query: str, *, headers: Mapping[str, str], body: AsyncIterable[bytes] | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """
        `POST` to the least busy address; the answer may begin while *body* is still being sent.

        The body waits until it is asked for (`100 Continue`): as long as nothing of it was sent, another address is
        tried, once, when the first one is full or away. Leaving the block early closes the connection, which is how
        the service learns that nobody listens. Raises `Unavailable` (upstream_unreachable) when there is no answer.
        """
        sent = None if body is None else Body(body)
        tried: list[Address] = []
        while (address := self._pool.choose(tried)) is not None:
            tried.append(address)
            with address.busy(), self._call("POST", path_and_query, address, tries=len(tried)) as span:
                answer = await self._asked(address, path_and_query, {**headers, **span.headers()}, sent)
                _tell(span, None if answer is None else answer.status)
                if answer is None or answer.status == 503:
                    if self._may_go_on(sent, tried):
                        self._metrics.retried(self.name)
                        if answer is not None:
                            _hang_up(answer)
                        continue
                    if answer is None:
                        break
                try:
                    yield answer
                finally:
                    _hang_up(answer)
                return
        raise self._unreachable()

    async def _asked(
        self, address: Address, path_and_query: str, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse | None:
        """The beginning of its answer; None when it cannot be reached, which is held against it."""
        started_seconds = time.monotonic()
        answer: aiohttp.ClientResponse | None = None
        try:
            async with body.awaited() if body else asyncio.timeout(WORD_SECONDS):
                answer = await self._post(address, path_and_query, headers, body)
        except _Broken:
            if body is not None and body.failure is not None:
                raise body.failure from None
        if answer is None:
            self._pool.failed(address)
            self._metrics.answered(self.name, "unreachable", time.monotonic() - started_seconds)
            return None
        if answer.status in _FAULTS:
            self._pool.failed(address)
        else:
            address.succeeded()
        outcome = "refused" if answer.status == 503 else "answered"
        self._metrics.answered(self.name, outcome, time.monotonic() - started_seconds)
        return answer

    async def _post(
        self, address: Address, path_and_query: str, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        return await self._session.post(
            URL(f"{str(address.url).rstrip('/')}{path_and_query}", encoded=True),
            headers={**headers, "host": self._pool.url.authority},
            data=body,
            expect100=body is not None,
            skip_auto_headers=_NOT_OURS,
            allow_redirects=False,
            timeout=self._timeout,
        )

    def _may_go_on(self, body: Body | None, tried: list[Address]) -> bool:
        """Whether another address may be asked the same."""
        return len(tried) < _TRIES and not (body and body.begun) and self._pool.choose(tried) is not None

    async def read(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """The body as it comes; raises `Unavailable` when it is cut."""
        try:
            async for part in answer.content.iter_any():
                yield part
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{self.name} broke off in the middle", code="upstream_unreachable") from error

    async def refusal(self, answer: aiohttp.ClientResponse) -> SpeechError:
        """The error that an answer other than 200 stands for."""
        wait_ms, wait_seconds = (answer.headers.get(name, "") for name in ("retry-after-ms", "retry-after"))
        try:
            body = json.loads(await answer.content.read(_MAX_ENVELOPE_BYTES))
        except (ValueError, aiohttp.ClientError, OSError):
            body = None
        seconds = int(wait_ms) / 1000 if wait_ms.isdigit() else int(wait_seconds) if wait_seconds.isdigit() else None
        return from_envelope(answer.status, body, retry_after_seconds=seconds)

    @asynccontextmanager
    async def socket(self, path: str, *, headers: Mapping[str, str]) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """A socket at one address, for as long as the block; raises `Unavailable` when it cannot be had."""
        tried: list[Address] = []
        failure: Unavailable | None = None
        while len(tried) < _TRIES and (address := self._pool.choose(tried)) is not None:
            tried.append(address)
            with address.busy(), self._call("GET", path, address, tries=len(tried)) as span:
                try:
                    opened = await self._opened(address, path, {**headers, **span.headers()})
                except aiohttp.WSServerHandshakeError as error:
                    _tell(span, error.status)
                    code = "draining" if error.status == 503 else "upstream_unreachable"
                    failure = Unavailable(f"{self.name} takes no new socket", code=code)
                    continue
                except _Broken:
                    _tell(span, None)
                    self._pool.failed(address)
                    failure = self._unreachable()
                    continue
                address.succeeded()
                _tell(span, 101)
                span.end()  # what is said on the socket has spans of its own
                async with opened:
                    yield opened
                return
        raise failure or self._unreachable()

    async def _opened(self, address: Address, path: str, headers: Mapping[str, str]) -> aiohttp.ClientWebSocketResponse:
        with anyio.fail_after(_UPGRADE_SECONDS):
            return await self._session.ws_connect(
                address.url / path.lstrip("/"),
                headers={**headers, "host": self._pool.url.authority},
                protocols=(SUBPROTOCOL,),
                heartbeat=_PING_SECONDS,
                max_msg_size=_MAX_FRAME_BYTES,
                compress=0,
                # What the other end has sent is passed on though it has gone since, and can be answered no more.
                autoping=False,
                autoclose=False,
            )

    def _call(self, method: str, path_and_query: str, address: Address, *, tries: int) -> Span:
        """The span of one attempt, within that of the request in progress."""
        path = path_and_query.partition("?")[0]
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            # Without the query: it may say what is spoken of.
            "url.full": f"{str(address.url).rstrip('/')}{path}",
            "server.address": address.url.host or "",
            "server.port": address.url.port or 0,
            "speech.upstream": self.name,
        }
        if tries > 1:
            attributes["http.request.resend_count"] = tries - 1
        return current().span.child(f"{method} {path}", attributes, kind="client")

    async def get(self, path: str) -> object:
        """A small JSON answer; raises what the service answers instead, and `Unavailable` when there is no answer."""
        status, told = await self._told(path)
        if status != 200:
            raise from_envelope(status, told)
        return told

    async def health(self) -> UpstreamHealth:
        """What its `/health` says; `unreachable` when it says nothing."""
        try:
            _, told = await self._told("/health")
            said = cast("dict[str, Any]", told)
            return UpstreamHealth(status=said["status"], engines=said["engines"], models=said["models"])
        except (Unavailable, KeyError, TypeError):
            return UpstreamHealth(status="unreachable")

    async def _told(self, path: str) -> tuple[int, object]:
        """Status and JSON of a small answer, of another address when the first one has none, or is leaving."""
        tried: list[Address] = []
        leaving: tuple[int, object] | None = None
        while len(tried) < _TRIES and (address := self._pool.choose(tried)) is not None:
            tried.append(address)
            try:
                async with self._session.get(address.url / path.lstrip("/"), timeout=_SMALL) as answer:
                    told = answer.status, await answer.json()
            except (*_Broken, ValueError):
                self._pool.failed(address)
                continue
            if answer.status != 503:
                return told
            leaving = told
        if leaving is None:
            raise self._unreachable()
        return leaving

    def _unreachable(self) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached", code="upstream_unreachable", retry_after_seconds=2.0)


async def received(there: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[aiohttp.WSMessage]:
    """What comes on a socket to its end, of which its `close_code` tells; each ping is answered in its turn."""
    while (message := await there.receive()).type not in _OVER:
        if message.type is aiohttp.WSMsgType.PING:
            with suppress(aiohttp.ClientError, OSError):
                await there.pong(message.data)
        elif message.type is not aiohttp.WSMsgType.PONG:
            yield message


def _tell(span: Span, status: int | None) -> None:
    """None is no answer. To a client, 400 and above is an error (OpenTelemetry, HTTP spans)."""
    if status is None:
        span.fail("upstream_unreachable")
        return
    span.set({"http.response.status_code": status})
    if status >= 400:
        span.fail(str(status))


def _hang_up(answer: aiohttp.ClientResponse) -> None:
    """What is still on its way there is not worth sending."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()
    answer.close()


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
