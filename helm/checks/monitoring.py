"""Metrics, alerts, dashboard and runbook."""

import json
import pathlib
import re
import subprocess
import tempfile

import yaml

from .tally import CHART, DOCS, HERE, check, kinds, template, values_of

# Metrics of others that alerts and dashboards use.
FOREIGN = {"up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "ALERTS"}


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
        used.setdefault(name, set()).update(re.findall(r"([a-z_]+)\s*!?[=~]", selector))
    return used


def check_dashboard() -> None:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    used = set().union(*(metrics_in(expression) for expression in expressions))
    check("dashboard: every metric is in metrics.txt", used - own_metrics() - FOREIGN)
    check("dashboard: every panel is described", [panel["title"] for panel in panels if not panel.get("description")])
    check(
        "dashboard: every selector is this installation's",
        [e for e in expressions if e.count("{") != e.count('{namespace="$namespace",job="$job"')],
    )
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in own_metrics()}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    check("dashboard: every metric of metrics.txt is shown", families - shown)
    own_labels = label_names()
    wrong = {
        f"{name}: {label}"
        for e in expressions
        for name, labels in labels_in(e).items()
        if name not in FOREIGN
        for label in labels - own_labels.get(re.sub(r"_(bucket|sum|count)$", "", name), set()) - {"namespace", "job", "le"}
    }
    check("dashboard: every label is in metrics.txt", wrong)
    check_expressions(expressions)
    cells = [
        (p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy)
        for p in dashboard["panels"]
        for dx in range(p["gridPos"]["w"])
        for dy in range(p["gridPos"]["h"])
    ]
    check("dashboard: no panel on another", len(cells) - len(set(cells)))


def check_expressions(expressions: list[str]) -> None:
    """promtool reads every expression of the dashboard, as if each were a rule."""
    rules = [{"record": f"panel:{at}", "expr": text.replace("$__rate_interval", "5m")} for at, text in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "rules.yaml")
        path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
        ran = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False)
        check("dashboard: promtool reads every expression", ran.returncode and ran.stdout + ran.stderr)


def label_names() -> dict:
    lines = [
        line.split(" ", 3) for line in (CHART / "metrics.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
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
    check(
        "alerts: every label is in metrics.txt",
        {
            f"{name}: {label}"
            for name, labels in labels_in(expressions).items()
            if name not in FOREIGN
            for label in labels - own_labels.get(re.sub(r"_(bucket|sum|count)$", "", name), set()) - {"namespace", "job", "le"}
        },
    )
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    headings = {heading.lower() for heading in re.findall(r"^## (CpisFhir\w+)", runbook, re.MULTILINE)}
    check("alerts: each has its place in docs/runbook.md", headings ^ {rule["alert"].lower() for rule in rules})
    check(
        "alerts: each links there",
        [r["alert"] for r in rules if r["annotations"]["runbook_url"] != f"docs/runbook.md#{r['alert'].lower()}"],
    )
    sections = re.split(r"^## ", runbook, flags=re.MULTILINE)
    wanted = ("**For children now**", "**Do**", "**Do not**")
    check(
        "runbook: each alert says what it means, what to do, what not",
        [s.split()[0] for s in sections if s.startswith("CpisFhir") and not all(w in s for w in wanted)],
    )
    tests = yaml.safe_load((HERE / "alerts.test.yaml").read_text(encoding="utf-8"))
    fired = {
        re.search('alertname="(.*?)"', s["labels"])[1]
        for t in tests["tests"]
        for e in t["promql_expr_test"]
        for s in e["exp_samples"]
    }
    check("alerts: each has a test in which it fires", {rule["alert"] for rule in rules} - fired)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "rules.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        pathlib.Path(folder, "test.yaml").write_text((HERE / "alerts.test.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        for command in (["check", "rules", "rules.yaml"], ["test", "rules", "test.yaml"]):
            ran = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
            check(f"promtool {command[0]} rules", ran.returncode and ran.stdout + ran.stderr)
