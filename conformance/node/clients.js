// fhir-kit-client and SMART's fhirclient (server side), as an EPR on Node would use them. Arguments: FHIR base, features (comma list).
"use strict";
const { Judge } = require("./judge");

const base = process.argv[2];
const features = new Set((process.argv[3] ?? "").split(","));
const CHILD = "9990000018";
const UNREADABLE = ["9990000263", "9990000328", "9990000271"];

const entries = (bundle, mode) => (bundle.entry ?? []).filter((entry) => entry.search?.mode === mode).map((entry) => entry.resource);
const saysSo = (bundle) => entries(bundle, "outcome").some((one) => one.resourceType === "OperationOutcome" && one.issue[0].diagnostics);
const activeFlag = (bundle) => entries(bundle, "match").some((one) => one.resourceType === "Flag" && one.status === "active");
const relative = (url) => url.split("/").slice(-2).join("/");

async function refused(judge, name, wanted, ask) {
  try {
    await ask();
    judge.check(name, false, "no error was thrown");
  } catch (error) {
    const status = error.response?.status ?? error.status ?? error.statusCode;
    judge.check(name, Number(status) === wanted, `status ${status}: ${error.message}`);
    return error;
  }
}

async function kit() {
  const { Client } = await import("fhir-kit-client");
  const client = new Client({ baseUrl: base });
  const judge = new Judge("fhir-kit-client");
  const flags = (number, more = {}) => client.search({ resourceType: "Flag", searchParams: { patient: number, ...more } });
  await judge.part("search by GET", async () => {
    const bundle = await flags(CHILD, { _include: ["Flag:author", "Flag:detail"] });
    judge.check("search by GET", entries(bundle, "match").length === 2 && activeFlag(bundle), "not two flags");
    judge.check("include", entries(bundle, "include").some((one) => one.resourceType === "Organization" && one.telecom), "no number to ring");
  });
  await judge.part("search by POST", async () => {
    const bundle = await client.resourceSearch({ resourceType: "EpisodeOfCare", searchParams: { patient: CHILD }, options: { postSearch: true } });
    judge.check("search by POST", entries(bundle, "match").length === 2, "not two episodes");
  });
  await judge.part("by identifier", async () => {
    const bundle = await client.search({
      resourceType: "Flag", searchParams: { "patient:identifier": `https://fhir.nhs.uk/Id/nhs-number|${CHILD}` },
    });
    judge.check("by identifier", entries(bundle, "match").length === 2, "not two flags");
  });
  await judge.part("no record", async () => {
    const bundle = await flags("9990000026");
    judge.check("no record", bundle.total === 0 && !bundle.entry, "not empty");
  });
  for (const number of UNREADABLE) {
    await judge.part(`partly unreadable ${number}`, async () => {
      const bundle = await flags(number);
      judge.check(`partly unreadable ${number}`, saysSo(bundle) && activeFlag(bundle), "could be taken for no plan");
    });
  }
  for (const [number, status] of [["9990000019", 400], ["9990000506", 502], ["9990000484", 503], ["9990000999", 504]]) {
    const error = await refused(judge, `error ${status}`, status, () => flags(number));
    judge.check(`outcome of ${status}`, error?.response?.data?.resourceType === "OperationOutcome", "no OperationOutcome in the error");
  }
  if (features.has("filters")) {
    await judge.part("filtered away", async () => {
      const bundle = await flags("9990000093", { status: "active" });
      judge.check("filtered away", bundle.total === undefined && saysSo(bundle), "could be taken for no plan");
    });
  }
  if (features.has("read")) {
    await judge.part("read", async () => {
      const [flag] = entries(await flags(CHILD), "match");
      const read = await client.read({ resourceType: "Flag", id: flag.id });
      judge.check("read", read.id === flag.id && read.status === flag.status, "another flag");
      const author = await client.resolve({ reference: flag.author.reference, context: flag });
      judge.check("resolve", author.resourceType === "Organization" && author.telecom.length > 0, "no authority");
    });
  }
  if (features.has("paging")) {
    await judge.part("next page", async () => {
      let page = await client.search({ resourceType: "AuditEvent", searchParams: { patient: "9990000182", _count: 10 } });
      const { total } = page;
      let seen = 0;
      while (page) {
        seen += entries(page, "match").length;
        page = await client.nextPage({ bundle: page });
      }
      judge.check("next page", total > 20 && seen === total, `${seen} of ${total}`);
    });
  }
  if (features.has("batch")) {
    await judge.part("batch", async () => {
      const entry = ["Flag", "EpisodeOfCare"].map((type) => ({ request: { method: "GET", url: `${type}?patient=${CHILD}` } }));
      const bundle = await client.batch({ body: { resourceType: "Bundle", type: "batch", entry } });
      judge.check("batch", bundle.type === "batch-response" && bundle.entry.length === 2 && bundle.entry[0].resource.total === 2, "shape");
    });
  }
  if (features.has("metadata")) {
    await judge.part("capability", async () => {
      const statement = await client.capabilityStatement();
      judge.check("capability", statement.fhirVersion === "4.0.1" && statement.rest[0].resource.length >= 5, "shape");
    });
  }
  judge.print();
}

async function smart() {
  const FHIR = require("fhirclient");
  // The library wants a request and a response of a web server; without a SMART launch neither is touched.
  const client = FHIR({ headers: {}, url: "/" }, {}).client({ serverUrl: base });
  const judge = new Judge("fhirclient (SMART, npm)");
  const flags = (number, more = "") => client.request(`Flag?patient=${number}${more}`);
  await judge.part("search", async () => {
    const bundle = await flags(CHILD, "&_include=Flag:author");
    judge.check("search", entries(bundle, "match").length === 2 && activeFlag(bundle), "not two flags");
    judge.check("include", entries(bundle, "include").some((one) => one.telecom), "no number to ring");
    const path = client.getPath(bundle, "entry.0.resource.subject.identifier.value");
    judge.check("getPath", path === CHILD, "the flag's child is not the one asked about");
  });
  await judge.part("search by POST", async () => {
    const bundle = await client.request({
      url: "EpisodeOfCare/_search", method: "POST", body: `patient=${CHILD}`, headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    judge.check("search by POST", entries(bundle, "match").length === 2, "not two episodes");
  });
  await judge.part("no record", async () => {
    const bundle = await flags("9990000026");
    judge.check("no record", bundle.total === 0 && !bundle.entry, "not empty");
  });
  for (const number of UNREADABLE) {
    await judge.part(`partly unreadable ${number}`, async () => {
      const bundle = await flags(number);
      judge.check(`partly unreadable ${number}`, saysSo(bundle) && activeFlag(bundle), "could be taken for no plan");
    });
  }
  for (const [number, status] of [["9990000019", 400], ["9990000506", 502], ["9990000484", 503], ["9990000999", 504]]) {
    await refused(judge, `error ${status}`, status, () => flags(number));
  }
  if (features.has("filters")) {
    await judge.part("filtered away", async () => {
      const bundle = await flags("9990000093", "&status=active");
      judge.check("filtered away", bundle.total === undefined && saysSo(bundle), "could be taken for no plan");
    });
  }
  if (features.has("read")) {
    await judge.part("read and resolve", async () => {
      const [flag] = entries(await flags(CHILD), "match");
      const read = await client.request(`Flag/${flag.id}`, { resolveReferences: ["author", "subject"] });
      judge.check("read", read.id === flag.id, "another flag");
      judge.check("resolve", read.author.resourceType === "Organization" && read.subject.resourceType === "Patient", "not resolved");
      const author = await client.request(relative(flag.author.reference));
      judge.check("read the authority", author.resourceType === "Organization", "another resource");
    });
  }
  if (features.has("paging")) {
    await judge.part("next page", async () => {
      const pages = await client.request("AuditEvent?patient=9990000182&_count=10", { pageLimit: 0, flat: true });
      judge.check("next page", pages.filter((one) => one.resourceType === "AuditEvent").length > 20, `${pages.length} accesses`);
    });
  }
  if (features.has("metadata")) {
    await judge.part("capability", async () => {
      const release = await client.getFhirRelease();
      judge.check("capability", release === 4, `FHIR release ${release}`);
    });
  }
  judge.print();
}

kit().then(smart).catch((error) => {
  console.error(error);
  process.exit(1);
});
