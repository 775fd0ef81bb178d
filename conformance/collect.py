"""Asks the running service for every kind of answer it gives, and keeps them for the judges.

Usage: collect.py FHIR-BASE OUT-DIRECTORY

OUT gets one file per answer and `index.json`: a list of {file, name, format, status, kind}, and `features.json`.
This is a judge too: status, media type and the entries that must never be missing are checked on the way.
Python's standard library only, so that nothing stands between the service and what is kept.
"""
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASE, OUT = sys.argv[1].rstrip("/"), Path(sys.argv[2])
ROOT = BASE.removesuffix("/FHIR/R4")
NS = "{http://hl7.org/fhir}"
EXPORTED = Path(__file__).parent.parent / "src/export/snapshots/cpis_fhir__export__tests__audit_events.snap.ndjson"
TYPES = ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"]
READABLE = TYPES + ["Patient", "Organization", "PractitionerRole", "Device"]
INCLUDES = {
    "Flag": "_include=Flag:author&_include=Flag:patient&_include=Flag:detail&_include:iterate=EpisodeOfCare:team"
    "&_revinclude:iterate=AuditEvent:entity&_include:iterate=AuditEvent:agent",
    "EpisodeOfCare": "_include=EpisodeOfCare:organization&_include=EpisodeOfCare:patient&_include=EpisodeOfCare:team"
    "&_revinclude=Flag:detail&_revinclude:iterate=AuditEvent:entity&_include:iterate=AuditEvent:agent",
    "CareTeam": "_include=CareTeam:patient&_include=CareTeam:subject",
    "CarePlan": "_include=CarePlan:care-team&_include=CarePlan:patient",
    "AuditEvent": "_include=AuditEvent:agent&_include=AuditEvent:entity&_include=AuditEvent:source",
}
# Children of the simulator (src/simulator/built_in.toml) that are answered, by what each of them is there for.
FOUND = {
    "showpiece": "9990000018", "child-protection": "9990000034", "looked-after": "9990000042", "unborn": "9990000050",
    "two-plans": "9990000069", "mother-and-child": "9990000077", "two-authorities": "9990000085", "ended": "9990000093",
    "future": "9990000107", "end-to-come": "9990000115", "unborn-in-grace": "9990000123", "unborn-past-grace": "9990000131",
    "no-access": "9990000158", "access-by-person": "9990000166", "access-by-system": "9990000174", "25-accesses": "9990000182",
    "emergency-number-only": "9990000204", "odd-telephone-uses": "9990000212", "record-without-numbers": "9990000220",
    "local-id": "9990000247", "access-about-another": "9990000255", "more-accesses-counted": "9990000433",
    "spine-reply": "9990000875", "base64": "9990000824", "gzip": "9990000832", "harness": "9449310394",
}
UNREADABLE = {"unknown-template": "9990000263", "readable-and-unknown": "9990000271", "bad-start": "9990000298", "bad-end": "9990000301",
              "record-without-plan": "9990000328", "two-counted-one-there": "9990000336", "stale": "9990000522"}
NO_RECORD = {"no-record": "9990000026", "explicit-zero": "9990000425", "simulator-none": "8888888888", "spine-not-found": "9990000883"}
# What the SMSP says, and the status that fhir.md 5 and decisions.md 18 want for it.
FAILING = {
    "9990000441": 500, "9990000468": 502, "9990000476": 503, "9990000484": 503, "9990000492": 403, "9990000506": 502,
    "9990000514": 502, "9990000530": 502, "9990000549": 500, "9990000557": 502, "9990000565": 500, "9990000573": 503,
    "9990000581": 502, "9990000638": 500, "9990000646": 502, "9990000654": 500, "9990000662": 500, "9990000700": 502,
    "9990000719": 502, "9990000727": 502, "9990000743": 502, "9990000778": 503, "9990000239": 502, "9990000352": 502,
    "9990000360": 502, "9990000379": 502, "9990000387": 502, "9990000409": 502, "9990000905": 502, "9990000913": 502,
    "9990000921": 502, "9990000999": 504, "9990001022": 504, "9990001030": 504, "9990001049": 502, "9990001081": 502,
    "9990001138": 502, "9990001146": 502,
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHILD, NONE, ENDED = FOUND["showpiece"], NO_RECORD["no-record"], FOUND["ended"]

index, passed, failures = [], 0, []


class Keep(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


opener = urllib.request.build_opener(Keep)


def ask(path, method="GET", headers=None, body=None):
    """One request as it stands; a 429 is waited out, since the judges are not here to test the rate limit."""
    url = path if path.startswith("http") else BASE + path
    for _ in range(20):
        request = urllib.request.Request(url, method=method, headers=headers or {}, data=body.encode() if isinstance(body, str) else body)
        try:
            with opener.open(request, timeout=60) as reply:
                got = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            got = error.code, error.headers, error.read()
        if got[0] != 429:
            return got
        time.sleep(float(got[1].get("Retry-After") or 1))
    return got


def check(name, holds, why=""):
    global passed
    if holds:
        passed += 1
    else:
        failures.append(f"{name}: {why}")


def outcomes(bundle):
    return [e["resource"] for e in bundle.get("entry", []) if e.get("search", {}).get("mode") == "outcome"]


def resource_count(bundle, mode="match"):
    return sum(e.get("search", {}).get("mode") == mode for e in bundle.get("entry", []))


def keep(name, wanted, path, kind, method="GET", headers=None, body=None, formats=("json", "xml")):
    """Asks in each format, checks status and media type, keeps the body. Returns the JSON answer, parsed."""
    parsed = None
    for form in formats:
        if form == "xml" and "xml" not in features:
            continue
        sent = {"Accept": f"application/fhir+{form}", **(headers or {})}
        status, got, content = ask(path, method, sent, body)
        label = f"{name} ({form})"
        check(label, status == wanted, f"HTTP {status}, {wanted} wanted: {content[:300]!r}")
        media = got.get("Content-Type", "")
        # An answer to an Accept that cannot be met may choose its own format.
        actual = "xml" if "xml" in media else "json"
        if "Accept" not in (headers or {}):
            check(label, media.lower().replace(" ", "").startswith(f"application/fhir+{form}"), f"Content-Type {media!r}")
        file = f"{len(index):04d}-{re.sub('[^A-Za-z0-9]+', '-', name)}.{actual}"
        (OUT / file).write_bytes(content)
        index.append({"file": file, "name": name, "format": actual, "status": status, "kind": kind})
        if actual == "json":
            try:
                parsed = json.loads(content)
            except ValueError:
                check(label, False, "the body is not JSON")
    return parsed or {}


def probe():
    """What this binary has; what it has not is pending, said so loudly by `run`."""
    search = f"/Flag?patient={CHILD}"
    found, status = set(), lambda *a, **k: ask(*a, **k)[0]
    first = ask(search)
    if status(search, headers={"Accept": "application/fhir+xml"}) == 200:
        found.add("xml")
    entries = json.loads(first[2]).get("entry", [])
    if entries and status(entries[0]["fullUrl"]) == 200:
        found.add("read")
    for name, path in {
        "filters": search + "&status=active", "paging": search + "&_count=1", "summary": search + "&_summary=true", "metadata": "/metadata",
        "patient-flag": f"/PatientFlag?patient={CHILD}&code=child-protection-information-system-flag",
        "search-parameters": "/SearchParameter/Flag-status",
    }.items():
        if status(path, headers={"IsUnscheduledAccessEvent": "true"}) == 200:
            found.add(name)
    if "search-parameters" not in found and "metadata" in found:
        if search_parameters():
            found.add("search-parameters")
    if status("", "POST", {"Content-Type": "application/fhir+json"}, batch(f"Flag?patient={CHILD}")) == 200:
        found.add("batch")
    if any(status(ROOT + p) == 200 or status(BASE + p) == 200 for p in ("/openapi.yaml", "/openapi.json")):
        found.add("openapi-route")
    return found


def search_parameters():
    """Addresses of our own search parameters that the capability statement names."""
    statement = json.loads(ask("/metadata")[2])
    named = {p.get("definition", "") for r in statement.get("rest", []) for t in r.get("resource", []) for p in t.get("searchParam", [])}
    ids = sorted({n.rsplit("/", 1)[1].split("|")[0] for n in named if "SearchParameter/" in n and "hl7.org/fhir/SearchParameter" not in n})
    return [f"/SearchParameter/{i}" for i in ids if ask(f"/SearchParameter/{i}")[0] == 200]


def batch(*urls):
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    return json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})


def searches():
    for name, number in {**FOUND, **UNREADABLE, **NO_RECORD}.items():
        for kind in TYPES:
            got = keep(f"{kind} of {name}", 200, f"/{kind}?patient={number}&{INCLUDES[kind]}", "searchset")
            label = f"{kind} of {name}"
            check(label, got.get("total", 0) == resource_count(got), "total is not the number of matches")
            if name in NO_RECORD:
                check(label, got.get("total") == 0 and "entry" not in got, "a true 'no record' has total 0 and no entry")
            elif kind == "Flag":
                check(label, resource_count(got) > 0, "a child with a record shows no Flag")
            if name in UNREADABLE:
                check(label, outcomes(got), "an answer that is incomplete or stale has no outcome entry")
                if kind in ("Flag", "EpisodeOfCare") and name not in ("stale",):
                    active = [e for e in got.get("entry", []) if e["resource"].get("status") == "active"]
                    check(label, active, "what could not be read does not show as active")
    keep("Flag by POST", 200, "/Flag/_search", "searchset", "POST", FORM, f"patient={CHILD}&_include=Flag:author")
    keep("Flag, lenient", 200, f"/Flag?patient={CHILD}&favourite-colour=blue", "searchset", headers={"Prefer": "handling=lenient"})
    keep("Flag, pretty", 200, f"/Flag?patient={CHILD}&_pretty=true", "searchset")


def errors():
    form = {**FORM}
    for name, wanted, path, method, headers, body in [
        ("bad check digit", 400, "/Flag?patient=9990000019", "GET", {}, None),
        ("no child", 400, "/Flag", "GET", {}, None),
        ("two children", 400, f"/Flag?patient={CHILD}&subject={NONE}", "GET", {}, None),
        ("unknown parameter", 400, f"/Flag?patient={CHILD}&favourite-colour=blue", "GET", {}, None),
        ("unknown include", 400, f"/Flag?patient={CHILD}&_include=Flag:nothing", "GET", {}, None),
        ("bad request id", 400, f"/Flag?patient={CHILD}", "GET", {"X-Request-ID": "no"}, None),
        ("unknown type", 404, f"/Observation?patient={CHILD}", "GET", {}, None),
        ("unknown id", 404, "/Flag/nothing-here", "GET", {}, None),
        ("a number as id", 404, f"/Patient/{CHILD}", "GET", {}, None),
        ("a write", 405, "/Flag", "PUT", {"Content-Type": "application/fhir+json"}, "{}"),
        ("a delete", 405, "/Flag/nothing-here", "DELETE", {}, None),
        ("not acceptable", 406, f"/Flag?patient={CHILD}", "GET", {"Accept": "image/png"}, None),
        ("another FHIR version", 406, f"/Flag?patient={CHILD}", "GET", {"Accept": "application/fhir+json; fhirVersion=3.0"}, None),
        ("too large", 413, "/Flag/_search", "POST", form, f"patient={CHILD}&x=" + "x" * 70_000),
        ("wrong content type", 415, "/Flag/_search", "POST", {"Content-Type": "text/plain"}, f"patient={CHILD}"),
        ("scheduled care", 403, f"/Flag?patient={CHILD}", "GET", {"IsUnscheduledAccessEvent": "false"}, None),
        ("bad unscheduled header", 400, f"/Flag?patient={CHILD}", "GET", {"IsUnscheduledAccessEvent": "perhaps"}, None),
    ]:
        got = keep(f"error: {name}", wanted, path, "error", method, headers, body)
        check(name, not got or got.get("resourceType") == "OperationOutcome", "an error is not an OperationOutcome")
    status, headers, body = ask(f"/Flag?patient={CHILD}", "HEAD")
    check("HEAD on a search", status == 405 and headers.get("Allow"), f"HTTP {status}: HEAD would be a look")
    with ThreadPoolExecutor(4) as pool:  # some of them take a while
        list(pool.map(lambda item: ask(f"/Flag?patient={item[0]}"), FAILING.items()))
    for number, wanted in FAILING.items():
        got = keep(f"error: SMSP case {number}", wanted, f"/Flag?patient={number}", "error")
        check(number, got.get("resourceType") == "OperationOutcome", "a failure is not an OperationOutcome")


def reads():
    bundle = json.loads(ask(f"/Flag?patient={FOUND['25-accesses']}&{INCLUDES['Flag']}")[2])
    bundle["entry"] += json.loads(ask(f"/Flag?patient={CHILD}&{INCLUDES['Flag']}")[2])["entry"]
    seen = set()
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        if kind in READABLE and kind not in seen:
            seen.add(kind)
            got = keep(f"read {kind}", 200, entry["fullUrl"], "read")
            check(f"read {kind}", got.get("id") == entry["resource"]["id"], "another resource than the one referred to")
    check("reads", seen == set(READABLE), f"no {sorted(set(READABLE) - seen)} to read")


def filters():
    for query, what in [("status=active", "status"), ("date=gt2099-01-01", "date")]:
        for kind in ("Flag", "EpisodeOfCare", "CarePlan", "CareTeam"):
            got = keep(f"{kind} filtered away by {what}", 200, f"/{kind}?patient={ENDED}&{query}", "searchset")
            check(f"{kind} filtered away by {what}", "total" not in got and outcomes(got), "filters removed all, and nothing says so")
    got = keep("filtered away, count only", 200, f"/Flag?patient={ENDED}&status=active&_summary=count", "searchset")
    check("filtered away, count only", outcomes(got), "filters removed all, and nothing says so")
    got = keep("AuditEvent by date", 200, f"/AuditEvent?patient={CHILD}&date=ge2000-01-01", "searchset")
    check("AuditEvent by date", resource_count(got) > 0, "no access is left")
    got = keep("placeholder, filtered by status", 200, f"/Flag?patient={UNREADABLE['record-without-plan']}&status=active", "searchset")
    check("placeholder, filtered by status", resource_count(got) > 0 and outcomes(got), "a placeholder is lost")


def summaries():
    for value in ("true", "data", "count", "text"):
        keep(f"_summary={value}", 200, f"/Flag?patient={CHILD}&_summary={value}", "searchset")
    keep("_elements", 200, f"/Flag?patient={CHILD}&_elements=status,period", "searchset")


def paging():
    number, pages, ids = FOUND["25-accesses"], 0, []
    url = f"/AuditEvent?patient={number}&_count=10"
    while url and pages < 10:
        got = keep(f"page {pages + 1}", 200, url, "searchset", formats=("json",) if pages else ("json", "xml"))
        ids += [e["resource"]["id"] for e in got.get("entry", []) if e["search"]["mode"] == "match"]
        pages += 1
        url = next((link["url"] for link in got.get("link", []) if link["relation"] == "next"), None)
    check("paging", pages == 3 and len(set(ids)) == len(ids) == got.get("total"), f"{pages} pages, {len(ids)} of {got.get('total')}")
    got = keep("placeholder on pages", 200, f"/Flag?patient={UNREADABLE['readable-and-unknown']}&_count=1", "searchset")
    check("placeholder on pages", outcomes(got), "a page of an incomplete answer does not say so")


def batches():
    sent = {"Content-Type": "application/fhir+json"}
    body = batch(f"Flag?patient={CHILD}&_include=Flag:author", f"EpisodeOfCare?patient={CHILD}", f"AuditEvent?patient={CHILD}", "Observation?x=1")
    got = keep("batch", 200, "", "batch-response", "POST", sent, body)
    statuses = [e.get("response", {}).get("status", "")[:3] for e in got.get("entry", [])]
    check("batch", statuses == ["200", "200", "200", "404"], f"{statuses}")
    body = batch(f"Flag?patient={UNREADABLE['record-without-plan']}", "Flag?patient=9990000506")
    keep("batch with a failure", 200, "", "batch-response", "POST", sent, body)
    keep("error: transaction", 400, "", "error", "POST", sent, body.replace('"batch"', '"transaction"'))


def patient_flag():
    unscheduled = {"IsUnscheduledAccessEvent": "true"}
    code = "&code=child-protection-information-system-flag"
    for name in ("showpiece", "two-authorities", "ended", "unborn"):
        keep(f"PatientFlag of {name}", 200, f"/PatientFlag?patient={FOUND[name]}{code}", "searchset", headers=unscheduled)
    keep("PatientFlag without code", 200, f"/PatientFlag?patient={CHILD}", "searchset", headers=unscheduled)
    keep("PatientFlag of no-record", 200, f"/PatientFlag?patient={NONE}{code}", "searchset", headers=unscheduled)
    keep("error: PatientFlag without the header", 400, f"/PatientFlag?patient={CHILD}{code}", "error")


def trail():
    """What `audit export --format fhir` writes, as the unit tests hold it: entries of every kind, and a line that was changed."""
    lines = EXPORTED.read_text().splitlines()
    check("exported trail", len(lines) > 10, f"{len(lines)} events")
    for line in lines:
        file = f"{len(index):04d}-exported-trail.json"
        (OUT / file).write_text(line)
        index.append({"file": file, "name": "exported trail", "format": "json", "status": 200, "kind": "export"})
        check(file, json.loads(line)["resourceType"] == "AuditEvent", "another type")


def main():
    for name in ("*.json", "*.xml"):
        for old in OUT.glob(name):
            old.unlink()
    searches()
    errors()
    parts = {"read": reads, "filters": filters, "summary": summaries, "paging": paging, "batch": batches, "patient-flag": patient_flag}
    for name, part in parts.items():
        if name in features:
            part()
    if "metadata" in features:
        keep("metadata", 200, "/metadata", "metadata")
    if "search-parameters" in features:
        for path in search_parameters():
            keep(path[1:], 200, path, "read")
    trail()
    (OUT / "index.json").write_text(json.dumps(index, indent=1))
    (OUT / "features.json").write_text(json.dumps(sorted(features)))
    kinds = {kind: sum(row["kind"] == kind for row in index) for kind in sorted({row["kind"] for row in index})}
    print(f"  answers kept: {len(index)}, " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    for failure in failures:
        print(f"  NOT {failure}")
    print(f"JUDGE collector (status, media type, entries that must be there): {passed} passed, {len(failures)} failed")


OUT.mkdir(parents=True, exist_ok=True)
features = probe()
main()
