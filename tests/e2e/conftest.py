"""A cluster of any kind, told by KUBECONFIG; `make e2e` asks before these tests change it. See `.ci/cluster`."""

import contextlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .cluster import RELEASE, Namespace, Refused, Values, run

_HERE = Path(__file__).parent
_LONGEST_SECONDS = 400
CLIP = _HERE.parents[1] / "services/asr/tests/data/ljspeech.flac"

IMAGES: Values = {
    "image": {"registry": os.environ.get("E2E_REGISTRY", ""), "tag": os.environ.get("E2E_TAG", "dev")},
    **{name: {"image": {"repository": f"speech-{name}"}} for name in ("gateway", "asr", "tts")},
}
# A test that asks nobody while pods go need not wait for callers to notice.
SOON: Values = {"drain": {"preStopSeconds": 1}}
# Engines without weights; pods that end at once.
FAKES: Values = {
    "gateway": {"drain": {"preStopSeconds": 1}},
    "asr": {
        "config": {"engine": "fake"},
        "autoscaling": {"type": "none"},
        "drain": {"preStopSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}},
    },
    "tts": {
        "config": {"engine": "fake", "other_engines": []},
        "drain": {"preStopSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}},
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Never by accident: `make test` on a machine whose kubectl knows a cluster leaves it alone."""
    ours = [item for item in items if item.path.is_relative_to(_HERE)]
    for item in ours:
        item.add_marker(pytest.mark.timeout(_LONGEST_SECONDS))
        if "E2E_CONTEXT" not in os.environ:
            item.add_marker(pytest.mark.skip(reason="`make e2e` runs this, on a cluster"))


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    if "E2E_CONTEXT" in os.environ:
        for name in ("kubectl", "helm"):
            assert shutil.which(name), f"{name} is missing"


Make = Callable[..., Namespace]


@pytest.fixture(scope="module")
def make_namespace(request: pytest.FixtureRequest) -> Generator[Make]:
    """Namespaces that go with the module; all of them enforce the restricted Pod Security Standard."""
    with ExitStack() as cleanup:

        def make(suffix: str = "", *, security: str = "restricted") -> Namespace:
            name = f"e2e-{request.path.stem.removeprefix('test_').replace('_', '-')}{suffix}"
            run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--timeout", "100s", seconds=120)
            run("kubectl", "create", "namespace", name)
            run("kubectl", "label", "namespace", name, f"pod-security.kubernetes.io/enforce={security}")
            namespace = Namespace(name, IMAGES)
            cleanup.callback(_remove, namespace)
            return namespace

        yield make


def _remove(namespace: Namespace) -> None:
    try:
        with contextlib.suppress(Refused):  # a test may have uninstalled it
            namespace.helm("uninstall", RELEASE, "--no-hooks")
        # Before the namespace, which else looks again only after half of their grace.
        namespace.kubectl("delete", "pods", "--all", "--grace-period", "2", "--timeout", "60s", seconds=70)
        run("kubectl", "delete", "namespace", namespace.name, "--timeout", "100s", seconds=120)
    finally:
        run("kubectl", "delete", "persistentvolume", namespace.name, "--ignore-not-found", "--timeout", "30s")


@pytest.fixture(scope="module")
def namespace(make_namespace: Make) -> Namespace:
    return make_namespace()


@pytest.fixture(scope="module")
def weights() -> Callable[[Namespace], Values]:
    """A claim with the weights, and the values that use it; E2E_MODELS is a folder of the node that has them."""

    def claimed(namespace: Namespace) -> Values:
        folder = os.environ.get("E2E_MODELS", "")
        size = {"resources": {"requests": {"storage": "2Gi"}}, "accessModes": ["ReadWriteOnce"]}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": size}
        source = "download"
        if folder:
            source = "pvc"
            volume = {
                "capacity": {"storage": "2Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": folder, "type": "Directory"},
                "claimRef": {"namespace": namespace.name, "name": "models"},
                "persistentVolumeReclaimPolicy": "Retain",
            }
            metadata = {"name": namespace.name}
            namespace.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": volume})
            claim["spec"] = {**size, "storageClassName": ""}
        namespace.apply(claim)
        model = {"model": {"source": source, "existingClaim": "models"}, **SOON}
        return {"asr": model, "tts": model, "gateway": SOON}

    return claimed


__all__ = ["CLIP", "FAKES", "IMAGES", "Make", "Namespace", "Refused"]
