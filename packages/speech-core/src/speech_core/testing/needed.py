"""What a test needs and a machine may lack: it is left out there, and fails in CI."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Of `.ci/tools`, in the checkout that the tests run in.
TOOLS = Path(".venv/tools/bin")


def lacking(what: str) -> NoReturn:
    """Leave the test out, and say why; raises the failure of the test in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def program(*names: str) -> str:
    """The path of the first one that is there, of `.ci/tools` or of this machine."""
    path = f"{TOOLS.absolute()}{os.pathsep}{os.environ['PATH']}"
    found = (shutil.which(name, path=path) for name in names)
    return next(filter(None, found), None) or lacking(f"{names[0]} is missing; .ci/tools fetches what can be fetched")


def variable(name: str, what: str) -> str:
    """What the variable says; *what* is told where it says nothing."""
    return os.environ.get(name) or lacking(f"{name} ({what}) is not set")
