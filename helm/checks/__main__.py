"""What `helm/check` checks, once its tools are there. Arguments: the program or "", then folders of resource definitions."""

import os
import re
import subprocess
import sys

from . import tally
from .definitions import CUSTOM, definitions
from .dependency import check_dependency
from .monitoring import check_alerts, check_dashboard
from .nulls import check_nulls
from .page import check_page
from .program import check_with_program
from .refusals import check_bad
from .rendered import check_set
from .shipped import check_notes, check_package, check_shape
from .tally import CHART, DOCS, HERE, SETS, check

DOCUMENTED = {"single", "clustered", "simulator", "everything-on", "everything-off"}


def main() -> int:
    binary, *folders = sys.argv[1:]
    custom = definitions(folders)
    check("resource definitions of the operators", CUSTOM - {kind for _, kind in custom})
    check("documented value sets", DOCUMENTED - set(SETS))
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `([a-z_.\[\]]+)`<br>", text, re.MULTILINE))
    check("docs/settings.md can be read", len(known) < 60)
    seen = set()
    for name in SETS:
        seen |= {document["kind"] for document in check_set(name, custom, known)}
    check(
        "the sets draw every kind of object",
        (CUSTOM | {"HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "PersistentVolumeClaim", "Pod"}) - seen,
    )
    bad = sorted((CHART / "ci" / "bad").glob("*.yaml"))
    check("there are bad sets", len(bad) < 20)
    for path in bad:
        check_bad(path)
    check_nulls()
    check_dependency()
    check_dashboard()
    check_alerts()
    check_package()
    check_shape()
    check_notes()
    if binary:
        check_with_program(os.path.abspath(binary))
        check_page(os.path.abspath(binary))
    else:
        print("no program was named, so the settings were checked against docs/settings.md alone")
    lint = subprocess.run(
        [f"{sys.prefix}/bin/hadolint", str(HERE.parent / "Dockerfile")], capture_output=True, text=True, check=False
    )
    check("hadolint has nothing to say of the Dockerfile", lint.returncode and lint.stdout)
    made = subprocess.run([sys.executable, str(HERE / "generate"), "--check"], capture_output=True, text=True, check=False)
    check("README.md and values.schema.json are up to date", made.returncode and made.stderr)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
