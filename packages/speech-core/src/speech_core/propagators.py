"""`OTEL_PROPAGATORS`, looked at before FastAPI is imported: it reads the variable too, and ends with a traceback."""

import os
import sys
from importlib.metadata import entry_points

_NAME = "OTEL_PROPAGATORS"


def check_propagators() -> None:
    """Exit with 2 and one line when the variable names what is not installed."""
    given = os.environ.get(_NAME, "")  # noqa: TID251 - before there are settings
    known = {entry.name for entry in entry_points(group="opentelemetry_propagator")} if given else set[str]()
    for name in map(str.strip, given.split(",") if given else ()):
        if name.lower() == "none":  # what follows is not looked at
            return
        if name not in known:
            sys.stderr.write(f"error: {_NAME}: `{name}` is not installed; there are {', '.join(sorted(known))}\n")
            sys.exit(2)
