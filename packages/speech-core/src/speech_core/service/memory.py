"""What the allocator keeps for itself: few arenas, and given back when a service is idle."""

import contextlib
import ctypes

# glibc's `mallopt` (malloc.h): how many arenas there may be.
_ARENA_MAX = -8
# By default there are eight a core, and each keeps what its threads once needed.
_ARENAS = 2


def bound_allocator() -> None:
    """Call it before threads begin; another C library has no such bounds and is left as it is."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """
    Return free memory to the system, in milliseconds.

    Returning it as it is freed (a low mmap threshold) costs a third of the throughput of recognition.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
