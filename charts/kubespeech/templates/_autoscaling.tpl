{{/* The HPA or the ScaledObject of a component; neither for `type: none`. */}}
{{- define "kubespeech.autoscaling" -}}
{{- $scaling := .values.autoscaling }}
{{- $fullname := include "kubespeech.component.fullname" . }}
{{- if eq $scaling.type "hpa" }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $fullname }}}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
    {{- if eq $scaling.metric "cpu" }}
    - type: ContainerResource
      containerResource:
        name: cpu
        container: {{ .name }}
        target: {type: Utilization, averageUtilization: {{ $scaling.targetCPU }}}
    {{- else }}
    - type: Pods
      pods:
        metric: {name: speech_in_flight}
        target: {type: AverageValue, averageValue: {{ $scaling.targetDemand | quote }}}
    {{- end }}
  {{- with $scaling.behavior }}
  behavior: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else if eq $scaling.type "keda" }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $fullname }}}
  minReplicaCount: {{ $scaling.minReplicas }}
  maxReplicaCount: {{ $scaling.maxReplicas }}
  pollingInterval: {{ $scaling.keda.pollingInterval }}
  fallback:
    failureThreshold: 3
    replicas: {{ $scaling.keda.fallbackReplicas }}
    behavior: currentReplicasIfHigher
  {{- with $scaling.behavior }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- toYaml . | nindent 8 }}
  {{- end }}
  triggers:
    - type: prometheus
      metricType: AverageValue
      metadata:
        serverAddress: {{ $scaling.keda.serverAddress }}
        query: {{ $scaling.keda.query | default (include "kubespeech.demand" .) | quote }}
        threshold: {{ $scaling.targetDemand | quote }}
        # No answer is not no demand.
        ignoreNullValues: "false"
{{- end }}
{{- end }}

{{/* Requests inside all pods of a component, waiting ones included. */}}
{{- define "kubespeech.demand" -}}
sum(speech_in_flight{namespace="{{ .root.Release.Namespace }}",release="{{ .root.Release.Name }}",service="{{ .name }}"})
{{- end }}
