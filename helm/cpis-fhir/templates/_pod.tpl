{{/* The service's pod, the same in the StatefulSet and in the Deployment. */}}

{{/* The restricted pod security profile, and no writable root. Not a value: nothing in this program needs more. */}}
{{- define "cpis-fhir.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.security.uid }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}
{{- define "cpis-fhir.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The kubelet presents no certificate: where the admin listener wants one, health is asked at the FHIR port, which has it too. */}}
{{- define "cpis-fhir.probe" -}}
{{- $root := .root -}}
{{- $atFhir := include "cpis-fhir.hasBundle" $root.Values.certificates.admin.clientCa -}}
httpGet:
  path: {{ .path }}
  port: {{ ternary "fhir" "admin" (eq $atFhir "true") }}
  scheme: {{ ternary (include "cpis-fhir.serverScheme" $root) (include "cpis-fhir.adminScheme" $root) (eq $atFhir "true") }}
{{- end -}}

{{/* A folder of files from a Secret. With fsGroup the kubelet shows 0400 as 0440 of root and that group: the process itself cannot
     change them. */}}
{{- define "cpis-fhir.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0400
{{- end -}}
{{- define "cpis-fhir.bundleVolume" -}}
{{- if .bundle.existingSecret }}
{{- include "cpis-fhir.secretVolume" (dict "name" .name "secret" .bundle.existingSecret) }}
{{- else }}
- name: {{ .name }}
  configMap:
    name: {{ .bundle.existingConfigMap }}
    defaultMode: 0444
{{- end }}
{{- end -}}

{{/* Names of the volumes under /etc/cpis-fhir/secrets, as a list in JSON. Whole folders, never subPath: a changed Secret must arrive. */}}
{{- define "cpis-fhir.secretFolders" -}}
{{- $v := .Values -}}
{{- $names := list "keys" -}}
{{- if $v.simulator.enabled -}}{{- $names = append $names "simulator" -}}{{- else -}}{{- $names = concat $names (list "smsp-client" "smsp-ca") -}}{{- end -}}
{{- if include "cpis-fhir.serverSecret" . -}}{{- $names = append $names "server" -}}{{- end -}}
{{- if include "cpis-fhir.hasBundle" $v.certificates.server.clientCa -}}{{- $names = append $names "server-client-ca" -}}{{- end -}}
{{- if $v.certificates.admin.existingSecret -}}{{- $names = append $names "admin" -}}{{- end -}}
{{- if include "cpis-fhir.hasBundle" $v.certificates.admin.clientCa -}}{{- $names = append $names "admin-client-ca" -}}{{- end -}}
{{- if include "cpis-fhir.hasBundle" $v.certificates.trust -}}{{- $names = append $names "trust" -}}{{- end -}}
{{- if and (eq $v.trail.store "postgres") $v.trail.postgres.passwordSecret -}}{{- $names = append $names "postgres" -}}{{- end -}}
{{- if and (eq $v.lookup.store "redis") $v.lookup.redis.passwordSecret -}}{{- $names = append $names "redis" -}}{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{- define "cpis-fhir.volumes" -}}
{{- $v := .Values -}}
{{- $root := . -}}
- name: settings
  configMap:
    name: {{ include "cpis-fhir.fullname" . }}
    defaultMode: 0444
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- range $name := include "cpis-fhir.secretFolders" . | fromJsonArray }}
{{- if eq $name "keys" }}
- name: keys
  secret:
    secretName: {{ include "cpis-fhir.keysSecret" $root }}
    defaultMode: 0400
    items:
      {{- range $key := (list $v.keys.auditChain $v.keys.auditEncryption $v.keys.fhirId) }}
      - {key: {{ $key }}, path: {{ $key }}}
      {{- end }}
      {{- if eq $v.lookup.store "redis" }}
      - {key: {{ $v.keys.lookupStore }}, path: {{ $v.keys.lookupStore }}}
      {{- end }}
{{- else if eq $name "simulator" }}
- name: simulator
  secret:
    secretName: {{ include "cpis-fhir.simulatorName" $root }}
    defaultMode: 0400
    items:
      - {key: ca.pem, path: ca.pem}
      - {key: client.pem, path: client.pem}
      - {key: client-key.pem, path: client-key.pem}
{{- else if eq $name "smsp-client" }}
{{ include "cpis-fhir.secretVolume" (dict "name" $name "secret" $v.certificates.smspClient.existingSecret) }}
{{- else if eq $name "smsp-ca" }}
{{ include "cpis-fhir.bundleVolume" (dict "name" $name "bundle" $v.certificates.smspCa) | trim }}
{{- else if eq $name "server" }}
{{ include "cpis-fhir.secretVolume" (dict "name" $name "secret" (include "cpis-fhir.serverSecret" $root)) }}
{{- else if eq $name "server-client-ca" }}
{{ include "cpis-fhir.bundleVolume" (dict "name" $name "bundle" $v.certificates.server.clientCa) | trim }}
{{- else if eq $name "admin" }}
{{ include "cpis-fhir.secretVolume" (dict "name" $name "secret" $v.certificates.admin.existingSecret) }}
{{- else if eq $name "admin-client-ca" }}
{{ include "cpis-fhir.bundleVolume" (dict "name" $name "bundle" $v.certificates.admin.clientCa) | trim }}
{{- else if eq $name "trust" }}
{{ include "cpis-fhir.bundleVolume" (dict "name" $name "bundle" $v.certificates.trust) | trim }}
{{- else if eq $name "postgres" }}
{{ include "cpis-fhir.secretVolume" (dict "name" $name "secret" $v.trail.postgres.passwordSecret) }}
{{- else if eq $name "redis" }}
{{ include "cpis-fhir.secretVolume" (dict "name" $name "secret" $v.lookup.redis.passwordSecret) }}
{{- end }}
{{- end }}
{{- if include "cpis-fhir.hasWindow" . | trim }}
- name: window
  emptyDir: {sizeLimit: 512Mi}
{{- end }}
{{- if include "cpis-fhir.isSqlite" . }}
- name: trail
  persistentVolumeClaim:
    claimName: {{ $v.trail.sqlite.existingClaim | default (printf "%s-trail" (include "cpis-fhir.fullname" .)) }}
{{- if $v.trail.sqlite.head.separate }}
- name: head
  persistentVolumeClaim:
    claimName: {{ $v.trail.sqlite.head.existingClaim | default (printf "%s-trail-head" (include "cpis-fhir.fullname" .)) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "cpis-fhir.pod" -}}
{{- $v := .Values -}}
metadata:
  labels:
    {{- include "cpis-fhir.labels" . | nindent 4 }}
    app.kubernetes.io/component: service
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # Settings are read at the start, so a change of them makes new pods. Certificates are read again while it runs.
    checksum/settings: {{ include "cpis-fhir.settings" . | sha256sum }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "cpis-fhir.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext: {{- include "cpis-fhir.podSecurityContext" . | nindent 4 }}
  terminationGracePeriodSeconds: {{ int $v.shutdown.gracePeriodSeconds }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  containers:
    - name: cpis-fhir
      image: {{ include "cpis-fhir.image" . | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [serve, --config, /etc/cpis-fhir/cpis-fhir.toml]
      securityContext: {{- include "cpis-fhir.containerSecurityContext" . | nindent 8 }}
      env:
        - name: OTEL_SERVICE_NAME
          value: {{ get $v.otel "OTEL_SERVICE_NAME" | default "cpis-fhir" | quote }}
        {{- range $name, $value := omit $v.otel "OTEL_SERVICE_NAME" }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
        {{- if include "cpis-fhir.hasBundle" $v.certificates.trust }}
        - name: SSL_CERT_FILE
          value: /etc/cpis-fhir/secrets/trust/{{ $v.certificates.trust.file }}
        {{- end }}
      ports:
        - {name: fhir, containerPort: 8080}
        - {name: admin, containerPort: 9090}
      # Ready in milliseconds; a minute for a trail that must be looked through after a crash.
      startupProbe:
        {{- include "cpis-fhir.probe" (dict "root" . "path" "/health/live") | nindent 8 }}
        periodSeconds: 1
        failureThreshold: 60
        timeoutSeconds: 2
      livenessProbe:
        {{- include "cpis-fhir.probe" (dict "root" . "path" "/health/live") | nindent 8 }}
        periodSeconds: 10
        # Slow to kill: a pod that is ended in the middle of a look leaves a look of which nobody knows whether CP-IS heard it.
        failureThreshold: 6
        timeoutSeconds: 5
      readinessProbe:
        {{- include "cpis-fhir.probe" (dict "root" . "path" "/health/ready") | nindent 8 }}
        periodSeconds: 3
        failureThreshold: 2
        timeoutSeconds: 2
      {{- if gt (int $v.shutdown.preStopSeconds) 0 }}
      # Gateways need a moment to learn that this pod is going; until then it still answers.
      lifecycle:
        preStop:
          sleep: {seconds: {{ int $v.shutdown.preStopSeconds }}}
      {{- end }}
      resources: {{- toYaml $v.resources | nindent 8 }}
      volumeMounts:
        - {name: settings, mountPath: /etc/cpis-fhir/cpis-fhir.toml, subPath: cpis-fhir.toml, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if include "cpis-fhir.hasWindow" . | trim }}
        - {name: window, mountPath: /var/lib/cpis-fhir/window}
        {{- end }}
        {{- range include "cpis-fhir.secretFolders" . | fromJsonArray }}
        - {name: {{ . }}, mountPath: /etc/cpis-fhir/secrets/{{ . }}, readOnly: true}
        {{- end }}
        {{- if include "cpis-fhir.isSqlite" . }}
        - {name: trail, mountPath: /var/lib/cpis-fhir/trail}
        {{- if $v.trail.sqlite.head.separate }}
        - {name: head, mountPath: /var/lib/cpis-fhir/head}
        {{- end }}
        {{- end }}
  volumes: {{- include "cpis-fhir.volumes" . | nindent 4 }}
  {{- with $v.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $v.topologySpread.enabled (include "cpis-fhir.isSeveral" .) }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $v.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{- include "cpis-fhir.service.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
{{- end -}}
