"""Memory of a process: what the allocator keeps for itself, and what the garbage collector looks at."""

import contextlib
import ctypes
import gc

# glibc's `mallopt` (malloc.h): how many arenas there may be.
_ARENA_MAX = -8
# By default there are eight a core, and each keeps what its threads once needed.
_ARENAS = 2


def bound_allocator() -> None:
    """Call it before threads begin; another C library has no such bounds and is left as it is."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def settle() -> None:
    """
    Call it once all is loaded: what is there by now is not looked at by the garbage collector again.

    A full collection of it holds up every request for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """
    Return free memory to the system, in milliseconds.

    Returning it as it is freed (a low mmap threshold) costs a third of the throughput of recognition.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
