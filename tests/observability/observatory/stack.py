"""The three services as all tests of the whole start them, scraped in a release of their own."""

import importlib.util
import os
import shutil
import sys
from typing import Any

import pytest

from observatory.exporters import NAMES
from observatory.prometheus import Job
from observatory.questions import ROOT

# The labels that the scrape adds; the names in the exporters' files are those of this release.
CHOSEN = {"namespace": "speech", "release": "demo"}
_TOOLS = ROOT / ".venv/tools/bin"


def require(name: str) -> str:
    """A program by name, of `.ci` or of this machine: without it a test is left out here, and fails in CI."""
    found = shutil.which(name, path=f"{_TOOLS}{os.pathsep}{os.environ['PATH']}")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is missing; .ci/tools fetches it")
    assert found is not None, f"{name} is missing"
    return found


def stack_module() -> Any:
    """How the services are started for all tests of the whole."""
    path = ROOT / "tests/stack/conftest.py"
    spec = importlib.util.spec_from_file_location("stack_of_all", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def jobs_for(stack: Any, exporters: str) -> list[Job]:
    """The services with the labels of a cluster, and the exporters at that address."""
    ours = [f"127.0.0.1:{process.management_port}" for process in (stack.gateway, stack.asr, stack.tts)]
    return [Job("speech", ours, CHOSEN), *(Job(name, [exporters], path=f"/{name}") for name in NAMES)]
