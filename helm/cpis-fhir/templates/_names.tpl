{{/* Names and labels. */}}

{{- define "cpis-fhir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that a suffix still fits into a DNS label. */}}
{{- define "cpis-fhir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "cpis-fhir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cpis-fhir.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cpis-fhir.selector" -}}
app.kubernetes.io/name: {{ include "cpis-fhir.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The service's own pods: neither the simulator's nor those of `helm test`. */}}
{{- define "cpis-fhir.service.selector" -}}
{{ include "cpis-fhir.selector" . }}
app.kubernetes.io/component: service
{{- end -}}

{{- define "cpis-fhir.labels" -}}
{{ include "cpis-fhir.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- if .Values.simulator.enabled }}
cpis-fhir/rehearsal: "true"
{{- end }}
{{- end -}}

{{- define "cpis-fhir.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "cpis-fhir.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "cpis-fhir.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Objects that the values name or the chart makes. */}}
{{- define "cpis-fhir.keysSecret" -}}
{{- .Values.keys.existingSecret | default (printf "%s-rehearsal-keys" (include "cpis-fhir.fullname" .)) -}}
{{- end -}}
{{- define "cpis-fhir.simulatorName" -}}
{{ include "cpis-fhir.fullname" . }}-simulator
{{- end -}}
{{- define "cpis-fhir.serverSecret" -}}
{{- if .Values.certificates.server.certManager.enabled -}}
{{ include "cpis-fhir.fullname" . }}-server-tls
{{- else -}}
{{ .Values.certificates.server.existingSecret }}
{{- end -}}
{{- end -}}

{{/* "true" or nothing. */}}
{{- define "cpis-fhir.isSqlite" -}}{{ if eq .Values.trail.store "sqlite" }}true{{ end }}{{- end -}}

{{/* Whether what is shared in memory outlives a restart of the container in a volume of its own: beside an SQLite trail it needs none. */}}
{{- define "cpis-fhir.hasWindow" -}}
{{ if and (eq .Values.lookup.store "memory") (not (include "cpis-fhir.isSqlite" .)) }}true{{ end }}
{{- end -}}
{{/* Where something else owns the number (`replicas: null`), it may be more than one. */}}
{{- define "cpis-fhir.isSeveral" -}}
{{- $isUnknown := and (kindIs "invalid" .Values.replicas) (not .Values.autoscaling.enabled) -}}
{{ if or $isUnknown (gt (int .Values.replicas) 1) (and .Values.autoscaling.enabled (gt (int .Values.autoscaling.maxReplicas) 1)) }}true{{ end }}
{{- end -}}
{{- define "cpis-fhir.hasBundle" -}}{{ if or .existingSecret .existingConfigMap }}true{{ end }}{{- end -}}
{{- define "cpis-fhir.serverScheme" -}}{{ ternary "HTTPS" "HTTP" (ne (include "cpis-fhir.serverSecret" .) "") }}{{- end -}}
{{- define "cpis-fhir.adminScheme" -}}{{ ternary "HTTPS" "HTTP" (ne .Values.certificates.admin.existingSecret "") }}{{- end -}}
{{/* `helm test` has no certificate to show. */}}
{{- define "cpis-fhir.hasTest" -}}
{{ if and .Values.tests.enabled (not (include "cpis-fhir.hasBundle" .Values.certificates.admin.clientCa)) }}true{{ end }}
{{- end -}}
