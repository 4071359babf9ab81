{{/* Labels of everything in this chart. */}}
{{- define "cdvm.labels" -}}
app.kubernetes.io/part-of: confidential-dvm
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Labels that select the pods of one program. */}}
{{- define "cdvm.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* What both programs' pods may do to their node: nothing. */}}
{{- define "cdvm.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "cdvm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Arguments both programs take. */}}
{{- define "cdvm.args" -}}
- --namespace={{ .Release.Namespace }}
- --key-file=/etc/cdvm/key/nsec
{{- range .Values.relays }}
- --relay={{ . }}
{{- end }}
{{- if .Values.allowPlainRelays }}
- --allow-plain-relays
{{- end }}
- --log={{ .Values.log }}
{{- end }}

{{/* Where their pods run. */}}
{{- define "cdvm.scheduling" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
