"""The package, NOTES.txt, and that the same values give the same objects."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

from .tally import CHART, KUBERNETES, SETS, check, helm, template, values_of


def check_package() -> None:
    """The chart as it is shipped holds what its templates read."""
    with tempfile.TemporaryDirectory() as folder:
        made = helm("package", str(CHART), "-d", folder)
        check("helm package", made.returncode and made.stderr)
        archives = list(pathlib.Path(folder).glob("*.tgz"))
        if archives:
            listed = subprocess.run(["tar", "tzf", str(archives[0])], capture_output=True, text=True, check=True).stdout
            check(
                "the package has dashboard, alerts and schema",
                [
                    f
                    for f in (
                        "files/dashboard.json",
                        "files/alerts.yaml",
                        "values.schema.json",
                        "README.md",
                        "templates/NOTES.txt",
                    )
                    if f"cpis-fhir/{f}" not in listed
                ],
            )
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
            '{{ define "the-notes" }}' + text + '{{ end }}\nkind: Notes\ntext: {{ include "the-notes" . | toJson }}\n',
            encoding="utf-8",
        )
        for name in SETS:
            made = helm(
                "template",
                "r",
                str(copy),
                "-n",
                "cpis",
                "--kube-version",
                KUBERNETES[0],
                "-f",
                str(values_of(name)),
                "--show-only",
                "templates/notes.yaml",
            )
            said = (yaml.safe_load(made.stdout) or {}).get("text", "") if made.returncode == 0 else ""
            check(
                f"NOTES.txt with {name}",
                "" if "What still must be done" in said and "<no value>" not in said and "%!" not in said else made.stderr + said,
            )
            check(f"NOTES.txt with {name} says whether it is a rehearsal", ("*** REHEARSAL" in said) != (name == "simulator"))
            check(f"NOTES.txt with {name} shows no user of a store", [w for w in ("cpis_fhir@", "cpis@") if w in said])
