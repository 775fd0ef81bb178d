{{/* Every template begins with this. Helm takes a value that is null out of .Values, after which `int` makes 0 of it and `toYaml` "null"; this
     puts the defaults in its place, but for a value of which null says something, unless its whole section is null. Only whole values are
     looked at: `resources.limits.memory: null` goes on meaning no limit. */}}
{{- define "cpis-fhir.fill" -}}
{{- $nullable := include "cpis-fhir.nullable" . | fromJsonArray -}}
{{- $made := dict -}}
{{- range $path, $default := include "cpis-fhir.defaults" . | fromJson -}}
{{- $at := $.Values -}}
{{- $section := "" -}}
{{- $parts := splitList "." $path -}}
{{- range $name := initial $parts -}}
{{- $section = printf "%s.%s" $section $name -}}
{{- if kindIs "invalid" (index $at $name) -}}
{{- $_ := set $at $name dict -}}
{{- $_ := set $made $section true -}}
{{- end -}}
{{- $at = index $at $name -}}
{{- end -}}
{{- if and (kindIs "invalid" (index $at (last $parts))) (or (not (has $path $nullable)) (hasKey $made $section)) -}}
{{- $_ := set $at (last $parts) $default -}}
{{- end -}}
{{- end -}}
{{- end -}}
