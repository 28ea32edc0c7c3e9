{{/* One name for everything of a release, within Kubernetes' 63 characters. */}}
{{- define "vgm.name" -}}
{{- printf "%s-normalize" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects the pods; must not change in the life of a release. */}}
{{- define "vgm.selector" -}}
app.kubernetes.io/name: vgm
app.kubernetes.io/component: normalize
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vgm.labels" -}}
{{ include "vgm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
