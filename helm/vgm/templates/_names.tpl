{{/* What all names of a release begin with; the longest thing behind it has 20 characters. */}}
{{- define "vgm.name" -}}
{{- $name := ternary .Release.Name (printf "%s-vgm" .Release.Name) (contains "vgm" .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects pods; must not change in the life of a release. Takes root and component. */}}
{{- define "vgm.selector" -}}
app.kubernetes.io/name: vgm
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Takes root and component. */}}
{{- define "vgm.labels" -}}
{{ include "vgm.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "vgm.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "vgm.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "vgm.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{- define "vgm.dataset" -}}
{{- required "dataset: name the data set, such as --set dataset=flights" .Values.dataset -}}
{{- end -}}

{{/* The topic that a stage reads, and its group: as vgm names them unless the configuration says otherwise. Take root and component. */}}
{{- define "vgm.inputTopic" -}}
{{- $config := .root.Values.config -}}
{{- $section := get $config .component | default dict -}}
{{- $key := ternary "normalized-topic" "raw-topic" (eq .component "restore") -}}
{{- $suffix := ternary "normalized" "raw" (eq .component "restore") -}}
{{- get $section $key | default (get $config $key) | default (printf "%s.%s" (include "vgm.dataset" .root) $suffix) -}}
{{- end -}}
{{- define "vgm.group" -}}
{{- $section := get .root.Values.config .component | default dict -}}
{{- get $section "group" | default (printf "vgm.%s.%s" (include "vgm.dataset" .root) .component) -}}
{{- end -}}

{{/* The first eight digits of what decides a job: the same one is not run again, another one has another name. */}}
{{- define "vgm.jobHash" -}}
{{- toYaml . | sha256sum | trunc 8 -}}
{{- end -}}
