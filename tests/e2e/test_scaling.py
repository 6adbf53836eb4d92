"""asr grows by CPU under load and shrinks after it; every caller gets an answer, or is told when to come back."""

import base64
from collections.abc import Callable, Sequence

from .cluster import FULLNAME, until
from .conftest import CLIP, Namespace, Values

# Half a core each: a second pod is a second half, and the callers have the rest of a small machine.
SCALED: Values = {
    "asr": {
        "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m"}},
        "drain": {"preStopSeconds": 8},
        "autoscaling": {
            "minReplicas": 1,
            "maxReplicas": 2,
            "targetCPU": 100,
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 30,
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                }
            },
        },
    }
}
# One pod, for comparison.
ALONE: Values = {"asr": {"autoscaling": {"maxReplicas": 1}}}
MEASURED_SECONDS = 25.0


def per_second(requests: Callable[[], Sequence[Values]], seconds: float = MEASURED_SECONDS) -> float:
    """Clips answered a second, from now on."""
    first = requests()
    start = max(each["at"] + each["seconds"] for each in first)

    def passed() -> list[Values]:
        ended = [each for each in requests() if each["at"] + each["seconds"] > start]
        return ended if ended and max(each["at"] + each["seconds"] for each in ended) > start + seconds else []

    ended = until("enough is answered", passed, seconds=seconds + 60, every_seconds=2)
    return len([each for each in ended if each["outcome"] == "ok"]) / seconds


def test_asr_grows_under_load_and_shrinks_after_it(
    namespace: Namespace, weights: Callable[[Namespace], Values]
) -> None:
    clip = {"clip.flac": base64.b64encode(CLIP.read_bytes()).decode()}
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "load"}, "binaryData": clip})
    model = weights(namespace)
    namespace.install(model, SCALED, ALONE)
    hpa = f"{FULLNAME}-asr"
    until("the HPA reads CPU", lambda: namespace.get("hpa", hpa)["status"].get("currentMetrics"), seconds=120)

    with namespace.load(callers=4, kinds="clip") as requests:
        until("requests are answered", lambda: len([e for e in requests() if e["outcome"] == "ok"]) > 3, seconds=90)
        alone = per_second(requests)
        namespace.install(model, SCALED)
        until("a second pod is ready", lambda: len(namespace.ready_pods("asr")) == 2, seconds=120)
        (second,) = sorted(pod["metadata"]["creationTimestamp"] for pod in namespace.ready_pods("asr"))[1:]
        together = per_second(requests)
        answered = requests()

    until("one pod is left", lambda: len(namespace.pods("asr")) == 1, seconds=150)
    assert second
    assert [each for each in answered if each["outcome"] != "ok" and "retry-after=None" in each["outcome"]] == []
    assert {each["outcome"][:3] for each in answered} <= {"ok", "503", "429"}
    assert together > 1.3 * alone
