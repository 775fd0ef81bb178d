{{/* What the schema cannot say in words, or cannot see. Every fault is named at once. It repeats the schema where a trail or a notification
     is at stake, since `--skip-schema-validation` exists. */}}
{{- define "cpis-fhir.validate" -}}
{{- $v := .Values -}}
{{- $s := $v.settings -}}
{{- $several := include "cpis-fhir.isSeveral" . -}}
{{- $sqlite := include "cpis-fhir.isSqlite" . -}}
{{- $modes := dig "access" "modes" (list "bearer") $s -}}
{{- $issuers := dig "access" "issuers" (list) $s -}}
{{- $serverTls := include "cpis-fhir.serverSecret" . -}}
{{- $serverCa := include "cpis-fhir.hasBundle" $v.certificates.server.clientCa -}}
{{- $adminCa := include "cpis-fhir.hasBundle" $v.certificates.admin.clientCa -}}
{{- $faults := list -}}

{{- if not $v.enabled -}}
{{- $faults = append $faults "enabled is false, and no condition was read: the chart that has this one as a dependency lacks condition: cpis-fhir.enabled" -}}
{{- end -}}
{{- if not $v.image.repository -}}
{{- $faults = append $faults "image.repository is missing: there is no public image; build one with the Dockerfile and name your registry's" -}}
{{- end -}}

{{- /* the trail */ -}}
{{- if not (has $v.trail.store (list "sqlite" "postgres")) -}}
{{- $faults = append $faults "trail.store must be sqlite or postgres" -}}
{{- end -}}
{{- if and $sqlite $v.autoscaling.enabled -}}
{{- $faults = append $faults "autoscaling.enabled needs trail.store: postgres: a SQLite trail has one writer, and a second pod would break its chain" -}}
{{- end -}}
{{- if and $sqlite (gt (int $v.replicas) 1) -}}
{{- $faults = append $faults (printf "replicas is %d, and trail.store is sqlite: a SQLite trail has one writer, and a second pod would break its chain; wanted replicas: 1, or trail.store: postgres" (int $v.replicas)) -}}
{{- end -}}
{{- if and $sqlite (kindIs "invalid" $v.replicas) -}}
{{- $faults = append $faults "replicas is null, and trail.store is sqlite: whatever else owns the number of pods could start a second one, which would break the trail's chain; wanted replicas: 1, or trail.store: postgres" -}}
{{- end -}}
{{- if and $several (ne $v.lookup.store "redis") (not $v.lookup.acknowledgeOneQueryPerReplica) -}}
{{- $faults = append $faults "several pods without Redis: one look could notify a social worker once for each pod; wanted lookup.store: redis, or lookup.acknowledgeOneQueryPerReplica: true if that is known and accepted" -}}
{{- end -}}
{{- if not $sqlite -}}
{{- if not $v.trail.postgres.url -}}
{{- $faults = append $faults "trail.postgres.url is missing: trail.store is postgres" -}}
{{- else if regexMatch "^[a-z]+://[^/@]*:[^/@]*@" $v.trail.postgres.url -}}
{{- $faults = append $faults "trail.postgres.url holds a password; wanted it in a Secret (trail.postgres.passwordSecret)" -}}
{{- end -}}
{{- end -}}
{{- if eq $v.lookup.store "redis" -}}
{{- if not $v.lookup.redis.url -}}
{{- $faults = append $faults "lookup.redis.url is missing: lookup.store is redis" -}}
{{- else if regexMatch "^[a-z]+://[^/@]*:[^/@]*@" $v.lookup.redis.url -}}
{{- $faults = append $faults "lookup.redis.url holds a password; wanted it in a Secret (lookup.redis.passwordSecret)" -}}
{{- end -}}
{{- end -}}
{{- if not (or $v.keys.existingSecret $v.simulator.enabled) -}}
{{- $faults = append $faults "keys.existingSecret is missing: the trail is sealed and encrypted with keys that must outlive this release (openssl rand -hex 32 makes one)" -}}
{{- end -}}

{{- /* the SMSP */ -}}
{{- if $v.simulator.enabled -}}
{{- if dig "smsp" "url" "" $s -}}
{{- $faults = append $faults "settings.smsp.url is set, and simulator.enabled is true: a rehearsal asks the simulator and nothing else" -}}
{{- end -}}
{{- if or $v.certificates.smspClient.existingSecret (include "cpis-fhir.hasBundle" $v.certificates.smspCa) -}}
{{- $faults = append $faults "certificates.smspClient or smspCa is set, and simulator.enabled is true: a rehearsal holds no certificate for the real SMSP" -}}
{{- end -}}
{{- else -}}
{{- if not (dig "smsp" "url" "" $s) -}}
{{- $faults = append $faults "settings.smsp.url is missing: the address of the Spine mini service" -}}
{{- end -}}
{{- if not $v.certificates.smspClient.existingSecret -}}
{{- $faults = append $faults "certificates.smspClient.existingSecret is missing: the client certificate for the SMSP" -}}
{{- end -}}
{{- if not (include "cpis-fhir.hasBundle" $v.certificates.smspCa) -}}
{{- $faults = append $faults "certificates.smspCa.existingSecret or existingConfigMap is missing: the CAs that may have signed the SMSP's certificate" -}}
{{- end -}}
{{- end -}}
{{- if not (dig "smsp" "sender_ods" "" $s) -}}
{{- $faults = append $faults "settings.smsp.sender_ods is missing: the ODS code in whose name CP-IS is asked" -}}
{{- end -}}

{{- /* who may ask */ -}}
{{- if has "demo" $modes -}}
{{- $faults = append $faults "settings.access.modes holds demo, which asks nobody who they are and listens on loopback only: not in a cluster" -}}
{{- end -}}
{{- if and (has "bearer" $modes) (not $issuers) -}}
{{- $faults = append $faults "settings.access.issuers is missing: access.modes holds bearer (the default), so tokens need an issuer that is believed" -}}
{{- end -}}
{{- if and (has "gateway" $modes) (not (and $serverTls $serverCa)) -}}
{{- $faults = append $faults "settings.access.modes holds gateway: the gateway is known by its certificate, so certificates.server and certificates.server.clientCa are needed" -}}
{{- end -}}
{{- if not (or $serverTls $v.certificates.acknowledgePlainHttp) -}}
{{- $faults = append $faults "certificates.server is missing: tokens and NHS numbers would cross the cluster unencrypted; wanted existingSecret or certManager.enabled, or certificates.acknowledgePlainHttp: true where a mesh encrypts" -}}
{{- end -}}
{{- if and $v.certificates.server.existingSecret $v.certificates.server.certManager.enabled -}}
{{- $faults = append $faults "certificates.server has existingSecret and certManager.enabled; wanted one of the two" -}}
{{- end -}}
{{- if and $v.certificates.server.certManager.enabled (not $v.certificates.server.certManager.issuerRef.name) -}}
{{- $faults = append $faults "certificates.server.certManager.issuerRef.name is missing" -}}
{{- end -}}
{{- if and $serverCa (not $serverTls) -}}
{{- $faults = append $faults "certificates.server.clientCa is set without a certificate of the server" -}}
{{- end -}}
{{- if and $adminCa (not $v.certificates.admin.existingSecret) -}}
{{- $faults = append $faults "certificates.admin.clientCa is set without certificates.admin.existingSecret" -}}
{{- end -}}
{{- if and $adminCa $serverCa -}}
{{- $faults = append $faults "certificates.server.clientCa and certificates.admin.clientCa are both set: the kubelet presents no certificate and could probe neither port" -}}
{{- end -}}

{{- /* the network */ -}}
{{- if $v.networkPolicy.enabled -}}
{{- $egress := $v.networkPolicy.egress -}}
{{- if not (or $v.simulator.enabled $egress.smsp.to) -}}
{{- $faults = append $faults "networkPolicy.egress.smsp.to is missing: with everything else denied CP-IS could not be asked" -}}
{{- end -}}
{{- if and $issuers (not $egress.issuer.to) -}}
{{- $faults = append $faults "networkPolicy.egress.issuer.to is missing: the keys of settings.access.issuers could not be fetched" -}}
{{- end -}}
{{- if and (not $sqlite) (not $egress.postgres.to) -}}
{{- $faults = append $faults "networkPolicy.egress.postgres.to is missing: the trail could not be written" -}}
{{- end -}}
{{- if and (eq $v.lookup.store "redis") (not $egress.redis.to) -}}
{{- $faults = append $faults "networkPolicy.egress.redis.to is missing: looks could not be shared" -}}
{{- end -}}
{{- $hasCollector := false -}}
{{- range $name, $value := $v.otel -}}{{- if and (hasSuffix "_ENDPOINT" $name) $value -}}{{- $hasCollector = true -}}{{- end -}}{{- end -}}
{{- if and $hasCollector (not $egress.collector.to) -}}
{{- $faults = append $faults "networkPolicy.egress.collector.to is missing: an OTLP endpoint is set in otel" -}}
{{- end -}}
{{- if and (or $v.ingress.enabled $v.gateway.enabled) (not $v.networkPolicy.ingress.fhir) -}}
{{- $faults = append $faults "networkPolicy.ingress.fhir is empty: nobody could reach the FHIR API, the Ingress or Gateway included" -}}
{{- end -}}
{{- if and $v.monitoring.serviceMonitor.enabled (not $v.networkPolicy.ingress.admin) -}}
{{- $faults = append $faults "networkPolicy.ingress.admin is empty: Prometheus could not reach the metrics" -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- $faults = append $faults "ingress.hosts is empty" -}}
{{- end -}}
{{- if and $v.ingress.enabled (has "gateway" $modes) -}}
{{- $faults = append $faults "ingress.enabled ends TLS before the pod, so access.modes gateway would see the Ingress's certificate for every caller; wanted gateway.kind: TLSRoute, or the caller straight at the Service" -}}
{{- end -}}
{{- if $v.gateway.enabled -}}
{{- if not $v.gateway.parentRefs -}}{{- $faults = append $faults "gateway.parentRefs is empty" -}}{{- end -}}
{{- if and (eq $v.gateway.kind "TLSRoute") (not $serverTls) -}}
{{- $faults = append $faults "gateway.kind is TLSRoute: TLS is passed through to the pod, so certificates.server is needed" -}}
{{- end -}}
{{- if and (eq $v.gateway.kind "TLSRoute") (not $v.gateway.hostnames) -}}{{- $faults = append $faults "gateway.hostnames is empty: a TLSRoute goes by the name" -}}{{- end -}}
{{- if and (eq $v.gateway.kind "HTTPRoute") (has "gateway" $modes) -}}
{{- $faults = append $faults "gateway.kind is HTTPRoute, which ends TLS before the pod: access.modes gateway needs the caller's certificate; wanted gateway.kind: TLSRoute" -}}
{{- end -}}
{{- if and $v.gateway.backendTLS.enabled (not (and $serverTls $v.gateway.backendTLS.caConfigMaps)) -}}
{{- $faults = append $faults "gateway.backendTLS needs certificates.server and caConfigMaps" -}}
{{- end -}}
{{- end -}}

{{- /* the rest */ -}}
{{- if lt (int $v.shutdown.gracePeriodSeconds) (add (int $v.shutdown.preStopSeconds) 35) -}}
{{- $faults = append $faults (printf "shutdown.gracePeriodSeconds is %d: requests in flight get 30 s to finish after the %d s of preStop, and the trail needs a few to close; wanted at least %d" (int $v.shutdown.gracePeriodSeconds) (int $v.shutdown.preStopSeconds) (add (int $v.shutdown.preStopSeconds) 35)) -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- $faults = append $faults "autoscaling.minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (ge (int $v.autoscaling.inFlight) (int (dig "smsp" "max_in_flight" 64 $s))) -}}
{{- $faults = append $faults "autoscaling.inFlight is not below settings.smsp.max_in_flight (64): pods would be full before one is added" -}}
{{- end -}}
{{- if and $v.externalSecrets.enabled (not (and $v.externalSecrets.storeRef.name $v.externalSecrets.secrets)) -}}
{{- $faults = append $faults "externalSecrets.enabled needs storeRef.name and secrets" -}}
{{- end -}}
{{- if and $v.monitoring.serviceMonitor.enabled $v.certificates.admin.existingSecret (not $v.monitoring.serviceMonitor.tlsConfig) -}}
{{- $faults = append $faults "monitoring.serviceMonitor.tlsConfig is missing: the admin listener speaks TLS" -}}
{{- end -}}

{{- if $faults -}}
{{- fail (printf "\n\nThese values cannot be installed:\n- %s\n" (join "\n- " $faults)) -}}
{{- end -}}
{{- end -}}
