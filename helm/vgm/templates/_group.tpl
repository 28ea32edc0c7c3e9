{{/*
The pods of a consumer group. Takes root, component and args. In a StatefulSet a pod's name outlives it, and so does its membership:
a pod that restarts within 10 s gets its partitions back and nobody else is disturbed.
*/}}
{{- define "vgm.groupWorkload" -}}
{{- $values := get .root.Values .component -}}
{{- $isNamed := eq $values.kind "StatefulSet" -}}
{{- $args := concat (list .component "--config" "/etc/vgm/config/vgm.yaml" "--members" (toString $values.members)) .args -}}
{{- if $isNamed }}{{ $args = concat $args (list "--instance" "$(POD_NAME)") }}{{ end -}}
{{- $stage := dict "root" .root "component" .component "restartPolicy" "Always" "isStage" true "isNamed" $isNamed
  "args" (concat $args $values.extraArgs) "resources" $values.resources -}}
apiVersion: apps/v1
kind: {{ $values.kind }}
metadata:
  name: {{ include "vgm.name" .root }}-{{ .component }}
  labels:
    {{- include "vgm.labels" $stage | nindent 4 }}
spec:
  {{- if eq $values.autoscaling.kind "none" }}
  replicas: {{ $values.replicas }}
  {{- end }}
  {{- if $isNamed }}
  serviceName: {{ include "vgm.name" .root }}-{{ .component }}
  podManagementPolicy: Parallel
  {{- else }}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  {{- end }}
  selector:
    matchLabels:
      {{- include "vgm.selector" $stage | nindent 6 }}
  template:
    {{- include "vgm.pod" $stage | nindent 4 }}
{{- end -}}

{{/* What follows the load of a consumer group. Takes root and component. */}}
{{- define "vgm.groupAutoscaling" -}}
{{- $values := get .root.Values .component -}}
{{- $name := printf "%s-%s" (include "vgm.name" .root) .component -}}
{{- $kafka := .root.Values.kafka -}}
{{- if eq $values.autoscaling.kind "hpa" }}
{{- if lt (int $values.autoscaling.minReplicas) 1 }}
{{- fail (printf "%s.autoscaling.minReplicas: hpa keeps one pod at least; keda can go down to 0" .component) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels:
    {{- include "vgm.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ $values.kind }}
    name: {{ $name }}
  minReplicas: {{ $values.autoscaling.minReplicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $values.autoscaling.targetCpuPercent }}
  behavior:
    # Each change of size is a rebalance of the whole group.
    scaleDown:
      stabilizationWindowSeconds: 300
{{- else if eq $values.autoscaling.kind "keda" }}
{{- $isSecured := or $kafka.tls.existingSecret (hasPrefix "SASL" $kafka.securityProtocol) }}
{{- if and (hasPrefix "SASL" $kafka.securityProtocol) $kafka.sasl.tokenKey }}
{{- fail "kafka.sasl.tokenKey: KEDA cannot log in with a token that it is given; use kafka.sasl.tokenEndpoint, or autoscaling by hpa" }}
{{- end }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels:
    {{- include "vgm.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ $values.kind }}
    name: {{ $name }}
  minReplicaCount: {{ $values.autoscaling.minReplicas }}
  maxReplicaCount: {{ $values.autoscaling.maxReplicas }}
  pollingInterval: 15
  # Each change of size is a rebalance of the whole group.
  cooldownPeriod: 300
  triggers:
    - type: kafka
      metadata:
        bootstrapServers: {{ $kafka.brokers | quote }}
        consumerGroup: {{ include "vgm.group" . | quote }}
        topic: {{ include "vgm.inputTopic" . | quote }}
        lagThreshold: {{ $values.autoscaling.lagThreshold | int64 | quote }}
        # A group that has committed nothing yet is behind by all that the topic holds.
        offsetResetPolicy: earliest
        scaleToZeroOnInvalidOffset: "false"
        allowIdleConsumers: "false"
        {{- if hasSuffix "SSL" $kafka.securityProtocol }}
        tls: enable
        {{- end }}
        {{- if hasPrefix "SASL" $kafka.securityProtocol }}
        {{- $mechanisms := dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512" "OAUTHBEARER" "oauthbearer" }}
        sasl: {{ get $mechanisms $kafka.sasl.mechanism }}
        {{- end }}
      {{- if $isSecured }}
      authenticationRef:
        name: {{ $name }}
      {{- end }}
{{- if $isSecured }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ $name }}
  labels:
    {{- include "vgm.labels" . | nindent 4 }}
spec:
  secretTargetRef:
    {{- with $kafka.tls }}
    {{- if .existingSecret }}
    {{- range $parameter, $key := dict "ca" .caKey "cert" .certKey "key" .privateKeyKey "keyPassword" .passphraseKey }}
    {{- if $key }}
    - parameter: {{ $parameter }}
      name: {{ $kafka.tls.existingSecret }}
      key: {{ $key }}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if hasPrefix "SASL" $kafka.securityProtocol }}
    {{- range $parameter, $key := dict "username" $kafka.sasl.usernameKey "password" $kafka.sasl.passwordKey }}
    - parameter: {{ $parameter }}
      name: {{ $kafka.sasl.existingSecret }}
      key: {{ $key }}
    {{- end }}
    {{- end }}
  {{- if and (hasPrefix "SASL" $kafka.securityProtocol) $kafka.sasl.tokenEndpoint }}
  configMapTargetRef:
    - parameter: oauthTokenEndpointUri
      name: {{ include "vgm.name" .root }}
      key: token-endpoint
    {{- if $kafka.sasl.scope }}
    - parameter: scopes
      name: {{ include "vgm.name" .root }}
      key: token-scope
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How many pods of a consumer group may go at once by will of an administrator. Takes root and component. */}}
{{- define "vgm.groupDisruptionBudget" -}}
{{- $budget := (get .root.Values .component).podDisruptionBudget -}}
{{- if $budget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "vgm.name" .root }}-{{ .component }}
  labels:
    {{- include "vgm.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "vgm.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
