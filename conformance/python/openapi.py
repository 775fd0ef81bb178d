"""The OpenAPI document: is it one (openapi-spec-validator), and does the service keep it (schemathesis)?

Arguments: FHIR base, the document. The examples are bounded and name the simulator's children, so that a 5xx that the simulator is
told to cause is known by its number; any other 5xx is a failure.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from openapi_spec_validator import validate

from judge import Judge

BASE, DOCUMENT = sys.argv[1], Path(sys.argv[2])
HOOKS = Path(__file__).with_name("hooks.py")
CACHE = Path(__file__).parents[1] / ".cache"


def document():
    judge = Judge("openapi-spec-validator")
    judge.part("the document", lambda: (validate(yaml.safe_load(DOCUMENT.read_text())), judge.check("the document", True, "")))
    judge.print()


# What schemathesis cannot judge here, and why.
NOT_ASKED = {
    "not_a_server_error": "replaced by hooks.no_server_error_of_its_own: the simulator causes some 5xx on purpose",
    "ignored_auth": "the demo lets everyone in, on loopback only",
    "positive_data_acceptance": "a schema cannot say modulus 11, nor that an id must come from an earlier answer",
}


def service():
    judge = Judge("schemathesis, the service keeps its OpenAPI document")
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    at_root = sorted(path for path, item in paths.items() if "servers" in item)
    log = ""
    for url, option, seconds in ((BASE, "--exclude-path", "40"), (BASE.removesuffix("/FHIR/R4"), "--include-path", "15")):
        if not at_root and option == "--include-path":
            continue
        done = subprocess.run(
            [str(Path(sys.executable).with_name("schemathesis")), "run", str(DOCUMENT), "--url", url, "--checks", "all",
             "--exclude-checks", ",".join(NOT_ASKED), "--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1",
             "--workers", "1", "--rate-limit", "18/s", "--request-timeout", "40", "--max-time", seconds, "--max-failures", "40", "--warnings", "off", "--no-color",
             *(part for path in at_root for part in (option, path))],
            capture_output=True, text=True, timeout=200, check=False, env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}, cwd=CACHE)
        text = done.stdout + done.stderr
        log += text
        generated = sum(int(n) for n in re.findall(r"(\d+) generated", text))
        judge.check(f"{option[2:9]} at {'root' if option == '--include-path' else 'FHIR base'}", done.returncode == 0 and generated > 0,
                    f"{generated} cases; all of it in {CACHE / 'schemathesis.log'}\n{text[-3000:]}")
        # Cases are counted as passed only where the whole run is: a failing case is not told apart here.
        judge.passed += generated if done.returncode == 0 else 0
    (CACHE / "schemathesis.log").write_text(log)
    for name, why in NOT_ASKED.items():
        print(f"  not asked: {name}: {why}")
    judge.print()


document()
service()
