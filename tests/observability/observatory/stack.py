"""The services as targets of a scrape, in a release of their own."""

from observatory.exporters import NAMES
from observatory.prometheus import Job
from speech_core.testing.stack import Stack

# The labels that the scrape adds; the names in the exporters' files are those of this release.
_LABELS = {"namespace": "speech", "release": "demo"}
_PODS = {
    "gateway": "demo-kubespeech-gateway-6d9f7c5b8d-4kq2x",
    "asr": "demo-kubespeech-asr-5c8f6b7d9-2qjwh",
    "tts": "demo-kubespeech-tts-7b6c9d5f4c-8m2nd",
}
# What a user has chosen in the dashboards.
CHOSEN = {**_LABELS, "fullname": "demo-kubespeech"}


def jobs_for(stack: Stack, exporters: str) -> list[Job]:
    """The services with the labels of a cluster, and the exporters at that address."""
    ours = {
        f"127.0.0.1:{process.management_port}": {**_LABELS, "pod": _PODS[process.name]}
        for process in (stack.gateway, stack.asr, stack.tts)
    }
    return [Job("speech", ours), *(Job(name, {exporters: {}}, path=f"/{name}") for name in NAMES)]
