{{/* The settings file: what the operator set, and what follows from the rest of the values. */}}

{{/* Files and stores are the chart's business: where they are mounted is set here and nowhere else. */}}
{{- define "cpis-fhir.settings" -}}
{{- $v := .Values -}}
{{- $secrets := "/etc/cpis-fhir/secrets" -}}
{{- $s := dict "server" (dict "listen" "0.0.0.0:8080") "admin" (dict "listen" "0.0.0.0:9090") -}}
{{- $_ := set $s "fhir" (dict "id_key_file" (printf "%s/keys/%s" $secrets $v.keys.fhirId)) -}}
{{- $audit := dict "chain_key_file" (printf "%s/keys/%s" $secrets $v.keys.auditChain)
                   "encryption_key_file" (printf "%s/keys/%s" $secrets $v.keys.auditEncryption) -}}
{{- if include "cpis-fhir.isSqlite" . -}}
{{- $_ := set $audit "store" "sqlite:/var/lib/cpis-fhir/trail/audit.db" -}}
{{- if $v.trail.sqlite.head.separate -}}{{- $_ := set $audit "head_file" "/var/lib/cpis-fhir/head/audit.head" -}}{{- end -}}
{{- else -}}
{{- $_ := set $audit "store" $v.trail.postgres.url -}}
{{- if $v.trail.postgres.passwordSecret -}}
{{- $_ := set $audit "store_password_file" (printf "%s/postgres/%s" $secrets $v.trail.postgres.passwordKey) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $s "audit" $audit -}}
{{- if eq $v.lookup.store "redis" -}}
{{- $lookup := dict "store" $v.lookup.redis.url "store_key_file" (printf "%s/keys/%s" $secrets $v.keys.lookupStore) -}}
{{- if $v.lookup.redis.passwordSecret -}}
{{- $_ := set $lookup "store_password_file" (printf "%s/redis/%s" $secrets $v.lookup.redis.passwordKey) -}}
{{- end -}}
{{- $_ := set $s "lookup" $lookup -}}
{{- else -}}
{{- $lookup := dict "store" "memory" -}}
{{- if include "cpis-fhir.hasWindow" . | trim -}}{{- $_ := set $lookup "window_file" "/var/lib/cpis-fhir/window/lookup.window" -}}{{- end -}}
{{- $_ := set $s "lookup" $lookup -}}
{{- end -}}
{{- if $v.simulator.enabled -}}
{{- $_ := set $s "smsp" (dict "url" (printf "https://%s:9443/smsp/cpis" (include "cpis-fhir.simulatorName" .))
      "ca" (printf "%s/simulator/ca.pem" $secrets) "client_cert" (printf "%s/simulator/client.pem" $secrets)
      "client_key" (printf "%s/simulator/client-key.pem" $secrets)) -}}
{{- else -}}
{{- $client := $v.certificates.smspClient -}}
{{- $_ := set $s "smsp" (dict "ca" (printf "%s/smsp-ca/%s" $secrets $v.certificates.smspCa.file)
      "client_cert" (printf "%s/smsp-client/%s" $secrets $client.cert) "client_key" (printf "%s/smsp-client/%s" $secrets $client.key)) -}}
{{- end -}}
{{- range $name := list "server" "admin" -}}
{{- $from := index $v.certificates $name -}}
{{- if or $from.existingSecret (and (eq $name "server") $from.certManager.enabled) -}}
{{- $fromManager := and (eq $name "server") $from.certManager.enabled -}}
{{- $tls := dict "cert" (printf "%s/%s/%s" $secrets $name (ternary "tls.crt" $from.cert $fromManager))
                 "key" (printf "%s/%s/%s" $secrets $name (ternary "tls.key" $from.key $fromManager)) -}}
{{- if include "cpis-fhir.hasBundle" $from.clientCa -}}
{{- $_ := set $tls "client_ca" (printf "%s/%s-client-ca/%s" $secrets $name $from.clientCa.file) -}}
{{- end -}}
{{- $_ := set (index $s $name) "tls" $tls -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite (deepCopy $v.settings) $s | toJson -}}
{{- end -}}

{{/* TOML of a map: plain values first, then tables, then lists of tables. Takes `at` (the table's name) and `map`. Helm's own toToml
     writes 64 as 64.0, which is no whole number. */}}
{{- define "cpis-fhir.toml" -}}
{{- $at := .at -}}
{{- range $key, $value := .map -}}
{{- if not (or (kindIs "map" $value) (include "cpis-fhir.toml.isTables" $value) (kindIs "invalid" $value)) }}
{{ $key }} = {{ include "cpis-fhir.toml.value" $value }}
{{- end -}}
{{- end -}}
{{- range $key, $value := .map -}}
{{- $name := ternary $key (printf "%s.%s" $at $key) (eq $at "") -}}
{{- if and (kindIs "map" $value) $value }}

[{{ $name }}]
{{- include "cpis-fhir.toml" (dict "at" $name "map" $value) -}}
{{- else if include "cpis-fhir.toml.isTables" $value -}}
{{- range $value }}

[[{{ $name }}]]
{{- include "cpis-fhir.toml" (dict "at" $name "map" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cpis-fhir.toml.isTables" -}}
{{- if kindIs "slice" . -}}{{- if and . (kindIs "map" (first .)) -}}true{{- end -}}{{- end -}}
{{- end -}}

{{/* A JSON string is a TOML basic string. Every number of the settings is a whole one (the schema sees to it). */}}
{{- define "cpis-fhir.toml.value" -}}
{{- if kindIs "slice" . -}}
[{{- range $at, $item := . }}{{ if $at }}, {{ end }}{{ include "cpis-fhir.toml.value" $item }}{{ end -}}]
{{- else if or (kindIs "float64" .) (kindIs "int" .) (kindIs "int64" .) -}}
{{- printf "%d" (int64 .) -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
