{{/* Names, labels and images; a component is a dict of `root`, `name`, `port` and its `values`. */}}

{{- define "kubespeech.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Release.Name -}}
{{- if not (contains $name .Release.Name) }}{{ $full = printf "%s-%s" .Release.Name $name }}{{ end -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "kubespeech.component.fullname" -}}
{{ include "kubespeech.fullname" .root }}-{{ .name }}
{{- end }}

{{- define "kubespeech.labels" -}}
{{ include "kubespeech.instanceLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: kubespeech
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "kubespeech.instanceLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "kubespeech.component.labels" -}}
{{ include "kubespeech.labels" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "kubespeech.component.selectorLabels" -}}
{{ include "kubespeech.instanceLabels" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "kubespeech.component.serviceAccount" -}}
{{- $account := .values.serviceAccount -}}
{{- if $account.create }}{{ default (include "kubespeech.component.fullname" .) $account.name }}
{{- else }}{{ default "default" $account.name }}{{ end -}}
{{- end }}

{{/* The digest, else the component's own tag, else the common one with the variant's suffix. */}}
{{- define "kubespeech.component.image" -}}
{{- $image := .values.image -}}
{{- $registry := .root.Values.global.imageRegistry | default .root.Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- $common := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- if $image.digest }}{{ printf "%s@%s" $name $image.digest }}
{{- else }}{{ printf "%s:%s" $name ($image.tag | default (printf "%s%s" $common (.variant | default ""))) }}{{ end -}}
{{- end }}

{{/* Of names, or of maps with a name: charts differ, and a parent's global ones are for all of them. */}}
{{- define "kubespeech.pullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.image.pullSecrets }}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- range uniq $names }}
- name: {{ . }}
{{- end }}
{{- end }}

{{/* The port of a URL; that of its scheme where it names none. */}}
{{- define "kubespeech.urlPort" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}
