"""What the chart can be told, as a model that refuses what is not known; `config` is of the settings' own classes."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Objects = list[dict[str, Any]]
Texts = dict[str, str]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$|^$", max_length=253)]
ServiceName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$|^$", max_length=53)]  # RFC 1035: no dot
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
Folder = Annotated[str, Field(pattern=r"^(/.*)?$")]
HttpUrl = Annotated[str, Field(pattern=r"^(https?://.+)?$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NamedSecret(Strict):
    name: Name


PullSecrets = list[Name | NamedSecret]


class Global(BaseModel):
    """A parent's values for all its charts: others' keys are none of our business."""

    model_config = ConfigDict(extra="allow")

    imageRegistry: str
    imagePullSecrets: PullSecrets


class PullPolicy(StrEnum):
    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class CommonImage(Strict):
    registry: str
    tag: str
    pullPolicy: PullPolicy
    pullSecrets: PullSecrets


class Image(Strict):
    repository: Annotated[str, Field(min_length=1)]
    tag: str
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]


class Keda(Strict):
    serverAddress: HttpUrl
    query: str
    pollingInterval: Positive
    fallbackReplicas: Positive


class Autoscaling(Strict):
    type: Literal["none", "hpa", "keda"]
    minReplicas: Count
    maxReplicas: Positive
    metric: Literal["cpu", "demand"]
    targetCPU: Positive
    targetDemand: Positive
    behavior: dict[str, Any]
    keda: Keda


class Drain(Strict):
    preStopSeconds: Count
    graceSeconds: Positive


class HeadlessService(Strict):
    annotations: Texts


class Service(HeadlessService):
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"]
    port: Port
    nodePort: Port | None = None


class Resources(Strict):
    requests: dict[str, Quantity | int | float] = {}
    limits: dict[str, Quantity | int | float] = {}


class Pdb(Strict):
    enabled: bool
    maxUnavailable: Count | Annotated[str, Field(pattern=r"^[0-9]+%$")]


class ServiceAccount(Strict):
    create: bool
    name: Name
    annotations: Texts


class Component(Strict):
    image: Image
    replicas: Count
    autoscaling: Autoscaling
    drain: Drain
    resources: Resources
    pdb: Pdb
    serviceAccount: ServiceAccount
    strategy: dict[str, Any]
    podAnnotations: Texts
    podLabels: Texts
    nodeSelector: Texts
    tolerations: Objects
    affinity: dict[str, Any]
    topologySpreadConstraints: Objects
    priorityClassName: Name
    extraEnv: Objects
    extraEnvFrom: Objects
    extraVolumes: Objects
    extraVolumeMounts: Objects


class Startup(Strict):
    periodSeconds: Positive
    failureThreshold: Positive


class Model(Strict):
    source: Literal["download", "pvc", "hostPath", "image"]
    names: list[str]
    sizeLimit: Quantity
    existingClaim: Name
    hostPath: Folder
    image: str


class Engine(Component):
    """A component with a model."""

    model: Model
    service: HeadlessService
    startup: Startup


class Gpu(Strict):
    enabled: bool
    resourceName: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")]
    count: Positive
    runtimeClassName: Name
    nodeSelector: Texts
    tolerations: Objects


class Gateway(Component):
    config: dict[str, Any]
    service: Service


class Asr(Engine):
    config: dict[str, Any]
    gpu: Gpu
    spoolSizeLimit: Quantity


class Tts(Engine):
    config: dict[str, Any]


class CatalogFile(Strict):
    url: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Positive


class CatalogModel(Strict):
    kind: Literal["asr", "tts"]
    licence: str = "unknown"
    files: Annotated[dict[str, CatalogFile], Field(min_length=1)]


class Auth(Strict):
    existingSecret: Name


class Ingress(Strict):
    enabled: bool
    className: Name
    annotations: Texts
    hosts: list[str]
    tls: Objects


class HttpRoute(Strict):
    enabled: bool
    annotations: Texts
    parentRefs: Objects
    hostnames: list[str]
    timeouts: Texts


class Entry(Strict):
    ingress: Ingress
    httpRoute: HttpRoute


class ServiceMonitor(Strict):
    enabled: bool
    labels: Texts
    interval: Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m)$")]


class PrometheusRule(Strict):
    enabled: bool
    labels: Texts


class Dashboards(Strict):
    enabled: bool
    labels: Texts
    annotations: Texts
    namespace: Name


class Metrics(Strict):
    serviceMonitor: ServiceMonitor
    prometheusRule: PrometheusRule
    dashboards: Dashboards


class Otel(Strict):
    endpoint: HttpUrl
    protocol: Literal["grpc", "http/protobuf"]
    sampler: str
    samplerArg: Annotated[str, Field(description="a string, for it may be a ratio or a name")]
    resourceAttributes: Texts


class NetworkPolicy(Strict):
    enabled: bool
    from_: Annotated[Objects, Field(alias="from")]
    dns: Objects
    prometheus: Objects
    collector: Objects
    extraEgress: Objects


class Proxy(Strict):
    http: HttpUrl
    https: HttpUrl
    noProxy: str


class CaBundle(Strict):
    existingConfigMap: Name
    key: Annotated[str, Field(min_length=1)]


class PackageIndex(Strict):
    url: HttpUrl


class Logs(Strict):
    format: Literal["json", "console"]
    level: Literal["debug", "info", "warning", "error"]


class Values(Strict):
    """All of values.yaml; `enabled` is what a parent chart's condition leaves there."""

    enabled: bool = True
    nameOverride: Name
    fullnameOverride: ServiceName
    global_: Annotated[Global, Field(alias="global")]
    image: CommonImage
    gateway: Gateway
    asr: Asr
    tts: Tts
    modelCatalog: dict[str, CatalogModel]
    auth: Auth
    entry: Entry
    metrics: Metrics
    otel: Otel
    networkPolicy: NetworkPolicy
    proxy: Proxy
    caBundle: CaBundle
    packageIndex: PackageIndex
    ipFamilyPolicy: Literal["", "SingleStack", "PreferDualStack", "RequireDualStack"]
    ipFamilies: list[Literal["IPv4", "IPv6"]]
    listenAddress: str
    podSecurityContext: dict[str, Any]
    securityContext: dict[str, Any]
    logs: Logs
    extraObjects: list[dict[str, Any] | str]
