"""The addresses of one service: resolved again and again, the least busy first, those that fail left out a while."""

import random
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
import structlog
from yarl import URL

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Failures in a row after which an address is left out; the first rest, and the longest.
_FAILURES = 3
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 2.0, 60.0
# A headless Service has no address before its first replica is ready; that moment is what callers wait for.
_UNRESOLVED_SECONDS = 1.0


Resolve = Callable[[str], Awaitable[Iterable[str]]]


@dataclass(slots=True, eq=False)
class Address:
    """One replica: where it is, how much it has to do, and how it has done."""

    url: URL
    in_flight: int = 0
    failures: int = 0
    resting_until_seconds: float = 0.0

    @contextmanager
    def busy(self) -> Generator[None]:
        """One more request for as long as the block."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def succeeded(self) -> None:
        self.failures = 0
        self.resting_until_seconds = 0.0

    def failed(self, *, now_seconds: float) -> None:
        """After some failures in a row it rests, each time longer; what fails while it rests had begun before."""
        if now_seconds < self.resting_until_seconds:
            return
        self.failures += 1
        if self.failures >= _FAILURES:
            rest_seconds = min(_LONGEST_REST_SECONDS, _FIRST_REST_SECONDS * 2 ** (self.failures - _FAILURES))
            self.resting_until_seconds = now_seconds + rest_seconds
            log.warning("upstream_rests", address=str(self.url), seconds=rest_seconds)


class Pool:
    """
    All addresses that *url*'s host name has, at least the name itself; belongs to one event loop.

    A headless Service has an address for each ready replica: load moves as they come and go.
    """

    def __init__(self, url: URL, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._clock = clock
        self._addresses = [Address(url)]

    @property
    def addresses(self) -> Collection[Address]:
        return self._addresses

    def choose(self, avoiding: Collection[Address] = ()) -> Address | None:
        """The least busy address that does not rest, any if all do; None when there is no other than those to avoid."""
        others = [address for address in self._addresses if address not in avoiding]
        now_seconds = self._clock()
        awake = [address for address in others if address.resting_until_seconds <= now_seconds]
        among = awake or others
        least = min((address.in_flight for address in among), default=0)
        # Several gateways that all begin with the first one would send it everything.
        return random.choice([address for address in among if address.in_flight == least]) if among else None

    def failed(self, address: Address) -> None:
        address.failed(now_seconds=self._clock())

    def replace(self, hosts: Iterable[str]) -> None:
        """What the name stands for now; an address that stays keeps its record."""
        known = {address.url: address for address in self._addresses}
        urls = [self.url.with_host(host) for host in dict.fromkeys(hosts)]
        if urls:
            self._addresses = [known.get(url) or Address(url) for url in urls]

    async def follow(self, resolve: Resolve, *, every_seconds: float) -> None:
        """Resolve the name for ever; what cannot be resolved stays as it was."""
        while self.url.scheme == "http":  # a certificate is for the name
            pause_seconds = every_seconds
            try:
                self.replace(await resolve(self.url.host or ""))
            except OSError as error:
                log.warning("upstream_not_resolved", host=self.url.host, reason=str(error))
                pause_seconds = min(every_seconds, _UNRESOLVED_SECONDS)
            await anyio.sleep(pause_seconds)


async def resolved(host: str) -> list[str]:
    """All addresses of *host*; raises `OSError`."""
    return [str(entry[4][0]) for entry in await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
