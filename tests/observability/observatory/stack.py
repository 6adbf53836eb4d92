"""The services as targets of a scrape, in a release of their own."""

from observatory.exporters import NAMES
from observatory.prometheus import Job
from speech_core.testing.stack import Stack

# The labels that the scrape adds; the names in the exporters' files are those of this release.
CHOSEN = {"namespace": "speech", "release": "demo"}


def jobs_for(stack: Stack, exporters: str) -> list[Job]:
    """The services with the labels of a cluster, and the exporters at that address."""
    ours = [f"127.0.0.1:{process.management_port}" for process in (stack.gateway, stack.asr, stack.tts)]
    return [Job("speech", ours, CHOSEN), *(Job(name, [exporters], path=f"/{name}") for name in NAMES)]
