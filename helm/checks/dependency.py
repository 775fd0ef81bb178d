"""The chart as a dependency of a chart of the operator's own."""

import pathlib
import tempfile

import yaml

from .tally import CHART, KUBERNETES, check, helm, kinds, values_of


def parent(folder: str, name: str, *dependencies: dict) -> pathlib.Path:
    """A chart that has ours as a dependency, once for each of `dependencies`."""
    chart = pathlib.Path(folder, name)
    chart.mkdir()
    ours = {"name": "cpis-fhir", "version": "*", "repository": f"file://{CHART}"}
    about = {"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": [ours | more for more in dependencies]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    built = helm("dependency", "build", str(chart))
    check(f"{name}: helm dependency build", built.returncode and built.stdout + built.stderr)
    return chart


def drawn(chart: pathlib.Path, values: dict) -> tuple[list, str]:
    """Objects, in an order of their own, and what Helm said."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "values.yaml")
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        made = helm("template", "r", str(chart), "-n", "cpis", "--kube-version", KUBERNETES[0], "-f", str(file))
    documents = [document for document in yaml.safe_load_all(made.stdout) if document]
    return sorted(documents, key=lambda document: (document["kind"], document["metadata"]["name"])), made.stderr


def check_dependency() -> None:
    single, clustered = (yaml.safe_load(values_of(name).read_text(encoding="utf-8")) for name in ("single", "clustered"))
    alone, _ = drawn(CHART, single)
    with tempfile.TemporaryDirectory() as folder:
        usual = parent(folder, "usual", {"condition": "cpis-fhir.enabled"})
        shared = {"imageRegistry": "registry.trust.example", "replicas": 9, "nothing": None}
        for what, values in {
            "": {"cpis-fhir": single},
            " switched on": {"cpis-fhir": single | {"enabled": True}},
            " beside globals": {"cpis-fhir": single, "global": shared},
            " with sections that are null": {"cpis-fhir": single | {"otel": None, "shutdown": None, "resources": None}},
        }.items():
            objects, said = drawn(usual, values)
            check(f"a dependency{what} draws what the chart alone draws", said if said or not objects else objects != alone)
        objects, said = drawn(usual, {"cpis-fhir": {"enabled": False}})
        check("a dependency that is switched off draws nothing", said or objects)
        # Nulls in the parent's own values.yaml, which Helm passes on otherwise than those of a file of values.
        own = {"cpis-fhir": clustered | {"replicas": None, "otel": None, "podAnnotations": None}}
        (usual / "values.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
        objects, said = drawn(usual, {})
        numbers = [document["spec"].get("replicas") for document in kinds(objects, "Deployment")]
        check("null in the parent's own values is null", said or numbers != [None])
        objects, said = drawn(parent(folder, "careless", {}), {"cpis-fhir": single | {"enabled": False}})
        check("enabled: false where no condition is read is refused", objects or "lacks condition: cpis-fhir.enabled" not in said)
        objects, said = drawn(parent(folder, "twice", {"alias": "north"}, {"alias": "south"}), {"north": single, "south": single})
        names = {(document["kind"], document["metadata"]["name"]) for document in objects}
        check("two of them under names of their own share no object", said or len(names) != 2 * len(alone))
