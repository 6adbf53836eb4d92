{{/* What the init container looks for: JSON of the model's values with all names. */}}
{{- define "kubespeech.model" -}}
{{- $names := .values.model.names }}
{{- if and (not $names) .needed (not (hasPrefix "/" .name)) }}{{ $names = list .name }}{{ end }}
{{- merge (dict "names" $names) .values.model | toJson }}
{{- end }}
