{{/* All objects of one component: a dict of `root`, `name`, `port`, `values` and what is its own. */}}
{{- define "kubespeech.component" -}}
{{- $fullname := include "kubespeech.component.fullname" . }}
{{- $drain := .values.drain }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
spec:
  {{- if eq .values.autoscaling.type "none" }}
  replicas: {{ .values.replicas }}
  {{- end }}
  {{- if and .gpu (not .values.strategy) }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
  {{- else }}
  strategy:
    {{- default (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 1 "maxUnavailable" 0)) .values.strategy | toYaml | nindent 4 }}
  {{- end }}
  selector:
    matchLabels: {{- include "kubespeech.component.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- merge (include "kubespeech.component.selectorLabels" . | fromYaml) .values.podLabels | toYaml | nindent 8 }}
      annotations:
        kubespeech.io/config: {{ printf "%s%s" (toJson .values.config) (toJson .root.Values.modelCatalog) | sha256sum | trunc 16 }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "kubespeech.pod" . | nindent 6 }}
{{- if .values.serviceAccount.create }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "kubespeech.component.serviceAccount" . }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
  {{- with .values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- if .values.pdb.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "kubespeech.component.selectorLabels" . | nindent 6 }}
{{- end }}
{{- include "kubespeech.autoscaling" . }}
{{- include "kubespeech.networkPolicy" . }}
{{- end }}

{{/* A headless Service: an address for each ready pod, so that the gateway can choose among them. */}}
{{- define "kubespeech.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .serviceName | default (include "kubespeech.component.fullname" .) }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  clusterIP: None
  {{- include "kubespeech.ipFamilies" .root | nindent 2 }}
  selector: {{- include "kubespeech.component.selectorLabels" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}}
    {{- end }}
{{- end }}

{{- define "kubespeech.ipFamilies" -}}
{{- with .Values.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.ipFamilies }}
ipFamilies: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
