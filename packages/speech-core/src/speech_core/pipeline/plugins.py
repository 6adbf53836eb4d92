"""Engines are found by name, never imported by name."""

from importlib.metadata import entry_points
from typing import Any


class UnknownPlugin(LookupError):
    """No installed package offers that name."""


def load(group: str, name: str) -> Any:
    """
    Return the object registered as *name* under the entry-point *group*.

    Raises `UnknownPlugin`, naming what is installed, and `ImportError` when the plug-in's own extra is missing.
    """
    found = entry_points(group=group)
    if name not in found.names:
        raise UnknownPlugin(f"no engine {name!r}; installed: {', '.join(sorted(found.names))}")
    return found[name].load()
