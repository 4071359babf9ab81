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

{{/* Arguments of the operator, and of what takes its place while the chart is uninstalled. */}}
{{- define "cdvm.operatorArgs" -}}
- --agent-image={{ .Values.images.agent }}
- --runtime-class={{ .Values.runtimeClass }}
{{- include "cdvm.brokerArgs" . }}
{{- end }}

{{/* Rights of the operator, each with the action that needs it. */}}
{{- define "cdvm.operatorRules" -}}
# Watch the jobs.
- apiGroups: [cdvm.dev]
  resources: [confidentialjobs]
  verbs: [list, watch]
# Record, RecordAnnounced.
- apiGroups: [cdvm.dev]
  resources: [confidentialjobs/status]
  verbs: [update]
# CreatePod: whoever deletes the job in the foreground waits for its pod. Needed where
# the admission plugin OwnerReferencesPermissionEnforcement is on.
- apiGroups: [cdvm.dev]
  resources: [confidentialjobs/finalizers]
  verbs: [update]
# Watch the services.
- apiGroups: [cdvm.dev]
  resources: [confidentialservices]
  verbs: [list, watch]
# Record a service's offer.
- apiGroups: [cdvm.dev]
  resources: [confidentialservices/status]
  verbs: [update]
# Observe (list), be woken (watch), CreatePod, DeletePod.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, create, delete]
# Observe: a refused sandbox shows in an event and nowhere else.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# Say why: `kubectl describe` shows the whole life.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Observe: whether this namespace is being deleted.
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [{{ .Release.Namespace }}]
  verbs: [get]
{{- with .Values.broker.jobSecretNames }}
# Grant: the secrets of single jobs, and no other.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{- toYaml . | nindent 2 }}
  verbs: [get]
{{- end }}
{{- end }}

{{/* The key broker of the operator, and of what takes its place while the chart is uninstalled. */}}
{{- define "cdvm.brokerArgs" -}}
{{- if .Values.broker.url }}
- --broker-url={{ .Values.broker.url }}
- --broker-admin-key=/etc/cdvm/broker-key/key.pem
- --broker-issuer={{ .Values.broker.issuer }}
- --broker-audience={{ .Values.broker.audience }}
- --broker-role={{ .Values.broker.role }}
{{- if .Values.broker.certificate }}
- --broker-certificate=/etc/cdvm/broker/certificate.pem
{{- end }}
{{- end }}
{{- end }}

{{- define "cdvm.brokerMounts" -}}
{{- if .Values.broker.url }}
- { name: broker-key, mountPath: /etc/cdvm/broker-key, readOnly: true }
{{- if .Values.broker.certificate }}
- { name: broker, mountPath: /etc/cdvm/broker, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- define "cdvm.brokerVolumes" -}}
{{- if .Values.broker.url }}
- name: broker-key
  secret:
    secretName: {{ .Values.broker.adminKeySecret }}
    defaultMode: 0440
    # Without it the program says so; the kubelet would wait for it in silence.
    optional: true
    items: [{ key: key.pem, path: key.pem }]
{{- if .Values.broker.certificate }}
- name: broker
  configMap: { name: {{ .Release.Name }}-broker }
{{- end }}
{{- end }}
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

{{/* What runs before the chart is uninstalled, in this order. */}}
{{- define "cdvm.drainHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
