"""Counting checks, and asking the real helm."""

import pathlib
import subprocess

import tomllib

HERE = pathlib.Path(__file__).resolve().parent.parent
CHART = HERE / "cpis-fhir"
DOCS = HERE.parent / "docs"
SETS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
# The oldest release that the chart allows, and the newest whose schemas are there.
KUBERNETES = ["1.30", "1.37"]
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


def kinds(documents: list, kind: str) -> list:
    return [document for document in documents if document["kind"] == kind]


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


def toml_of(documents: list) -> dict:
    texts = [d["data"]["cpis-fhir.toml"] for d in kinds(documents, "ConfigMap") if "cpis-fhir.toml" in d["data"]]
    if len(texts) != 1:
        raise ValueError(f"{len(texts)} settings files")
    return tomllib.loads(texts[0])


def finish() -> int:
    """Says what was counted; the exit code."""
    print(f"helm checks: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
