{{/* Who may talk to a component, and to whom it may talk. */}}
{{- define "kubespeech.networkPolicy" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if $policy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "kubespeech.component.fullname" . }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "kubespeech.component.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        {{- range .ports }}
        - {port: {{ .name }}, protocol: TCP}
        {{- end }}
      {{- with include "kubespeech.callers" . }}
      from: {{- . | nindent 8 }}
      {{- end }}
    - ports:
        - {port: metrics, protocol: TCP}
      {{- with $policy.prometheus }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
  egress:
    - ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
        # Of OpenShift's DNS pods
        - {port: 5353, protocol: UDP}
        - {port: 5353, protocol: TCP}
      to: {{- toYaml $policy.dns | nindent 8 }}
    {{- range .calls }}
    - ports:
        - {port: {{ .port }}, protocol: TCP}
      to:
        - podSelector:
            matchLabels: {{- include "kubespeech.component.selectorLabels" (dict "root" $.root "name" .name) | nindent 14 }}
    {{- end }}
    {{- with .root.Values.otel.endpoint }}
    - ports:
        - {port: {{ include "kubespeech.urlPort" . }}, protocol: TCP}
      {{- with $policy.collector }}
      to: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- if .outside }}
    {{- $ports := list "443" "80" }}
    {{- $urls := list .root.Values.proxy.http .root.Values.proxy.https .root.Values.packageIndex.url }}
    {{- range .root.Values.modelCatalog }}
    {{- range .files }}{{ $urls = append $urls .url }}{{ end }}
    {{- end }}
    {{- range compact $urls }}{{ $ports = append $ports (include "kubespeech.urlPort" .) }}{{ end }}
    - ports:
        {{- range $ports | uniq }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- end }}
    {{- with $policy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The peers that may send work; nothing stands for everybody. */}}
{{- define "kubespeech.callers" -}}
{{- if .caller }}
- podSelector:
    matchLabels: {{- include "kubespeech.component.selectorLabels" (dict "root" .root "name" .caller) | nindent 6 }}
{{- else if .root.Values.networkPolicy.from }}
{{- toYaml .root.Values.networkPolicy.from }}
- podSelector:
    matchLabels: {{- include "kubespeech.component.selectorLabels" (dict "root" .root "name" "test") | nindent 6 }}
{{- end }}
{{- end }}
