{{/* The environment of the init container and of the service: folders, and the way out of a closed network. */}}
{{- define "kubespeech.env" -}}
# A random user has no home.
- {name: HOME, value: /tmp}
{{- if .model }}
- {name: MODELS_DIR, value: /models}
{{- end }}
{{- with .root.Values.caBundle }}
{{- if .existingConfigMap }}
{{- $file := printf "/etc/kubespeech-ca/%s" .key }}
- {name: SSL_CERT_FILE, value: {{ $file }}}
- {name: REQUESTS_CA_BUNDLE, value: {{ $file }}}
- {name: PIP_CERT, value: {{ $file }}}
- {name: OTEL_EXPORTER_OTLP_CERTIFICATE, value: {{ $file }}}
{{- end }}
{{- end }}
{{- if .outside }}
{{- with .root.Values.packageIndex.url }}
- {name: PIP_INDEX_URL, value: {{ . | quote }}}
{{- end }}
{{- $proxy := .root.Values.proxy }}
{{- if or $proxy.http $proxy.https }}
- {name: HTTP_PROXY, value: {{ $proxy.http | quote }}}
- {name: http_proxy, value: {{ $proxy.http | quote }}}
- {name: HTTPS_PROXY, value: {{ $proxy.https | quote }}}
- {name: https_proxy, value: {{ $proxy.https | quote }}}
{{- /* The proxy is not for traces: whoever sends them would find it in the environment. */}}
{{- $collector := (urlParse .root.Values.otel.endpoint).hostname }}
{{- $inside := list "localhost" "127.0.0.1" ".svc" ".cluster.local" $collector $proxy.noProxy | compact | join "," }}
- {name: NO_PROXY, value: {{ $inside | quote }}}
- {name: no_proxy, value: {{ $inside | quote }}}
{{- end }}
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the chart decides of the service's settings; all else is in the file. */}}
{{- define "kubespeech.serviceEnv" -}}
{{- $prefix := upper .name -}}
- {name: {{ $prefix }}_CONFIG, value: /etc/kubespeech/config.yaml}
- {name: HOST, value: {{ .root.Values.listenAddress | quote }}}
- {name: {{ $prefix }}_PORT, value: {{ .port | quote }}}
- {name: {{ $prefix }}_MANAGEMENT_PORT, value: "9090"}
- {name: {{ $prefix }}_GRACE_SECONDS, value: {{ .values.drain.graceSeconds | quote }}}
- {name: LOG_FORMAT, value: {{ .root.Values.logs.format }}}
- {name: LOG_LEVEL, value: {{ .root.Values.logs.level }}}
# Without a CPU limit, threads are counted by the request, not by the node.
- name: CPU_REQUEST
  valueFrom:
    resourceFieldRef: {resource: requests.cpu, divisor: "1"}
{{- with .ownEnv }}
{{ . }}
{{- end }}
{{- include "kubespeech.otelEnv" . }}
{{- end }}

{{- define "kubespeech.otelEnv" -}}
{{- with .root.Values.otel }}
{{- if .endpoint }}
- name: POD_NAME
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
- name: NODE_NAME
  valueFrom:
    fieldRef: {fieldPath: spec.nodeName}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .protocol | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: {{ .sampler | quote }}}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .samplerArg | quote }}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: >-
    service.namespace={{ $.root.Release.Name }},service.version={{ $.root.Chart.AppVersion }},service.instance.id=$(POD_NAME),k8s.namespace.name={{ $.root.Release.Namespace }},k8s.deployment.name={{ include "kubespeech.component.fullname" $ }},k8s.container.name={{ $.name }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
    {{- range $key, $value := .resourceAttributes }},{{ $key }}={{ $value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
