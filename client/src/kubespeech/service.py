"""One service as a process: started, started again, asked how it is, and heard out when it has ended."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from kubespeech import StartFault

_HEALTH_SECONDS = 2.0
_MAX_ENDS = 3
_ENDS_SECONDS = 60.0
_LAST_WORDS_BYTES = 64 * 1024


@dataclass
class Service:
    """Where it answers, where it logs, and what became of it so far."""

    name: str
    url: str
    log: Path
    variables: Mapping[str, str]
    ready: bool = field(default=False, init=False)
    """Since it was last started."""
    started_seconds: float = field(default=0.0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _was_ready: bool = field(default=False, init=False)
    _log_begun_bytes: int = field(default=0, init=False)
    _ends_seconds: list[float] = field(default_factory=list[float], init=False)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that runs, or the last one that did."""
        if self._process is None:
            raise StartFault(f"{self.name} was never started")
        return self._process

    def start(self) -> None:
        """The first start begins the log anew; a later one adds to it, so that the reason of an end is kept."""
        with self.log.open("wb" if self._process is None else "ab") as output:
            self._log_begun_bytes = output.tell()
            # A session of its own: Ctrl-C comes to us, and we tell them in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"speech_{self.name}"],
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.ready = False
        self.started_seconds = time.monotonic()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def restart(self) -> str:
        """
        Start again what has ended, once it had been ready; returns how it had ended.

        Raises `StartFault` for a service that never was ready, and for one that does not stay.
        """
        now_seconds, code = time.monotonic(), self.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        why = f"{how}: {self.complaint()}"
        if not self._was_ready:
            raise StartFault(f"{self.name} {why}")
        self._ends_seconds = [*self._ends_seconds, now_seconds][-_MAX_ENDS:]
        if len(self._ends_seconds) == _MAX_ENDS and now_seconds - self._ends_seconds[0] < _ENDS_SECONDS:
            raise StartFault(f"{self.name} ended {_MAX_ENDS} times within a minute; it {why}")
        self.start()
        return why if code > 0 else how

    def ask(self) -> dict[str, Any] | None:
        """What it says of itself, once it is ready. Another one's answer at its address is none."""
        try:
            # A proxy is for the way out; this is the machine itself.
            answer = httpx.get(f"{self.url}/health", timeout=_HEALTH_SECONDS, trust_env=False)
            said = answer.json()
        except (httpx.HTTPError, ValueError):
            return None
        health = cast("dict[str, Any]", said if isinstance(said, dict) else {})
        if answer.status_code != 200 or health.get("service") != self.name:
            return None
        self.ready = self._was_ready = True
        return health

    def complaint(self) -> str:
        """Its own last word, if it said why it ended; its log is for whoever wants more."""
        with self.log.open("rb") as log:
            log.seek(max(self._log_begun_bytes, log.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
            lines = log.read().decode("utf-8", errors="replace").splitlines()
        said = [line for line in lines if line.startswith("error:")]
        return said[-1] if said else f"see {self.log}"
