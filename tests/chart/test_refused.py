"""What the chart refuses, and with which words."""

import subprocess

import pytest

from speech_core.testing.needed import program

from .conftest import CHART, Render


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ('asr={"config":{"seatz":3}}', "seatz"),
        ('asr={"config":{"seats":"many"}}', "seats"),
        ('asr={"config":{"port":80}}', "port"),
        ('gateway={"config":{"key_secret":"x"}}', "key_secret"),
        ('gateway={"replicas":"two"}', "replicas"),
        ('gatway={"replicas":2}', "gatway"),
        ('asr={"autoscaling":{"type":"both"}}', "type"),
        ('image={"pullPolicy":"Sometimes"}', "pullPolicy"),
        ('tts={"model":{"sizeLimit":"much"}}', "sizeLimit"),
        ('modelCatalog={"ours":{"kind":"asr","files":{"a":{"url":"http://a"}}}}', "sha256"),
        ("asr.resources=null", "resources"),
        ("gateway.config=null", "config"),
        ("metrics.dashboards=null", "dashboards"),
    ],
)
@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_what_the_schema_does_not_know_is_refused_by_name(
    render: Render, setting: str, sentence: str, helm: str
) -> None:
    assert sentence in render(setting, refused=True, helm=helm).error


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            'asr.autoscaling={"metric":"demand","targetDemand":128}',
            "asr.autoscaling.targetDemand (128) must be below asr.config.seats (128)",
        ),
        ('tts.autoscaling={"type":"keda"}', "tts.autoscaling.keda.serverAddress, the address of Prometheus"),
        (
            'asr.autoscaling={"keda":{"serverAddress":"http://prometheus:9090"}}',
            "an HPA and KEDA would fight over the replicas",
        ),
        (
            'tts.autoscaling={"keda":{"serverAddress":"http://prometheus:9090"}}',
            "tts.autoscaling.keda.serverAddress is set, but tts.autoscaling.type is none",
        ),
        (
            'asr.resources={"requests":{"cpu":"250m"},"limits":{"cpu":"0.5"}}',
            "asr.autoscaling.targetCPU (250 % of 250m) must be below asr.resources.limits.cpu (0.5)",
        ),
        (
            'tts={"autoscaling":{"type":"hpa"},"resources":{"requests":{"cpu":null}}}',
            "tts.autoscaling.metric cpu needs tts.resources.requests.cpu",
        ),
        ('asr.autoscaling={"minReplicas":5}', "asr.autoscaling.minReplicas (5) is above asr.autoscaling.maxReplicas"),
        ('asr.autoscaling={"minReplicas":0}', "asr.autoscaling.minReplicas must be 1 or more"),
        (
            'tts.autoscaling={"type":"keda","minReplicas":0,"keda":{"serverAddress":"http://prometheus:9090"}}',
            "tts.autoscaling.minReplicas 0 needs tts.autoscaling.keda.query",
        ),
        ('asr.spoolSizeLimit="4Gi"', "asr.spoolSizeLimit (4Gi) must be above asr.config.spool_bytes (4294967296)"),
        ("gateway.service.nodePort=30007", "gateway.service.nodePort (30007) needs gateway.service.type"),
        ('asr.model={"source":"pvc"}', "asr.model.source pvc needs asr.model.existingClaim"),
        ('tts.model={"source":"hostPath"}', "tts.model.source hostPath needs tts.model.hostPath"),
        ('tts.model={"source":"image"}', "tts.model.source image needs tts.model.image"),
        ('tts.model={"source":"image","image":"a","existingClaim":"b"}', "tts.model.existingClaim is set, but"),
        ('asr.gpu={"enabled":true}', "asr.autoscaling.metric cpu says nothing on a GPU"),
        ('entry.httpRoute={"enabled":true}', "entry.httpRoute.enabled needs entry.httpRoute.parentRefs"),
        ("gateway.config.wyoming_port=9090", "gateway.config.wyoming_port (9090) is taken"),
        ('gateway={"config":{"wyoming_port":10300},"service":{"port":10300}}', "wyoming_port (10300) is taken"),
        ('asr.model.image="a"', "asr.model.image is set, but asr.model.source is download"),
        ('tts.model.hostPath="/srv"', "tts.model.hostPath is set, but tts.model.source is download"),
        ('asr.autoscaling.keda.query="up"', "asr.autoscaling.keda.query is set, but asr.autoscaling.type is hpa"),
        ('asr={"config":{"spool_bytes":null},"spoolSizeLimit":"1Gi"}', "must be above asr.config.spool_bytes"),
        ('nameOverride="a.b"', "speech-a.b-gateway would be the name of a Service"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused_with_a_reason(
    render: Render, setting: str, sentence: str
) -> None:
    assert sentence in render(setting, refused=True).error


@pytest.mark.parametrize("release", ["1st", "my.release"])
def test_a_release_that_cannot_name_a_service_is_refused_with_the_way_out(release: str) -> None:
    def rendered(*more: str) -> subprocess.CompletedProcess[str]:
        command = [program("helm"), "template", release, str(CHART), *more]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert "a letter first: choose another name for the release, or fullnameOverride" in rendered().stderr
    assert rendered("--set", "fullnameOverride=first").returncode == 0
