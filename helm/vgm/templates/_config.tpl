{{/* What `vgm --config` reads. */}}
{{- define "vgm.config" -}}
{{- $ours := dict
  "brokers" (required "kafka.brokers: give the bootstrap servers" .Values.kafka.brokers)
  "registry" (required "schemaRegistry.url: give the registry's base" .Values.schemaRegistry.url)
  "dataset" (include "vgm.dataset" .)
  "models-topic" .Values.modelsTopic
  "log-level" .Values.logLevel -}}
{{- toYaml (mergeOverwrite $ours (deepCopy .Values.config)) -}}
{{- end -}}

{{/* What is known of the cluster beyond its address: secrets as files, of which the variables say where they are. */}}
{{- define "vgm.securityEnv" -}}
{{- $kafka := .Values.kafka -}}
{{- $tls := $kafka.tls -}}
{{- $sasl := $kafka.sasl -}}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if $tls.existingSecret }}
{{- include "vgm.tlsEnv" (dict "prefix" "KAFKA_TLS" "folder" "/etc/vgm/kafka-tls" "tls" $tls) }}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: KAFKA_SASL_MECHANISM
  value: {{ required "kafka.sasl.mechanism: say how to log in" $sasl.mechanism }}
{{- if not $sasl.tokenKey }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ required "kafka.sasl.existingSecret: name the secret with user and password" $sasl.existingSecret }}
      key: {{ $sasl.usernameKey }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: /etc/vgm/kafka-sasl/{{ $sasl.passwordKey }}
{{- else }}
- name: KAFKA_SASL_TOKEN_FILE
  value: /etc/vgm/kafka-sasl/{{ $sasl.tokenKey }}
{{- end }}
{{- with $sasl.tokenEndpoint }}
- name: KAFKA_SASL_TOKEN_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with $sasl.scope }}
- name: KAFKA_SASL_SCOPE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with .Values.schemaRegistry }}
{{- if .auth.existingSecret }}
{{- if .auth.tokenKey }}
- name: SCHEMA_REGISTRY_TOKEN_FILE
  value: /etc/vgm/registry-auth/{{ .auth.tokenKey }}
{{- else }}
- name: SCHEMA_REGISTRY_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .auth.existingSecret }}
      key: {{ .auth.usernameKey }}
- name: SCHEMA_REGISTRY_PASSWORD_FILE
  value: /etc/vgm/registry-auth/{{ .auth.passwordKey }}
{{- end }}
{{- end }}
{{- if .tls.existingSecret }}
{{- include "vgm.tlsEnv" (dict "prefix" "SCHEMA_REGISTRY_TLS" "folder" "/etc/vgm/registry-tls" "tls" .tls) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "vgm.tlsEnv" -}}
{{- $folder := .folder -}}
{{- $prefix := .prefix -}}
{{- with .tls.caKey }}
- name: {{ $prefix }}_CA
  value: {{ $folder }}/{{ . }}
{{- end }}
{{- with .tls.certKey }}
- name: {{ $prefix }}_CERT
  value: {{ $folder }}/{{ . }}
{{- end }}
{{- with .tls.privateKeyKey }}
- name: {{ $prefix }}_KEY
  value: {{ $folder }}/{{ . }}
{{- end }}
{{- with .tls.passphraseKey }}
- name: {{ $prefix }}_PASSPHRASE_FILE
  value: {{ $folder }}/{{ . }}
{{- end }}
{{- end -}}

{{/* The secrets that are mounted, a volume each: name and secret. */}}
{{- define "vgm.secretVolumes" -}}
{{- $volumes := list -}}
{{- with .Values.kafka.tls.existingSecret }}{{- $volumes = append $volumes (dict "name" "kafka-tls" "secret" .) }}{{- end -}}
{{- if hasPrefix "SASL" .Values.kafka.securityProtocol }}
{{- with .Values.kafka.sasl.existingSecret }}{{- $volumes = append $volumes (dict "name" "kafka-sasl" "secret" .) }}{{- end -}}
{{- end -}}
{{- with .Values.schemaRegistry.auth.existingSecret }}{{- $volumes = append $volumes (dict "name" "registry-auth" "secret" .) }}{{- end -}}
{{- with .Values.schemaRegistry.tls.existingSecret }}{{- $volumes = append $volumes (dict "name" "registry-tls" "secret" .) }}{{- end -}}
{{- toYaml (dict "volumes" $volumes) -}}
{{- end -}}
