"""fhir.resources (R4B models, pydantic) parses every JSON answer. Argument: the folder of answers.

R4B differs from R4 in none of the resource types that the service sends.
"""
import json
import sys
from pathlib import Path

from fhir.resources.R4B import get_fhir_model_class

from judge import Judge

folder = Path(sys.argv[1])
judge = Judge("fhir.resources (R4B) parses every JSON answer")
for row in json.loads((folder / "index.json").read_text()):
    if row["format"] == "json":
        document = json.loads((folder / row["file"]).read_text())

        def parse(document=document, row=row):
            model = get_fhir_model_class(document["resourceType"]).model_validate(document)
            judge.check(row["file"], model.get_resource_type() == document["resourceType"], "another type")
            partly = [e for e in document.get("entry", []) if e.get("search", {}).get("mode") == "outcome"]
            if partly:
                seen = [e for e in model.entry if e.search.mode == "outcome" and e.resource.issue[0].diagnostics]
                judge.check(row["file"], len(seen) == len(partly), "the outcome entry does not survive parsing")

        judge.part(row["file"], parse)


def control():
    get_fhir_model_class("Flag").model_validate({"resourceType": "Flag", "code": {"text": "x"}})


try:
    control()
    judge.check("control", False, "a Flag without status passes")
except ValueError:
    judge.check("control", True, "")
judge.print()
