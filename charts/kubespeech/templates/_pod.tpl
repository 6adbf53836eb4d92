{{/* The pod of a component. */}}
{{- define "kubespeech.pod" -}}
{{- $root := .root }}
{{- with include "kubespeech.pullSecrets" $root | trim }}
imagePullSecrets: {{- . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "kubespeech.component.serviceAccount" . }}
automountServiceAccountToken: false
# A Service called asr would set ASR_SERVICE_HOST, which is no setting.
enableServiceLinks: false
# The last words of the server take some seconds after the grace.
terminationGracePeriodSeconds: {{ add .values.drain.preStopSeconds .values.drain.graceSeconds 10 }}
securityContext: {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .gpu }}
{{- with .gpu.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
{{- $gpu := .gpu | default dict }}
{{- with merge (dict) .values.nodeSelector ($gpu.nodeSelector | default dict) }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat .values.tolerations ($gpu.tolerations | default list) }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "kubespeech.component.selectorLabels" . | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with .model }}
{{- if .names }}
initContainers:
  - name: models
    {{- include "kubespeech.container" $ | nindent 4 }}
    command: [python, -m, speech_core.models]
    args:
      {{- if $root.Values.modelCatalog }}
      - --catalog=/etc/kubespeech/models.yaml
      {{- end }}
      - {{ ternary "fetch" "find" (eq .source "download") }}
      {{- range .names }}
      - {{ . | quote }}
      {{- end }}
    env: {{- include "kubespeech.env" $ | nindent 6 }}
    {{- with $.values.extraEnvFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    resources: {{- toYaml $.values.resources | nindent 6 }}
    # A container that fails says why in its last lines: they become the reason that `kubectl describe` shows.
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts: {{- include "kubespeech.volumeMounts" (merge (dict "writing" (eq .source "download")) $) | nindent 6 }}
{{- end }}
{{- end }}
containers:
  - name: {{ .name }}
    {{- include "kubespeech.container" . | nindent 4 }}
    env:
      {{- include "kubespeech.env" . | nindent 6 }}
      {{- include "kubespeech.serviceEnv" . | nindent 6 }}
    {{- with .values.extraEnvFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      {{- range .ports }}
      - {name: {{ .name }}, containerPort: {{ .port }}}
      {{- end }}
      - {name: metrics, containerPort: 9090}
    startupProbe:
      httpGet: {path: /readyz, port: metrics}
      {{- with .values.startup }}
      periodSeconds: {{ .periodSeconds }}
      failureThreshold: {{ .failureThreshold }}
      {{- else }}
      periodSeconds: 1
      failureThreshold: 120
      {{- end }}
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 5
      failureThreshold: 1
    livenessProbe:
      httpGet: {path: /livez, port: metrics}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- if .values.drain.preStopSeconds }}
    lifecycle:
      preStop:
        sleep: {seconds: {{ .values.drain.preStopSeconds }}}
    {{- end }}
    {{- $resources := deepCopy .values.resources }}
    {{- if .gpu }}
    {{- $_ := set $resources "limits" (merge (dict .gpu.resourceName .gpu.count) ($resources.limits | default dict)) }}
    {{- end }}
    resources: {{- toYaml $resources | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts: {{- include "kubespeech.volumeMounts" . | nindent 6 }}
volumes: {{- include "kubespeech.volumes" . | nindent 2 }}
{{- end }}

{{/* What the service and the init container of one pod share. */}}
{{- define "kubespeech.container" -}}
image: {{ include "kubespeech.component.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- toYaml .root.Values.securityContext | nindent 2 }}
{{- end }}

{{- define "kubespeech.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/kubespeech, readOnly: true}
{{- if .model }}
- {name: models, mountPath: /models{{ if not .writing }}, readOnly: true{{ end }}}
{{- end }}
{{- if .root.Values.caBundle.existingConfigMap }}
- {name: ca, mountPath: /etc/kubespeech-ca, readOnly: true}
{{- end }}
{{- with .ownMounts }}
{{ . }}
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kubespeech.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .tmpSizeLimit }}}
- name: config
  configMap: {name: {{ include "kubespeech.component.fullname" . }}}
{{- with .model }}
- name: models
  {{- if .existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim | quote }}
    {{- if ne .source "download" }}
    readOnly: true
    {{- end }}
  {{- else if eq .source "hostPath" }}
  hostPath: {path: {{ .hostPath }}, type: Directory}
  {{- else if eq .source "image" }}
  image: {reference: {{ .image | quote }}, pullPolicy: {{ $.root.Values.image.pullPolicy }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .sizeLimit }}}
  {{- end }}
{{- end }}
{{- with .root.Values.caBundle.existingConfigMap }}
- name: ca
  configMap: {name: {{ . }}}
{{- end }}
{{- with .ownVolumes }}
{{ . }}
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
