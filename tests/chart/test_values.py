"""What the chart does with what it is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from speech_asr.settings import AsrSettings
from speech_gateway.settings import GatewaySettings
from speech_tts.settings import TtsSettings

from .conftest import SCENARIOS, Render

MAKE = "run `make chart` and commit the difference"
SETTINGS = {"gateway": GatewaySettings, "asr": AsrSettings, "tts": TtsSettings}


def test_schema_and_readme_are_what_the_code_and_the_values_say() -> None:
    command = [sys.executable, str(Path(__file__).parent / "generate.py"), "--check"]

    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 0, f"{MAKE}: {ran.stdout}{ran.stderr}"


@pytest.fixture
def read_settings(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A component's settings as its pod would read them: file and environment."""

    def read(component: str, *settings: str, scenario: str = "default"):
        rendered = render(*settings, scenario=scenario)
        file = tmp_path / f"{component}.yaml"
        config_map = next(
            each for each in rendered.of("ConfigMap") if each["metadata"]["name"] == f"speech-kubespeech-{component}"
        )
        file.write_text(config_map["data"]["config.yaml"], encoding="utf-8")
        for name, value in rendered.environment(component).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(f"{component.upper()}_CONFIG", str(file))
        return SETTINGS[component].load()

    return read


@pytest.mark.parametrize("component", list(SETTINGS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_read_by_the_services(read_settings, scenario: str, component: str) -> None:
    settings = read_settings(component, scenario=scenario)

    assert settings.host == "0.0.0.0"
    assert settings.management_port == 9090


@pytest.mark.parametrize(
    ("component", "name", "value"),
    [
        ("gateway", "answer_seconds", 1_000_000),
        ("gateway", "cors_origins", ["https://a.example", "https://b.example"]),
        ("asr", "spool_bytes", 4_294_967_296),
        ("asr", "max_audio_bytes", 1_000_000),
        ("asr", "model", "/models/ours"),
        ("asr", "device", "cuda"),
        ("tts", "voice_aliases", {"alloy": "espeak/en"}),
        ("tts", "sentence_pause_seconds", 0.25),
    ],
)
def test_a_setting_arrives_as_it_was_given(read_settings, component: str, name: str, value: object) -> None:
    settings = read_settings(component, f"{component}.config.{name}={json.dumps(value)}")

    assert json.loads(settings.model_dump_json())[name] == value


def test_on_a_gpu_the_engine_is_told_so_unless_somebody_says_otherwise(read_settings, render: Render) -> None:
    told = read_settings("asr", scenario="gpu-keda")
    own = render('asr.config={"device":"cpu","compute_type":"int8"}', scenario="gpu-keda").environment("asr")

    assert (told.device, told.compute_type) == ("cuda", "float16")
    assert not {"ASR_DEVICE", "ASR_COMPUTE_TYPE"} & own.keys()


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ([], "ghcr.io/kubespeech/speech-asr:0.1.0"),
        (['image={"tag":"1.2"}'], "ghcr.io/kubespeech/speech-asr:1.2"),
        (['asr.config={"engine":"openai-whisper"}'], "ghcr.io/kubespeech/speech-asr:0.1.0-openai-whisper"),
        (
            ['asr.gpu={"enabled":true}', 'asr.autoscaling={"type":"none"}'],
            "ghcr.io/kubespeech/speech-asr:0.1.0-cuda",
        ),
        (['asr.image={"tag":"own"}', 'image={"tag":"1.2"}'], "ghcr.io/kubespeech/speech-asr:own"),
        (['global={"imageRegistry":"mirror.example/hub"}'], "mirror.example/hub/kubespeech/speech-asr:0.1.0"),
        (['image={"registry":"","tag":"dev"}', 'asr.image={"repository":"speech-asr"}'], "speech-asr:dev"),
        ([f'asr.image={{"digest":"sha256:{"0" * 64}"}}'], f"ghcr.io/kubespeech/speech-asr@sha256:{'0' * 64}"),
    ],
)
def test_the_image_follows_registry_tag_variant_and_digest(render: Render, settings: list[str], image: str) -> None:
    assert render(*settings).container("asr")["image"] == image


@pytest.mark.parametrize("given", ['["mirror","own"]', '[{"name":"mirror"},"own","mirror"]'])
def test_every_pod_has_the_pull_secrets_of_the_parent_and_of_the_chart(render: Render, given: str) -> None:
    rendered = render(f"global.imagePullSecrets={given}", 'image.pullSecrets=["own"]')
    pods = [each["spec"]["template"] for each in rendered.of("Deployment")] + [*rendered.of("Pod")]

    assert [pod["spec"]["imagePullSecrets"] for pod in pods] == [[{"name": "mirror"}, {"name": "own"}]] * 5


def test_every_pod_trusts_the_bundle_and_so_do_its_traces(render: Render) -> None:
    rendered = render('caBundle.existingConfigMap="ca"', 'otel.endpoint="https://collector.example:4317"')

    for component in ("gateway", "asr", "tts"):
        (mount,) = [each for each in rendered.container(component)["volumeMounts"] if each["name"] == "ca"]
        environment = rendered.environment(component)
        assert environment["OTEL_EXPORTER_OTLP_CERTIFICATE"] == f"{mount['mountPath']}/ca.crt"
        assert environment["SSL_CERT_FILE"] == environment["OTEL_EXPORTER_OTLP_CERTIFICATE"]


def test_a_route_for_a_controller_that_knows_no_timeouts_has_none(render: Render) -> None:
    route = ('entry.httpRoute={"enabled":true,"parentRefs":[{"name":"g"}]}',)

    assert render(*route).find("HTTPRoute")["spec"]["rules"][0]["timeouts"] == {"request": "0s"}
    assert "timeouts" not in render(*route, "entry.httpRoute.timeouts=null").find("HTTPRoute")["spec"]["rules"][0]


def test_more_objects_are_templates_only_where_they_are_strings(render: Render) -> None:
    alert = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"text": "{{ $labels.pod }}"}}
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: s}, data: {text: '{{ .Release.Name }}'}}"
    found = {each["metadata"]["name"]: each for each in render(f"extraObjects={json.dumps([alert, text])}").objects}

    assert found["m"] == alert
    assert found["s"]["data"]["text"] == "speech"


def test_the_tests_run_where_the_gateway_may(render: Render) -> None:
    tolerations = [{"key": "voice", "operator": "Exists"}]
    rendered = render(f"gateway.tolerations={json.dumps(tolerations)}", 'gateway.nodeSelector={"pool":"voice"}')

    for pod in rendered.of("Pod"):
        assert (pod["spec"]["tolerations"], pod["spec"]["nodeSelector"]) == (tolerations, {"pool": "voice"})


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ([], ["fetch", "whisper-base"]),
        (['asr.model={"names":["whisper-base","ours"]}'], ["fetch", "whisper-base", "ours"]),
        (['asr.model={"source":"pvc","existingClaim":"c"}'], ["find", "whisper-base"]),
        (['asr.model={"source":"download","existingClaim":"c"}'], ["fetch", "whisper-base"]),
        (['asr.config={"engine":"fake"}'], None),
        (['asr.config={"model":"/models/ours"}', 'asr.model={"source":"hostPath","hostPath":"/srv"}'], None),
    ],
)
def test_the_init_container_gets_or_finds_what_the_engine_needs(render: Render, settings, arguments) -> None:
    pod = render(*settings).find("Deployment", "-asr")["spec"]["template"]["spec"]

    assert [container["args"] for container in pod.get("initContainers", [])] == ([arguments] if arguments else [])


def test_a_catalogue_of_ones_own_is_read_by_the_store(render: Render, tmp_path: Path) -> None:
    entry = {"kind": "asr", "files": {"model.bin": {"url": "https://a.example/m", "sha256": "0" * 64, "size_bytes": 7}}}
    rendered = render(f"modelCatalog={json.dumps({'ours': entry})}", 'asr.model={"names":["ours"]}')
    config_map = next(each for each in rendered.of("ConfigMap") if each["metadata"]["name"] == "speech-kubespeech-asr")
    (tmp_path / "models.yaml").write_text(config_map["data"]["models.yaml"], encoding="utf-8")
    (init,) = rendered.find("Deployment", "-asr")["spec"]["template"]["spec"]["initContainers"]
    command = [sys.executable, "-m", "speech_core.models", "--catalog", str(tmp_path / "models.yaml"), "list"]

    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    assert init["args"][:2] == ["--catalog=/etc/kubespeech/models.yaml", "fetch"]
    assert "ours  asr" in listed


def test_a_change_of_a_setting_rolls_its_own_pods(render: Render) -> None:
    before, after = render(), render('tts.config={"seats":9}')

    def config(rendered, component: str) -> str:
        annotations = rendered.find("Deployment", f"-{component}")["spec"]["template"]["metadata"]["annotations"]
        return annotations["kubespeech.io/config"]

    assert config(before, "tts") != config(after, "tts")
    assert config(before, "asr") == config(after, "asr")


def test_gpu_pods_go_where_gpus_are_and_need_no_spare_one_to_roll(render: Render) -> None:
    deployment = render(scenario="gpu-keda").find("Deployment", "-asr")["spec"]
    pod = deployment["template"]["spec"]

    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_the_spool_has_its_room(render: Render) -> None:
    rendered = render()
    volumes = rendered.find("Deployment", "-asr")["spec"]["template"]["spec"]["volumes"]
    (tmp,) = [volume["emptyDir"]["sizeLimit"] for volume in volumes if volume["name"] == "tmp"]
    config = yaml.safe_load(
        next(e for e in rendered.of("ConfigMap") if e["metadata"]["name"].endswith("-asr"))["data"]["config.yaml"]
    )

    assert int(tmp.removesuffix("Gi")) << 30 > config["spool_bytes"]


def test_keys_come_from_the_secret_and_stand_in_no_object(render: Render) -> None:
    rendered = render(scenario="keys")
    env = {each["name"]: each for each in rendered.container("gateway")["env"]}

    assert env["GATEWAY_KEY_SECRET"]["valueFrom"] == {"secretKeyRef": {"name": "speech-keys", "key": "key-secret"}}
    assert rendered.of("Secret") == []
