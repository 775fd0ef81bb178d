"""Values that are null, as a section is of which every line is commented out."""

import copy
import json
import pathlib
import tempfile
from concurrent.futures import ThreadPoolExecutor

import yaml

from .tally import CHART, check, kinds, template, values_of

# Null says something here, which the comments of values.yaml tell.
MEANT = {"replicas", "security.uid"}
# How a refusal with a message begins: of the schema, of the templates.
REFUSALS = ("values don't meet the specifications of the schema", "These values cannot be installed")


def paths(schema: dict, at: str = "", root: dict | None = None):
    """Every value and every section. What is below `settings`, or in a map of the operator's own, is no value of the chart's."""
    root = root or schema
    for name, inner in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        inner = root["definitions"][inner["$ref"].rsplit("/", 1)[1]] if "$ref" in inner else inner
        if path != "global":
            yield path
        if path != "settings" and inner.get("additionalProperties") is False:
            yield from paths(inner, path, root)


def without(values: dict, path: str) -> dict:
    result = at = copy.deepcopy(values)
    *sections, leaf = path.split(".")
    for section in sections:
        at = at.get(section, {})
    at.pop(leaf, None)
    return result


def nothing_at(path: str) -> dict:
    value = None
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def drawn(folder: str, name: str, *values: dict) -> tuple[str, str]:
    """What Helm draws of these values, each over the one before, or what it says."""
    files = []
    for at, part in enumerate(values):
        files.append(pathlib.Path(folder, f"{name}-{at}.yaml"))
        files[-1].write_text(yaml.safe_dump(part), encoding="utf-8")
    made = template(files)
    return made.stdout, made.stderr


def check_nulls() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load(values_of("everything-on").read_text(encoding="utf-8"))
    every = [path for path in paths(schema) if path not in MEANT]
    check("the schema gives every value and section", len(every) < 150)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def differs(path: str):
            absent = drawn(folder, f"absent-{path}", without(values, path))
            null = drawn(folder, f"null-{path}", values, nothing_at(path))
            is_refused = not null[0] and any(words in null[1] for words in REFUSALS)
            return "" if null == absent or is_refused else f"absent: {absent[1] or 'drawn'}; null: {null[1] or 'drawn otherwise'}"

        for path, problem in zip(every, pool.map(differs, every), strict=True):
            check(f"{path}: null is as if it were not there, or refused", problem)
    check_number_of_pods()


def check_number_of_pods() -> None:
    """`replicas: null` leaves the number to something else."""
    with tempfile.TemporaryDirectory() as folder:
        clustered = yaml.safe_load(values_of("clustered").read_text(encoding="utf-8")) | {"autoscaling": {"enabled": False}}
        text, said = drawn(folder, "clustered", clustered, {"replicas": None})
        documents = [document for document in yaml.safe_load_all(text) if document]
        numbers = [document["spec"].get("replicas") for document in kinds(documents, "Deployment")]
        check("replicas: null draws no number of pods", said or numbers != [None])
        check("replicas: null counts as several pods", not kinds(documents, "PodDisruptionBudget"))
        paused, _ = drawn(folder, "paused", clustered, {"replicas": 0})
        numbers = [document["spec"]["replicas"] for document in kinds(list(yaml.safe_load_all(paused)), "Deployment")]
        check("replicas: 0 is 0", numbers != [0])
