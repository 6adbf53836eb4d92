{{/* A pod of `helm test` that runs one of checks/ against the gateway: a dict of `root` and `check`. */}}
{{- define "kubespeech.test" -}}
{{- $test := dict "root" .root "name" "test" }}
{{- $gateway := dict "root" .root "name" "gateway" "values" .root.Values.gateway }}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "kubespeech.component.fullname" $test }}-{{ .check }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "kubespeech.component.labels" $test | nindent 4 }}
  annotations:
    helm.sh/hook: test
    # A pod that failed stays, to be looked at.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 180
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "kubespeech.pullSecrets" .root | trim }}
  imagePullSecrets: {{- . | nindent 4 }}
  {{- end }}
  securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 4 }}
  {{- with .root.Values.gateway.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.gateway.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .check }}
      {{- include "kubespeech.container" $gateway | nindent 6 }}
      command: [python, -c]
      args:
        - |
          {{- .root.Files.Get (printf "checks/%s.py" .check) | nindent 10 }}
      env:
        - {name: GATEWAY, value: "http://{{ include "kubespeech.component.fullname" $gateway }}:{{ .root.Values.gateway.service.port }}"}
        - {name: KEYS, value: {{ .root.Values.auth.existingSecret | quote }}}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {cpu: 500m, memory: 256Mi}
{{- end }}
