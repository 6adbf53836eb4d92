"""What stands between caller and service: our gateway, nginx, or nothing; each as processes that can be measured."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from service import cpu_seconds, wait_until_healthy

from speech_core.testing.stack import free_port

# The relay has a core of its own; caller and service share the other one.
RELAY_CPU, OTHER_CPU = 0, max(os.sched_getaffinity(0))
# One worker; a body and an answer are passed on as they come; sockets without a timeout that would matter.
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 600s; proxy_send_timeout 600s;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where it answers, and the process that does the work."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def resident_bytes(self, *, at_most: bool = False) -> int:
        """Now, or the most it ever was."""
        name = "VmHWM" if at_most else "VmRSS"
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024


@contextmanager
def upstream() -> Iterator[int]:
    """The service's port."""
    port = free_port()
    script = str(Path(__file__).with_name("relay_upstream.py"))
    with _process([sys.executable, script, str(port)], OTHER_CPU):
        wait_until_healthy(f"http://127.0.0.1:{port}")
        yield port


@contextmanager
def started(command: list[str], **environment: str) -> Iterator[Relay]:
    """A relay that takes its `--port`, or its port from GATEWAY_PORT."""
    port = free_port()
    named = [] if environment else ["--port", str(port)]
    with _process([*command, *named], RELAY_CPU, os.environ | environment | {"GATEWAY_PORT": str(port)}) as process:
        wait_until_healthy(f"http://127.0.0.1:{port}")
        yield Relay(port, process.pid)


def gateway(upstream_port: int) -> AbstractContextManager[Relay]:
    url = f"http://127.0.0.1:{upstream_port}"
    return started(
        [sys.executable, "-m", "speech_gateway"],
        GATEWAY_MANAGEMENT_PORT=str(free_port()), GATEWAY_ASR_URL=url, GATEWAY_TTS_URL=url, LOG_LEVEL="error",
    )  # fmt: skip


@contextmanager
def nginx(upstream_port: int) -> Iterator[Relay]:
    port = free_port()
    if (program := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")) is None:
        raise SystemExit("nginx is needed beside; on Debian and Ubuntu: apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nginx.conf")
        path.write_text(_NGINX.format(folder=folder, upstream=upstream_port, port=port), encoding="ascii")
        os.chmod(folder, 0o777)  # its worker is somebody else
        with _process([program, "-c", str(path), "-p", folder], RELAY_CPU) as master:
            wait_until_healthy(f"http://127.0.0.1:{port}")
            children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text(encoding="ascii")
            yield Relay(port, int(children.split()[0]))


@contextmanager
def _process(
    command: list[str], cpu: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["taskset", "--cpu-list", str(cpu), *command], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
