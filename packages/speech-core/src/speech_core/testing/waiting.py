"""Waiting for what has no event to wait on: a state of another process, or of a server's last breath."""

import time
from collections.abc import Callable
from threading import Event

_PAUSE_SECONDS = 0.01


def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Return as soon as *condition* holds; raises `AssertionError` when it still does not after *seconds*."""
    deadline_seconds, pause = time.monotonic() + seconds, Event()
    while not condition():
        assert time.monotonic() < deadline_seconds, f"waited {seconds:g} s in vain"
        pause.wait(_PAUSE_SECONDS)
