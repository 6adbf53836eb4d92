"""What each key has used, and how much it may: requests, streams, seconds heard, characters spoken; in this process."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from speech_core.errors import RateLimited, Unauthenticated
from speech_gateway.keys import KeyEntry, KeyRing

_MINUTE_SECONDS, _DAY_SECONDS = 60.0, 86_400.0
_STREAM_WAIT_SECONDS = 1.0


class Account(Protocol):
    """Told what a request has used, as far as that is known."""

    def check(self) -> None: ...

    def heard(self, audio_seconds: float) -> None: ...

    def spoke(self, characters: int) -> None: ...


class NoAccount:
    """Where there are no keys, nobody is asked to count."""

    def check(self) -> None:
        """Nothing is too much."""

    def heard(self, audio_seconds: float) -> None:
        """Not counted."""

    def spoke(self, characters: int) -> None:
        """Not counted."""


class Bucket:
    """An allowance of *size* that comes back evenly within *seconds*; what is known too late may overdraw it."""

    def __init__(self, size: float, seconds: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._rate = size / seconds
        self._clock = clock
        self._level = size
        self._seen_seconds = clock()

    def resize(self, size: float) -> None:
        """Another *size* from now on, of which as much is used as of the one before."""
        self._fill()
        self._level += size - self._size
        self._rate *= size / self._size
        self._size = size

    def spend(self, amount: float) -> None:
        self._fill()
        self._level -= amount

    def wait_seconds(self, amount: float) -> float:
        """How long until *amount* is there; 0 when it is."""
        self._fill()
        return max(0.0, (min(amount, self._size) - self._level) / self._rate)

    def _fill(self) -> None:
        now_seconds = self._clock()
        self._level = min(self._size, self._level + (now_seconds - self._seen_seconds) * self._rate)
        self._seen_seconds = now_seconds


class Usage:
    """The account of one name; raises `RateLimited` for what is too much."""

    def __init__(self, entry: KeyEntry, metrics: "UsageMetrics", clock: Callable[[], float] = time.monotonic) -> None:
        self.entry = entry
        self._metrics = metrics
        self._clock = clock
        self._streams = 0
        self._requests = self._audio = self._characters = None
        self._limit()

    def adopt(self, entry: KeyEntry) -> None:
        """What stands in the file now; what was used under other limits stays used."""
        if entry != self.entry:
            self.entry = entry
            self._limit()

    def _limit(self) -> None:
        entry = self.entry
        self._requests = self._resized(self._requests, entry.requests_per_minute, _MINUTE_SECONDS)
        self._audio = self._resized(self._audio, entry.audio_seconds_per_day, _DAY_SECONDS)
        self._characters = self._resized(self._characters, entry.characters_per_day, _DAY_SECONDS)

    def _resized(self, bucket: Bucket | None, size: float | None, seconds: float) -> Bucket | None:
        if bucket is None or size is None:
            return None if size is None else Bucket(size, seconds, self._clock)
        bucket.resize(size)
        return bucket

    @contextmanager
    def request(self) -> Generator[None]:
        """Let one request in, for as long as the block."""
        if self.entry.streams is not None and self._streams >= self.entry.streams:
            raise RateLimited(
                f"this key has {self._streams} requests in progress, as many as it may",
                code="too_many_streams",
                retry_after_seconds=_STREAM_WAIT_SECONDS,
            )
        self.check()
        if self._requests:
            self._requests.spend(1)
        self._streams += 1
        self._metrics.requests.labels(self.entry.name).inc()
        try:
            yield
        finally:
            self._streams -= 1

    def heard(self, audio_seconds: float) -> None:
        self._metrics.audio.labels(self.entry.name).inc(audio_seconds)
        if self._audio:
            self._audio.spend(audio_seconds)

    def spoke(self, characters: int) -> None:
        self._metrics.characters.labels(self.entry.name).inc(characters)
        if self._characters:
            self._characters.spend(characters)

    def check(self) -> None:
        """Whether something is left of each allowance; asked anew for what comes on a socket."""
        entry = self.entry
        for bucket, what in (
            (self._requests, f"{entry.requests_per_minute} requests a minute"),
            (self._audio, f"{entry.audio_seconds_per_day:g} s of audio a day" if self._audio else ""),
            (self._characters, f"{entry.characters_per_day} characters a day"),
        ):
            if bucket and (wait_seconds := bucket.wait_seconds(1)):
                raise RateLimited(f"this key has used its {what}", retry_after_seconds=wait_seconds)


class KeyAccount:
    """The account of the name that the key of *digest* belongs to, for as long as the key stands in the file."""

    def __init__(self, usage: Usage, digest: str, keys: KeyRing) -> None:
        self._usage = usage
        self._digest = digest
        self._keys = keys
        self.heard = usage.heard
        self.spoke = usage.spoke

    def check(self) -> None:
        """Raises `Unauthenticated` for a key that was taken back, and what the account raises."""
        entry = self._keys.holder(self._digest)
        if entry is None:
            raise Unauthenticated("this key is no longer known", code="invalid_api_key")
        self._usage.adopt(entry)
        self._usage.check()


class UsageMetrics:
    """What each key has used, by its name; the names are those of the file."""

    def __init__(self, registry: CollectorRegistry) -> None:
        key = ("key",)
        self._keys = Gauge("speech_keys", "Keys in force.", registry=registry)  # first: it brings the others to be
        self.requests = Counter("speech_key_requests", "Requests let in.", key, registry=registry)
        self.audio = Counter("speech_key_audio_seconds", "Audio heard.", key, registry=registry)
        self.characters = Counter("speech_key_characters", "Characters spoken.", key, registry=registry)

    def observe_keys(self, keys: Callable[[], Sequence[str]]) -> None:
        """Ask for their names at each scrape: what they have not used yet is zero."""

        def count() -> float:
            names = keys()
            for name in names:
                for used in (self.requests, self.audio, self.characters):
                    used.labels(name)
            return len(names)

        count()
        self._keys.set_function(count)
