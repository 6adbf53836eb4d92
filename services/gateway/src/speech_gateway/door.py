"""Who may come in: keys, their limits, and where a browser's page is from; before a body is read. Pure ASGI."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from speech_core.errors import PermissionDenied, SpeechError, Unauthenticated
from speech_core.service.intake import refuse_socket
from speech_core.service.metrics import Metrics
from speech_core.service.operations import Operation
from speech_core.service.refusal import refuse
from speech_gateway.accounts import Account, KeyAccount, NoAccount, Usage, UsageMetrics
from speech_gateway.keys import KeyRing

# Probes, the page itself and its description; all that costs something is behind the door.
_OPEN = frozenset({"/", "/health", "/docs", "/openapi.json"})
_PAGE = "/playground/"
_LISTS = frozenset({"/v1/models", "/v1/audio/models", "/v1/audio/voices"})
_MODEL = "/v1/models/"
_REFUSALS = ("missing_api_key", "invalid_api_key", "too_many_requests", "too_many_streams", "origin_not_allowed")
_SUBPROTOCOL = "bearer."


class Doorman:
    """
    Asks for a key wherever *keys* are given, and counts what it uses in `request.state.account`.

    *operations* are what is counted, by path; *origins* are the pages, beside our own, whose scripts may
    open a socket.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyRing | None,
        usage: UsageMetrics,
        metrics: Metrics,
        operations: Mapping[str, Operation],
        origins: Collection[str] = (),
        open_lists: bool = False,
    ) -> None:
        self._app = app
        self._keys = keys
        self._usage = usage
        self._metrics = metrics
        self._operations = operations
        metrics.refusals(*_REFUSALS)
        if keys is not None:
            usage.observe_keys(lambda: [entry.name for entry in keys.entries])
        self._origins = origins
        self._open_lists = open_lists
        self._accounts: dict[str, Usage] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._check_origin(scope)
            account, admitted = self._account(scope)
            scope.setdefault("state", {})["account"] = account
            with admitted:
                await self._app(scope, receive, send)
        except SpeechError as error:
            # Only what is raised here: what comes from inside is answered inside.
            self._count(scope, error)
            if scope["type"] == "websocket":
                await receive()
                await refuse_socket(error, scope, send)
            else:
                await refuse(error, scope, receive, send)

    def _count(self, scope: Scope, error: SpeechError) -> None:
        """As a request, where the same with a key would have been one."""
        self._metrics.refused(error.code)
        operation = self._operations.get(scope["path"])
        if operation and operation.is_asked(scope):
            with self._metrics.track(operation.name) as observation:
                observation.failed(error)

    def _account(self, scope: Scope) -> tuple[Account, AbstractContextManager[None]]:
        """What a request is put down to, and the block in which it is inside."""
        if self._keys is None or self._is_open(scope["path"]) or scope.get("method") == "OPTIONS":
            return NoAccount(), nullcontext()
        key = _presented(scope)
        if key is None:
            raise Unauthenticated("send your key as `Authorization: Bearer KEY`", code="missing_api_key")
        entry = self._keys.find(key)
        if entry is None:
            raise Unauthenticated("this key is not known", code="invalid_api_key")
        usage = self._accounts.get(entry.name)
        if usage is None:
            usage = self._accounts[entry.name] = Usage(entry, self._usage)
        usage.adopt(entry)
        return KeyAccount(usage, entry.hmac, self._keys), usage.request()

    def _is_open(self, path: str) -> bool:
        is_list = path in _LISTS or path.startswith(_MODEL)
        return path in _OPEN or path.startswith(_PAGE) or (is_list and self._open_lists)

    def _check_origin(self, scope: Scope) -> None:
        """A page of somebody else's must not open a socket with a browser's rights."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if scope["type"] != "websocket" or origin is None or origin in self._origins or "*" in self._origins:
            return
        if _host_of(origin) != headers.get("host"):
            raise PermissionDenied(f"pages of {origin} may not open a socket here", code="origin_not_allowed")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _presented(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    offered: list[str] = scope.get("subprotocols", [])
    return next((one.removeprefix(_SUBPROTOCOL) for one in offered if one.startswith(_SUBPROTOCOL)), None)
