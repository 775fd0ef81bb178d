"""One rendered set of values: every object, and what holds between them."""

import jsonschema
import kubernetes_validate
import yaml

from .tally import CHART, KUBERNETES, check, flat, helm, kinds, template, toml_of, values_of


def pods(documents: list):
    """Name and pod template of every workload."""
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet"):
            yield document["metadata"]["name"], document["spec"]["template"]
        elif document["kind"] == "Pod":
            yield document["metadata"]["name"], document


def insecure(name: str, pod: dict, assigned_uid: bool) -> list[str]:
    """What of the restricted pod security profile, and of ours, a pod does not keep."""
    spec, faults = pod["spec"], []
    if spec.get("automountServiceAccountToken") is not False:
        faults.append("mounts a token")
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        faults.append("pod security context")
    if not assigned_uid and (context.get("runAsUser"), context.get("fsGroup")) != (65532, 65532):
        faults.append("uid")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            faults.append(key)
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        wanted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        own = container.get("securityContext", {})
        faults += [f"{container['name']}: {key}" for key, value in wanted.items() if own.get(key) != value]
        if "memory" not in container.get("resources", {}).get("limits", {}):
            faults.append(f"{container['name']}: no memory limit")
        if "command" in container or any("sh" == word or word.endswith("/sh") for word in container.get("args", [])):
            faults.append(f"{container['name']}: a shell or another command; the image has its entry point alone")
        if any("valueFrom" in item for item in container.get("env", [])):
            faults.append(f"{container['name']}: a secret in the environment")
    for volume in spec.get("volumes", []):
        if "hostPath" in volume:
            faults.append(f"hostPath {volume['name']}")
        if "secret" in volume and volume["secret"].get("defaultMode") != 0o400:
            faults.append(f"mode of {volume['name']}")
    return faults


def unmounted(settings: dict, pod: dict) -> list[str]:
    """Paths in the settings that no volume of the pod holds."""
    spec = pod["spec"]
    container = spec["containers"][0]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    faults = [f"no volume for mount {mount['name']}" for mount in container["volumeMounts"] if mount["name"] not in volumes]
    for key, value in flat(settings):
        text = value.removeprefix("sqlite:") if isinstance(value, str) else ""
        if not text.startswith("/") or key == "server.base_path":
            continue
        mount = next((m for m in container["volumeMounts"] if text.startswith(m["mountPath"] + "/")), None)
        if mount is None:
            faults.append(f"{key} = {text} is not mounted")
            continue
        volume = volumes[mount["name"]]
        items = volume.get("secret", volume.get("configMap", {})).get("items")
        if items and text.rsplit("/", 1)[1] not in [item["path"] for item in items]:
            faults.append(f"{key} = {text} is not among the items of {mount['name']}")
        if key.startswith("audit.store") and text.startswith("/var") and "persistentVolumeClaim" not in volume:
            faults.append("the trail is not on a persistent volume")
    return faults


def unmatched(documents: list) -> list[str]:
    """Selectors that select no pod of the set, and pods that no network policy selects where there are policies."""
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(documents)}

    def matches(wanted: dict) -> list[str]:
        return [name for name, has in labels.items() if wanted.items() <= has.items()]

    faults, covered = [], set()
    for document in documents:
        spec, kind = document.get("spec", {}), document["kind"]
        if kind == "Service" and not matches(spec["selector"]):
            faults.append(f"Service {document['metadata']['name']}")
        if (
            kind in ("Deployment", "StatefulSet")
            and not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        ):
            faults.append(f"{kind} selector")
        if kind == "PodDisruptionBudget" and not matches(spec["selector"]["matchLabels"]):
            faults.append("PodDisruptionBudget")
        if kind == "NetworkPolicy":
            selected = matches(spec["podSelector"]["matchLabels"])
            if not selected or set(spec["policyTypes"]) != {"Ingress", "Egress"}:
                faults.append(f"NetworkPolicy {document['metadata']['name']}")
            covered.update(selected)
            if any(
                not rule.get("from" if way == "ingress" else "to") for way in ("ingress", "egress") for rule in spec.get(way, [])
            ):
                faults.append(f"NetworkPolicy {document['metadata']['name']} allows everybody")
        if kind == "ServiceMonitor":
            wanted = spec["selector"]["matchLabels"]
            found = [s for s in kinds(documents, "Service") if wanted.items() <= s["metadata"]["labels"].items()]
            if len(found) != 1 or spec["endpoints"][0]["port"] not in [port["name"] for port in found[0]["spec"]["ports"]]:
                faults.append(f"ServiceMonitor finds {len(found)} Services")
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if not [
                d
                for d in kinds(documents, target["kind"])
                if d["metadata"]["name"] == target["name"] and "replicas" not in d["spec"]
            ]:
                faults.append("HorizontalPodAutoscaler has no target, or one with fixed replicas")
    if kinds(documents, "NetworkPolicy"):
        faults += [f"no NetworkPolicy for {name}" for name in labels if name not in covered]
    return faults


def one_writer(documents: list, settings: dict) -> list[str]:
    """A SQLite trail has one writer, whatever the values were."""
    if not settings["audit"]["store"].startswith("sqlite:"):
        return []
    sets = [d for d in kinds(documents, "StatefulSet") if d["spec"]["replicas"] <= 1]
    faults = [] if len(sets) == 1 else ["not one StatefulSet of one pod"]
    if kinds(documents, "HorizontalPodAutoscaler"):
        faults.append("an autoscaler")
    return faults


def check_set(name: str, custom: dict, known_settings: set) -> list:
    lint = helm("lint", "--strict", str(CHART), "--kube-version", KUBERNETES[0], "-f", str(values_of(name)))
    check(f"helm lint --strict with {name}", lint.returncode and lint.stdout + lint.stderr)
    documents = []
    for kubernetes in KUBERNETES:
        made = template([values_of(name)], kubernetes=kubernetes)
        check(f"helm template with {name} on {kubernetes}", made.returncode and made.stderr)
        if made.returncode:
            return []
        documents = [document for document in yaml.safe_load_all(made.stdout) if document]
        for document in documents:
            what = f"{name} on {kubernetes}: {document['kind']} {document['metadata']['name']}"
            try:
                if schema := custom.get((document["apiVersion"], document["kind"])):
                    jsonschema.Draft7Validator(schema).validate(document)
                else:
                    kubernetes_validate.validate(document, kubernetes, strict=True)
                check(what, None)
            except Exception as error:  # whatever a validator throws is a fault of the document
                check(what, getattr(error, "message", None) or repr(error))
    names = [(d["apiVersion"], d["kind"], d["metadata"]["name"]) for d in documents]
    check(f"{name}: each object once", [n for n in names if names.count(n) > 1])
    for pod_name, pod in pods(documents):
        check(f"{name}: restricted: {pod_name}", insecure(pod_name, pod, assigned_uid=name == "everything-off"))
    try:
        settings = toml_of(documents)
    except ValueError as error:
        check(f"{name}: the settings file is TOML", error)
        return documents
    check(f"{name}: every setting is one of docs/settings.md", sorted({key for key, _ in flat(settings)} - known_settings))
    check(f"{name}: no number with a fraction", [key for key, value in flat(settings) if isinstance(value, float)])
    service = next(
        pod for pod_name, pod in pods(documents) if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "service"
    )
    check(f"{name}: every file of the settings is mounted", unmounted(settings, service))
    check(f"{name}: selectors", unmatched(documents))
    check(f"{name}: one writer of a SQLite trail", one_writer(documents, settings))
    check(f"{name}: settings are those of the values", differences(name, settings))
    return documents


def differences(name: str, settings: dict) -> list[str]:
    """Values under `settings` that are not in the file as they were given."""
    given = yaml.safe_load(values_of(name).read_text(encoding="utf-8")).get("settings", {})

    def walk(wanted, found, at):
        if isinstance(wanted, dict):
            return [fault for key, value in wanted.items() for fault in walk(value, (found or {}).get(key), f"{at}.{key}")]
        return [] if wanted == found else [f"{at}: {wanted!r} became {found!r}"]

    return walk(given, settings, "settings")
