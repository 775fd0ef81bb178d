"""The OpenAPI document: is it one (openapi-spec-validator), and does the service keep it (schemathesis)?

Arguments: FHIR base, the document. The examples are bounded and name the simulator's children, so that a 5xx that the simulator is
told to cause is known by its number; any other 5xx is a failure.
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from openapi_spec_validator import validate

from judge import Judge

BASE, DOCUMENT = sys.argv[1], Path(sys.argv[2])
HOOKS = Path(__file__).with_name("hooks.py")


def document():
    judge = Judge("openapi-spec-validator")
    judge.part("the document", lambda: (validate(yaml.safe_load(DOCUMENT.read_text())), judge.check("the document", True, "")))
    judge.print()


def service():
    judge = Judge("schemathesis, the service keeps its OpenAPI document")
    written = yaml.safe_load(DOCUMENT.read_text())
    # Paths stand in the document with or without the base path; the root is where both meet.
    first = next(iter(written["paths"]))
    root = BASE if not first.startswith("/FHIR/") else BASE.removesuffix("/FHIR/R4")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT), "--url", root, "--checks", "all",
            "--max-examples", "15", "--workers", "1", "--phases", "examples,coverage,fuzzing", "--seed", "1",
            "--rate-limit", "15/s", "--request-timeout", "40", "--continue-on-failure", "--suppress-health-check", "all",
            "--report", "ndjson", "--report-ndjson-path", str(report), "--no-color",
        ]
        done = subprocess.run(command, capture_output=True, text=True, env={**__import__("os").environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
                              cwd=folder, timeout=240, check=False)
    text = done.stdout + done.stderr
    Path(__file__).parents[1].joinpath(".cache/schemathesis.log").write_text(text)
    generated = sum(int(n) for n in re.findall(r"(\d+) generated", text)) or sum(int(n) for n in re.findall(r"(\d+) passed", text))
    judge.passed += generated if done.returncode == 0 else 0
    judge.check("schemathesis", done.returncode == 0, "\n" + text[-4000:])
    if not generated:
        judge.check("schemathesis", False, "nothing was generated")
    judge.print()


document()
service()
