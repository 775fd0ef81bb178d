"""The program's page of metrics as the programs of others read it, with traces going out."""

import contextlib
import http.server
import os
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from .monitoring import label_names
from .tally import CHART, check

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
# promtool would have certificates end in seconds; people read days.
LINTS = {'cpis_certificate_days_left use base unit "seconds" instead of "days"'}
# A child with a plan, and one whose look fails.
CHILDREN = ["9990000018", "4444444444"]


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes whatever is sent and forgets it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def demo(binary: str):
    """The addresses of a demo whose traces go out."""
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    process = subprocess.Popen(
        [binary, "demo", "--brief", f"--port={port}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
        yield said["FHIR"], said["ADMIN"]
    finally:
        process.terminate()
        process.wait()
        collector.shutdown()


def get(url: str, accept: str = "*/*") -> tuple[str, str]:
    """The body, whatever the status, and its type."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read().decode(), reply.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        return error.read().decode(), error.headers["Content-Type"]


def check_page(binary: str) -> None:
    with demo(binary) as (fhir, admin):
        for child in CHILDREN:
            get(f"{fhir}/Flag?patient={child}")
        text, _ = get(f"{admin}/metrics")
        open_text, kind = get(f"{admin}/metrics", ACCEPT)
    ran = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    check("page: promtool reads the text", {*(ran.stdout + ran.stderr).splitlines()} - LINTS)
    check("page: OpenMetrics is what Prometheus gets", not kind.startswith("application/openmetrics-text; version=1.0.0") and kind)
    try:
        families = list(text_string_to_metric_families(open_text))
    except ValueError as error:
        check("page: a strict parser reads OpenMetrics", repr(error))
        return
    check("page: a strict parser reads OpenMetrics", "")
    check_families(families)
    traced = {s.name for family in families for s in family.samples if s.exemplar}
    wanted = {f"{name}_duration_seconds_bucket" for name in ("http_server_request", "cpis_smsp_phase")}
    check("page: both histograms of durations have exemplars", traced ^ wanted)
    exemplars = [s.exemplar for family in families for s in family.samples if s.exemplar]
    strange = [e for e in exemplars if set(e.labels) != {"trace_id"} or not re.fullmatch("[0-9a-f]{32}", e.labels["trace_id"])]
    check("page: an exemplar is a trace and nothing else", strange)


# An answer was delivered: only a failure says whether its query was.
ANSWERS = {("delivery", "found"), ("delivery", "no-record")}


def check_families(families: list) -> None:
    """Names, kinds and labels are those of metrics.txt."""
    lines = (CHART / "metrics.txt").read_text(encoding="utf-8").splitlines()
    listed = {name: kind for name, kind, _ in (line.split(" ", 2) for line in lines if line and line[0] != "#")}
    shown = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
    check("page: every metric of metrics.txt, of its kind", {n for n, k in listed.items() if n not in shown or shown[n].type != k})
    labels = label_names()
    odd = {
        f"{name}: {label}"
        for name, family in shown.items()
        if name in labels
        for sample in family.samples
        for label in set(sample.labels) ^ labels[name] - {"le"}
        if label not in ("le", "http_route")  # a path that is none of ours has no route
        and (label, sample.labels.get("outcome")) not in ANSWERS
    }
    check("page: every label of metrics.txt, and no other", odd)
