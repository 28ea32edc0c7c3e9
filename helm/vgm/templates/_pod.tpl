{{/*
The pod of a component. Takes root, component, args, resources, restartPolicy, and for a stage isStage: it then serves metrics and
probes, and hears its name if isNamed.
*/}}
{{- define "vgm.pod" -}}
{{- $root := .root -}}
{{- $pods := .root.Values.pods -}}
{{- $secrets := (include "vgm.secretVolumes" .root | fromYaml).volumes -}}
metadata:
  annotations:
    # A pod reads its configuration once: another one needs other pods.
    checksum/config: {{ include "vgm.config" .root | sha256sum }}
    {{- with $pods.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "vgm.labels" . | nindent 4 }}
    {{- with $pods.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "vgm.serviceAccount" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: {{ .restartPolicy }}
  terminationGracePeriodSeconds: {{ $pods.terminationGracePeriodSeconds }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  # The restricted profile of Kubernetes' pod security standards.
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    # Secrets are readable by this group only.
    fsGroup: 1000
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .component }}
      image: {{ include "vgm.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args:
        {{- range .args }}
        - {{ . | quote }}
        {{- end }}
      env:
        {{- if .isNamed }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- if .isStage }}
        - name: VGM_HTTP
          value: "0.0.0.0:{{ $root.Values.http.port }}"
        # The rest of the grace period is for what comes before the signal and after it.
        - name: VGM_GRACE_MS
          value: {{ mul (sub $pods.terminationGracePeriodSeconds 5) 1000 | quote }}
        {{- end }}
        {{- include "vgm.securityEnv" $root | nindent 8 }}
        {{- with $pods.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $pods.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .isStage }}
      ports:
        - name: http
          containerPort: {{ $root.Values.http.port }}
          protocol: TCP
      # Brokers and registry may be long in coming; until then a stage waits, and is alive.
      startupProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: ["ALL"]
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/vgm/config
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- range $secrets }}
        - name: {{ .name }}
          mountPath: /etc/vgm/{{ .name }}
          readOnly: true
        {{- end }}
        {{- with $pods.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "vgm.name" .root }}
    - name: tmp
      emptyDir: {}
    {{- range $secrets }}
    - name: {{ .name }}
      secret:
        secretName: {{ .secret }}
        defaultMode: 0440
    {{- end }}
    {{- with $pods.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if and .isStage $pods.topologySpread.enabled }}
  topologySpreadConstraints:
    - maxSkew: {{ $pods.topologySpread.maxSkew }}
      topologyKey: {{ $pods.topologySpread.topologyKey }}
      whenUnsatisfiable: {{ $pods.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "vgm.selector" . | nindent 10 }}
  {{- end }}
  {{- with $pods.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pods.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pods.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pods.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end -}}
