"""
The way in: seats, bounds and departures, before a handler sees the body. Pure ASGI.

A refusal on load goes out before the body is read. The handler of a caller who has left is cancelled.
"""

import asyncio
import math
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speech_core.errors import NotFound, Overloaded, RequestTimeout, SpeechError, Unavailable
from speech_core.service.observation import Observation, current
from speech_core.service.operations import Operation
from speech_core.service.pace import Pace
from speech_core.service.refusal import answer, discard, refuse
from speech_core.service.shell import Shell

# Who holds a seat with a body that hardly comes gives way when the house is full: below the poorest codec of speech,
# after longer than a phone loses its network.
_LEAST_BYTES_PER_SECOND = 500
_PATIENCE_SECONDS = 5.0
_LEAVING_SECONDS = 1.0


class Intake:
    """ASGI middleware around the operations of a service; all other requests pass through."""

    def __init__(self, app: ASGIApp, *, shell: Shell, operations: Sequence[Operation]) -> None:
        self.app = app
        self.shell = shell
        self.operations = {operation.path: operation for operation in operations}
        self._inside: set[_Visit] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self.operations.get(scope.get("path", ""))
        if operation is not None and operation.is_asked(scope):
            await (self._socket if operation.websocket else self._request)(operation, scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await refuse_socket(NotFound(f"there is no socket at {scope['path']}"), scope, send)
        else:
            await self.app(scope, receive, send)

    async def _socket(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        current().span.rename(f"GET {operation.path}", {"http.route": operation.path})
        if not self.shell.drain.draining:
            self.shell.sockets += 1
            try:
                with self.shell.drain.enter():
                    await self.app(scope, receive, send)
            finally:
                self.shell.sockets -= 1
            return
        with self.shell.metrics.track(operation.name) as observation:
            observation.failed(draining())
            await receive()
            await refuse_socket(draining(), scope, send)

    async def _request(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        with self.shell.metrics.track(operation.name) as observation:
            observation.span.rename(
                f"POST {operation.path}", {"http.route": operation.path, "speech.operation": operation.name}
            )
            headers = Headers(scope=scope)
            visit = _Visit(self, operation, observation, receive, send)
            try:
                self._check_head(operation, headers)
                with ExitStack() as seat:
                    scope.setdefault("state", {})["lease"] = await self._admit(visit, headers, seat)
                    self._inside.add(visit)
                    await visit.run(scope)
            except SpeechError as error:
                # Only what is raised here, before the handler: a handler's errors are answered inside.
                observation.failed(error)
                await refuse(error, scope, receive, send)
            finally:
                self._inside.discard(visit)
                visit.gone.set()

    async def _admit(self, visit: "_Visit", headers: Headers, seat: ExitStack) -> object:
        """Take a seat and give its lease; raises `Overloaded`, unless somebody who hardly sends can give way."""
        try:
            return seat.enter_context(self._seat(visit, headers))
        except Overloaded:
            slowest = min(self._inside, key=_Visit.pace, default=None)
            if slowest is None or slowest.pace() >= _LEAST_BYTES_PER_SECOND:
                raise
            await slowest.give_way()
        return seat.enter_context(self._seat(visit, headers))

    @contextmanager
    def _seat(self, visit: "_Visit", headers: Headers) -> Generator[object]:
        with self.shell.seats.take(), self.shell.admit(headers) as lease, self.shell.drain.enter(visit.expire):
            yield lease

    def _check_head(self, operation: Operation, headers: Headers) -> None:
        if self.shell.drain.draining:
            raise draining()
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > operation.max_body_bytes:
            raise operation.too_large()


def draining() -> Unavailable:
    """What a request is told that comes too late, or takes too long."""
    return Unavailable("the service is going away; ask another one", code="draining", retry_after_seconds=2.0)


class _Visit:
    """One request inside: its handler runs while a watcher reads the body for it and looks out for its departure."""

    def __init__(
        self, intake: Intake, operation: Operation, observation: Observation, receive: Receive, send: Send
    ) -> None:
        self._app = intake.app
        self._shell = intake.shell
        self._operation = operation
        self._observation = observation
        self._receive = receive
        self._send = send
        self._started = False
        self._completed = False
        self._body_ended = False
        self._is_being_written = False
        self._pace = Pace()
        # One part of slack: a handler that does not read its body must not hide that the caller has left.
        self._parts: asyncio.Queue[Message] = asyncio.Queue(1)
        self._inside: anyio.CancelScope | None = None
        self.gone = asyncio.Event()
        self._error: SpeechError | None = None
        self._failure: Exception | None = None

    def pace(self) -> float:
        """Bytes a second of its body; infinite where that says nothing yet, or should not matter."""
        is_exempt = self._is_being_written or self._body_ended or self._completed or self._error is not None
        if is_exempt or self._pace.waited_seconds <= _PATIENCE_SECONDS:
            return math.inf
        return self._pace.bytes_per_second

    def expire(self) -> None:
        """The grace of a drain is over; said again and again, for those who came since."""
        if self._inside is not None and not self._inside.cancel_called:
            self._end(draining(), self._inside)

    async def give_way(self) -> None:
        """End it, and wait until its seat is free."""
        if self._inside is not None:
            self._end(RequestTimeout("the body hardly came, while others waited for a seat"), self._inside)
            with anyio.move_on_after(_LEAVING_SECONDS):
                await self.gone.wait()

    async def run(self, scope: Scope) -> None:
        # Text that is still being written comes as slowly as it is thought of.
        self._is_being_written = Headers(scope=scope).get("content-type", "").startswith("text/plain")
        # A group of the standard library's: a library's own costs each request a tenth more.
        with anyio.CancelScope() as self._inside:
            async with asyncio.TaskGroup() as tasks:
                watcher = tasks.create_task(self._watch(self._inside))
                try:
                    await self._app(scope, self._parts.get, self._count)
                except Exception as failure:  # noqa: BLE001 - carried out of the task group as it is, below
                    self._failure = failure
                watcher.cancel()
        await self._conclude()

    async def _conclude(self) -> None:
        if self._failure is not None:
            self._observation.failed(unwrap(self._failure))
            raise _Escaped(self._failure)
        if self._error is not None and not self._completed:
            self._observation.failed(self._error)
            if not self._started:
                await answer(self._error, self._send, close=True)

    async def _count(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self._observation.answered(message["status"])
        if message["type"] != "http.response.body" or message.get("more_body", False):
            await self._send(message)
            return
        self._completed = True
        if not self._body_ended:
            await self._send({**message, "more_body": True})
            await discard(self._parts.get)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _watch(self, scope: anyio.CancelScope) -> None:
        """Hand the body on, part by part; end the visit when it is too large, too slow, or the caller has left."""
        left, more = self._operation.max_body_bytes, True
        seconds = self._shell.settings.body_timeout_seconds
        while more:
            try:
                with self._pace.waiting():
                    async with asyncio.timeout(seconds):
                        message = await self._receive()
            except TimeoutError:
                self._end(RequestTimeout(f"no part of the body came for {seconds:g} s"), scope)
                return
            if message["type"] == "http.disconnect":
                self._left(scope)
                return
            size_bytes, more = len(message.get("body", b"")), message.get("more_body", False)
            left -= size_bytes
            self._pace.came(size_bytes)
            self._body_ended = not more
            if left < 0:
                self._end(self._operation.too_large(), scope)
                return
            await self._parts.put(message)
        await self._receive()
        self._left(scope)

    def _end(self, error: SpeechError, scope: anyio.CancelScope) -> None:
        self._error = error
        scope.cancel()

    def _left(self, scope: anyio.CancelScope) -> None:
        if not self._completed:
            self._observation.cancelled()
        scope.cancel()


class _Escaped(Exception):
    """A handler's failure on its way out, so that it is not taken for a refusal."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(str(failure))
        self.failure = failure


def unwrap(error: Exception) -> Exception:
    """The handler's own failure, without what the layers on its way out put around it."""
    failure = error.failure if isinstance(error, _Escaped) else error
    # Starlette's word for an error that has a handler but comes after the first byte.
    return failure.__cause__ if isinstance(failure.__cause__, SpeechError) else failure


async def refuse_socket(error: SpeechError, scope: Scope, send: Send) -> None:
    """By HTTP, before the upgrade, where the server can; else by closing."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1001})
        return

    async def as_http(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await answer(error, as_http)
