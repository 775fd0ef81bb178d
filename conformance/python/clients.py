"""fhirpy and SMART's fhirclient, as a tool in Python would use them. Arguments: FHIR base, features (comma list)."""
import sys
import warnings

from fhirclient import client as smart_client
from fhirclient.models.auditevent import AuditEvent
from fhirclient.models.bundle import Bundle
from fhirclient.models.flag import Flag
from fhirclient.models.organization import Organization
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError

from judge import Judge

BASE, FEATURES = sys.argv[1], set(sys.argv[2].split(","))
CHILD, NONE, ENDED, MANY = "9990000018", "9990000026", "9990000093", "9990000182"
UNREADABLE = ["9990000263", "9990000328", "9990000271"]
FAILING = {"9990000019": 400, "9990000506": 502, "9990000484": 503, "9990000999": 504}


def fhirpy():
    client, judge = SyncFHIRClient(BASE), Judge("fhirpy")

    def flags(number, **more):
        return client.resources("Flag").search(patient=number, **more)

    def whole(search):
        """The whole searchset: `fetch()` of this client gives the matches of the type alone."""
        bundle = search.fetch_raw()
        modes = {"match": [], "include": [], "outcome": []}
        for entry in bundle.get("entry") or []:
            modes[entry["search"]["mode"]].append(entry["resource"])
        return bundle, modes

    def searches():
        found = flags(CHILD).fetch()
        judge.check("search", len(found) == 2 and found[0].get("status") in ("active", "inactive"), f"{len(found)} flags")
        judge.check("getter", found[0].get_by_path(["subject", "identifier", "value"]) == CHILD, "another child")
        _, modes = whole(flags(CHILD).include("Flag", "author"))
        judge.check("include", any(r["resourceType"] == "Organization" and r["telecom"] for r in modes["include"]), "no number to ring")
        bundle = client.execute("EpisodeOfCare/_search", method="post", data=None, params={"patient": CHILD})
        judge.check("search by POST", bundle["total"] == 2, "not two episodes")
        bundle, _ = whole(flags(NONE))
        judge.check("no record", bundle["total"] == 0 and "entry" not in bundle, "not empty")

    def unreadable():
        for number in UNREADABLE:
            _, modes = whole(flags(number))
            active = [r for r in modes["match"] if r["status"] == "active"]
            judge.check(f"partly unreadable {number}", active and modes["outcome"], "could be taken for no plan")
            fetched = [r for r in flags(number).fetch() if r["status"] == "active"]
            judge.check(f"partly unreadable {number}, fetch()", fetched, "could be taken for no plan")

    def errors():
        for number, status in FAILING.items():
            try:
                flags(number).fetch()
                judge.check(f"error {status}", False, "no exception")
            except BaseFHIRError as error:
                judge.check(f"error {status}", "OperationOutcome" in str(error) or "issue" in str(error), str(error)[:200])

    def filtered():
        bundle, modes = whole(flags(ENDED, status="active"))
        judge.check("filtered away", "total" not in bundle and modes["outcome"], "could be taken for no plan")

    def reads():
        flag = flags(CHILD).fetch()[0]
        again = client.reference("Flag", flag.id).to_resource()
        judge.check("read", again.id == flag.id, "another flag")
        author = flag["author"].to_resource()
        judge.check("resolve", author.resource_type == "Organization" and author["telecom"], "no authority")

    def paging():
        accesses = client.resources("AuditEvent").search(patient=MANY).limit(10).fetch_all()
        judge.check("paging", len(accesses) > 20, f"{len(accesses)} accesses")

    run(judge, {"": [searches, unreadable, errors], "filters": [filtered], "read": [reads], "paging": [paging]})


def smart():
    judge = Judge("fhirclient (SMART, Python)")
    server = smart_client.FHIRClient(settings={"app_id": "conformance", "api_base": BASE}).server

    def flags(**parameters):
        return Flag.where(parameters)

    def whole(search):
        bundle = Bundle.read_from(search.construct(), server)
        modes = {"match": [], "include": [], "outcome": []}
        for entry in bundle.entry or []:
            modes[entry.search.mode].append(entry.resource)
        return bundle, modes

    def searches():
        found = flags(patient=CHILD).perform_resources(server)
        judge.check("search", len(found) == 2 and isinstance(found[0], Flag), f"{len(found)} flags")
        judge.check("dates", found[0].period.start is not None and found[0].period.start.date, "no start")
        _, modes = whole(flags(patient=CHILD).include("author"))
        judge.check("include", any(isinstance(r, Organization) and r.telecom for r in modes["include"]), "no number to ring")
        author = found[0].author
        judge.check("display", author.display and author.identifier.value, "an author without name or code")
        bundle, _ = whole(flags(patient=NONE))
        judge.check("no record", bundle.total == 0 and not bundle.entry, "not empty")

    def unreadable():
        for number in UNREADABLE:
            _, modes = whole(flags(patient=number))
            active = [r for r in modes["match"] if r.status == "active"]
            judge.check(f"partly unreadable {number}", active and modes["outcome"], "could be taken for no plan")

    def errors():
        for number, status in FAILING.items():
            try:
                flags(patient=number).perform_resources(server)
                judge.check(f"error {status}", False, "no exception")
            except Exception as error:  # noqa: BLE001: requests' HTTPError or the library's own
                got = getattr(getattr(error, "response", None), "status_code", None)
                judge.check(f"error {status}", got == status, f"{type(error).__name__} {got}")

    def filtered():
        bundle, modes = whole(flags(patient=ENDED, status="active"))
        judge.check("filtered away", bundle.total is None and modes["outcome"], "could be taken for no plan")
        listed = flags(patient=ENDED, status="active").perform_resources(server)
        judge.check("filtered away, perform_resources", any(r.resource_type == "OperationOutcome" for r in listed), "could be taken for no plan")

    def reads():
        flag = flags(patient=CHILD).perform_resources(server)[0]
        judge.check("read", Flag.read(flag.id, server).id == flag.id, "another flag")
        judge.check("resolve", flag.author.resolved(Organization).telecom, "no authority")

    def paging():
        accesses = AuditEvent.where({"patient": MANY, "_count": "10"}).perform_resources(server)
        judge.check("paging", len(accesses) > 20, f"{len(accesses)} accesses")

    def capability():
        judge.check("capability", server.capabilityStatement.fhirVersion == "4.0.1", "another version")

    run(judge, {"": [searches, unreadable, errors], "filters": [filtered], "read": [reads], "paging": [paging], "metadata": [capability]})


def run(judge, parts):
    for feature, functions in parts.items():
        if not feature or feature in FEATURES:
            for function in functions:
                judge.part(function.__name__, function)
    judge.print()


warnings.simplefilter("ignore")
fhirpy()
smart()
