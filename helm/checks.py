"""What `helm/check` checks, once its tools are there. Arguments: folders of custom resource definitions."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

import jsonschema
import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
CHART = HERE / "cpis-fhir"
DOCS = HERE.parent / "docs"
SETS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
DOCUMENTED = {"single", "clustered", "simulator", "everything-on", "everything-off"}
# The oldest release that the chart allows, and the newest whose schemas are there.
KUBERNETES = ["1.30", "1.37"]
# Kinds of operators.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "Certificate", "ExternalSecret", "HTTPRoute", "TLSRoute", "BackendTLSPolicy"}
# Metrics of others that alerts and dashboards use.
FOREIGN = {"up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "ALERTS"}
passed = failed = 0


def check(name: str, problem) -> None:
    """Counts a check; `problem` is empty where all is well."""
    global passed, failed
    if problem:
        failed += 1
        print(f"NOT {name}: {str(problem)[:2000]}")
    else:
        passed += 1


def helm(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=120, check=False)


def template(values: list[pathlib.Path], *more: str, release="r", kubernetes=KUBERNETES[0]) -> subprocess.CompletedProcess:
    files = [argument for path in values for argument in ("-f", str(path))]
    return helm("template", release, str(CHART), "--namespace", "cpis", "--kube-version", kubernetes, *files, *more)


def values_of(name: str) -> pathlib.Path:
    return CHART / "ci" / f"{name}-values.yaml"


# -- the definitions of operators -------------------------------------------------------------------------------------


def closed(schema):
    """An operator's schema as plain JSON Schema that refuses unknown fields, as the API server's strict mode does."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {key: {name: closed(inner) for name, inner in value.items()} if key == "properties" else closed(value) for key, value in schema.items()}
    if "properties" in result and "additionalProperties" not in result and not schema.get("x-kubernetes-preserve-unknown-fields") and "type" in result:
        result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def definitions(folders: list[str]) -> dict:
    """Schemas of the kinds that the chart uses, by API version and kind."""
    found = {}
    for folder in folders:
        for path in pathlib.Path(folder).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            if not any(f"\n    kind: {kind}\n" in text for kind in CUSTOM):
                continue
            for document in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if not document or document.get("kind") != "CustomResourceDefinition":
                    continue
                spec = document["spec"]
                for version in spec["versions"]:
                    if version.get("served") and "schema" in version:
                        schema = closed(version["schema"]["openAPIV3Schema"])
                        schema.get("properties", {})["metadata"] = {"type": "object"}
                        found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


# -- one rendered set -------------------------------------------------------------------------------------------------


def kinds(documents: list, kind: str) -> list:
    return [document for document in documents if document["kind"] == kind]


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
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
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


def flat(table: dict, at=""):
    """Keys of a TOML document as docs/settings.md writes them, with their values."""
    for key, value in table.items():
        name = f"{at}.{key}" if at else key
        if isinstance(value, dict):
            yield from flat(value, name)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from flat(item, f"{name}[]")
        else:
            yield name, value


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
    matches = lambda wanted: [name for name, has in labels.items() if wanted.items() <= has.items()]
    faults, covered = [], set()
    for document in documents:
        spec, kind = document.get("spec", {}), document["kind"]
        if kind == "Service" and not matches(spec["selector"]):
            faults.append(f"Service {document['metadata']['name']}")
        if kind in ("Deployment", "StatefulSet") and not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items():
            faults.append(f"{kind} selector")
        if kind == "PodDisruptionBudget" and not matches(spec["selector"]["matchLabels"]):
            faults.append("PodDisruptionBudget")
        if kind == "NetworkPolicy":
            selected = matches(spec["podSelector"]["matchLabels"])
            if not selected or set(spec["policyTypes"]) != {"Ingress", "Egress"}:
                faults.append(f"NetworkPolicy {document['metadata']['name']}")
            covered.update(selected)
            if any(not rule.get("from" if way == "ingress" else "to") for way in ("ingress", "egress") for rule in spec.get(way, [])):
                faults.append(f"NetworkPolicy {document['metadata']['name']} allows everybody")
        if kind == "ServiceMonitor":
            wanted = spec["selector"]["matchLabels"]
            found = [s for s in kinds(documents, "Service") if wanted.items() <= s["metadata"]["labels"].items()]
            if len(found) != 1 or spec["endpoints"][0]["port"] not in [port["name"] for port in found[0]["spec"]["ports"]]:
                faults.append(f"ServiceMonitor finds {len(found)} Services")
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if not [d for d in kinds(documents, target["kind"]) if d["metadata"]["name"] == target["name"] and "replicas" not in d["spec"]]:
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


def toml_of(documents: list) -> dict:
    texts = [d["data"]["cpis-fhir.toml"] for d in kinds(documents, "ConfigMap") if "cpis-fhir.toml" in d["data"]]
    if len(texts) != 1:
        raise ValueError(f"{len(texts)} settings files")
    return tomllib.loads(texts[0])


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
    service = next(pod for pod_name, pod in pods(documents) if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "service")
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


# -- refusals, metrics, documents ---------------------------------------------------------------------------------------


def check_bad(path: pathlib.Path) -> None:
    """A bad set is refused with the message in its first lines; where the schema says it, the templates say it too (`words`)."""
    head = dict(re.findall(r"^# (base|wanted|words): (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    base = [] if head["base"] == "none" else [values_of(head["base"])]
    for wanted, more in ((head["wanted"], []), (head.get("words"), ["--skip-schema-validation"])):
        if wanted:
            made = template([*base, path], *more)
            said = " ".join(made.stderr.split())
            check(f"{path.stem} is refused{' without the schema' if more else ''}", "" if made.returncode and wanted in said else f"wanted {wanted!r} in: exit {made.returncode}, {said}")


def own_metrics() -> set:
    """Every series of metrics.txt."""
    names = set()
    for line in (CHART / "metrics.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, kind, _, _ = line.split(" ", 3)
            names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def metrics_in(expression: str) -> set:
    """Names of metrics: what stands before a `{`. Every use of a metric here has a selector."""
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{", expression))


def labels_in(expression: str) -> dict:
    """Labels that are selected, by metric."""
    used = {}
    for name, selector in re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}", expression):
        used.setdefault(name, set()).update(re.findall(r"([a-z_]+)\s*=", selector))
    return used


def check_dashboard() -> None:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    used = set().union(*(metrics_in(expression) for expression in expressions))
    check("dashboard: every metric is in metrics.txt", used - own_metrics() - FOREIGN)
    check("dashboard: every panel is described", [panel["title"] for panel in panels if not panel.get("description")])
    check("dashboard: every selector is this installation's", [e for e in expressions if e.count("{") != e.count('{namespace="$namespace",job="$job"')])
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in own_metrics()}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    check("dashboard: every metric of metrics.txt is shown", families - shown)
    own_labels = label_names()
    wrong = {f"{name}: {label}" for e in expressions for name, labels in labels_in(e).items() if name not in FOREIGN
             for label in labels - own_labels[re.sub(r"_(bucket|sum|count)$", "", name)] - {"namespace", "job", "le"}}
    check("dashboard: every label is in metrics.txt", wrong)
    cells = [(p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy) for p in dashboard["panels"] for dx in range(p["gridPos"]["w"]) for dy in range(p["gridPos"]["h"])]
    check("dashboard: no panel on another", len(cells) - len(set(cells)))


def label_names() -> dict:
    lines = [line.split(" ", 3) for line in (CHART / "metrics.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: set() if labels == "-" else set(labels.split(",")) for name, _, labels, _ in lines}


def check_alerts() -> None:
    """Rules of the single set with every alert on, tested by promtool."""
    more = ["--set", "monitoring.rules.enabled=true", "--set", "monitoring.rules.quietAfter=24h"]
    made = template([values_of("single")], *more)
    documents = [document for document in yaml.safe_load_all(made.stdout) if document]
    spec = kinds(documents, "PrometheusRule")[0]["spec"]
    rules = spec["groups"][0]["rules"]
    source = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
    check("alerts: all are rendered", {rule["alert"] for rule in source} ^ {rule["alert"] for rule in rules})
    expressions = " ".join(rule["expr"] for rule in rules)
    check("alerts: every metric is in metrics.txt", metrics_in(expressions) - own_metrics() - FOREIGN)
    own_labels = label_names()
    check("alerts: every label is in metrics.txt", {f"{name}: {label}" for name, labels in labels_in(expressions).items() if name not in FOREIGN
          for label in labels - own_labels[re.sub(r"_(bucket|sum|count)$", "", name)] - {"namespace", "job", "le"}})
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    headings = {heading.lower() for heading in re.findall(r"^## (CpisFhir\w+)", runbook, re.MULTILINE)}
    check("alerts: each has its place in docs/runbook.md", headings ^ {rule["alert"].lower() for rule in rules})
    check("alerts: each links there", [r["alert"] for r in rules if r["annotations"]["runbook_url"] != f"docs/runbook.md#{r['alert'].lower()}"])
    sections = re.split(r"^## ", runbook, flags=re.MULTILINE)
    wanted = ("**For children now**", "**Do**", "**Do not**")
    check("runbook: each alert says what it means, what to do, what not", [s.split()[0] for s in sections if s.startswith("CpisFhir") and not all(w in s for w in wanted)])
    tests = yaml.safe_load((HERE / "alerts.test.yaml").read_text(encoding="utf-8"))
    fired = {re.search('alertname="(.*?)"', s["labels"])[1] for t in tests["tests"] for e in t["promql_expr_test"] for s in e["exp_samples"]}
    check("alerts: each has a test in which it fires", {rule["alert"] for rule in rules} - fired)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "rules.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        pathlib.Path(folder, "test.yaml").write_text((HERE / "alerts.test.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        for command in (["check", "rules", "rules.yaml"], ["test", "rules", "test.yaml"]):
            ran = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
            check(f"promtool {command[0]} rules", ran.returncode and ran.stdout + ran.stderr)


def check_package() -> None:
    """The chart as it is shipped holds what its templates read."""
    with tempfile.TemporaryDirectory() as folder:
        made = helm("package", str(CHART), "-d", folder)
        check("helm package", made.returncode and made.stderr)
        archives = list(pathlib.Path(folder).glob("*.tgz"))
        if archives:
            listed = subprocess.run(["tar", "tzf", str(archives[0])], capture_output=True, text=True, check=True).stdout
            check("the package has dashboard, alerts and schema",
                  [f for f in ("files/dashboard.json", "files/alerts.yaml", "values.schema.json", "README.md", "templates/NOTES.txt") if f"cpis-fhir/{f}" not in listed])
            check("the package has no values of tests", "cpis-fhir/ci/" in listed)


def check_shape() -> None:
    """What several pods and one pod look like, told apart by values alone."""
    first, second = template([values_of("clustered")]).stdout, template([values_of("clustered")]).stdout
    check("the same values give the same objects", first != second)
    changed = template([values_of("clustered")], "--set", "settings.smsp.max_queued=300").stdout
    sums = [re.search(r"checksum/settings: (\w+)", text)[1] for text in (first, changed)]
    check("a changed setting makes new pods", sums[0] == sums[1])
    acknowledged = template([values_of("clustered")], "--set", "lookup.store=memory,lookup.acknowledgeOneQueryPerReplica=true")
    check("several pods without Redis, acknowledged", acknowledged.returncode and acknowledged.stderr)


def check_notes() -> None:
    """NOTES.txt of each set. `helm install` shows it with a cluster only, so a copy of the chart draws it as a ConfigMap."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "cpis-fhir")
        shutil.copytree(CHART, copy)
        text = (copy / "templates" / "NOTES.txt").read_text(encoding="utf-8")
        (copy / "templates" / "notes.yaml").write_text(
            "{{ define \"the-notes\" }}" + text + "{{ end }}\nkind: Notes\ntext: {{ include \"the-notes\" . | toJson }}\n", encoding="utf-8")
        for name in SETS:
            made = helm("template", "r", str(copy), "-n", "cpis", "--kube-version", KUBERNETES[0], "-f", str(values_of(name)), "--show-only", "templates/notes.yaml")
            said = (yaml.safe_load(made.stdout) or {}).get("text", "") if made.returncode == 0 else ""
            check(f"NOTES.txt with {name}", "" if "What still must be done" in said and "<no value>" not in said and "%!" not in said else made.stderr + said)
            check(f"NOTES.txt with {name} says whether it is a rehearsal", ("*** REHEARSAL" in said) != (name == "simulator"))
            check(f"NOTES.txt with {name} shows no user of a store", [w for w in ("cpis_fhir@", "cpis@") if w in said])


def main() -> int:
    custom = definitions(sys.argv[1:])
    check("resource definitions of the operators", CUSTOM - {kind for _, kind in custom})
    check("documented value sets", DOCUMENTED - set(SETS))
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `([a-z_.\[\]]+)`<br>", text, re.MULTILINE))
    check("docs/settings.md can be read", len(known) < 60)
    seen = set()
    for name in SETS:
        seen |= {document["kind"] for document in check_set(name, custom, known)}
    check("the sets draw every kind of object", (CUSTOM | {"HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "PersistentVolumeClaim", "Pod"}) - seen)
    bad = sorted((CHART / "ci" / "bad").glob("*.yaml"))
    check("there are bad sets", len(bad) < 20)
    for path in bad:
        check_bad(path)
    check_dashboard()
    check_alerts()
    check_package()
    check_shape()
    check_notes()
    made = subprocess.run([sys.executable, str(HERE / "generate"), "--check"], capture_output=True, text=True, check=False)
    check("README.md and values.schema.json are up to date", made.returncode and made.stderr)
    print(f"helm checks: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
