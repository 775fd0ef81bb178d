"""The definitions of operators' resources, as JSON Schema."""

import pathlib

import yaml

# Kinds of operators.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "Certificate", "ExternalSecret", "HTTPRoute", "TLSRoute", "BackendTLSPolicy"}


def closed(schema):
    """An operator's schema as plain JSON Schema that refuses unknown fields, as the API server's strict mode does."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {
        key: {name: closed(inner) for name, inner in value.items()} if key == "properties" else closed(value)
        for key, value in schema.items()
    }
    if (
        "properties" in result
        and "additionalProperties" not in result
        and not schema.get("x-kubernetes-preserve-unknown-fields")
        and "type" in result
    ):
        result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def definitions(folders: list[str]) -> dict:
    """Schemas of the kinds that the chart uses, by API version and kind."""
    found = {}
    for folder in folders:
        for path in pathlib.Path(folder).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            if not any(f"\n    kind: {kind}\n" in text for kind in CUSTOM):
                continue
            for document in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if not document or document.get("kind") != "CustomResourceDefinition":
                    continue
                spec = document["spec"]
                for version in spec["versions"]:
                    if version.get("served") and "schema" in version:
                        schema = closed(version["schema"]["openAPIV3Schema"])
                        schema.get("properties", {})["metadata"] = {"type": "object"}
                        found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found
