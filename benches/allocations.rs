//! How much memory the translation asks for: `cargo bench --bench allocations`. Counting takes time, so the times that this
//! prints are too long; `cargo bench --bench translation` has the true ones.

mod support;

use divan::Bencher;
use support::{EVERYTHING, FLAGS, MOST_ACCESSES, answer_of_goal_size, answer_xml, ids, query, read, show};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

const ANSWERS: [&str; 2] = ["goal size", "25 accesses"];

fn main() {
    divan::main();
}

fn body(answer: &str) -> String {
    if answer == ANSWERS[0] { answer_of_goal_size().1 } else { answer_xml(MOST_ACCESSES) }
}

/// XML bytes to `Answer`.
#[divan::bench(args = ANSWERS)]
fn read_answer(bencher: Bencher<'_, '_>, answer: &str) {
    let body = body(answer);
    bencher.bench(|| read(&body));
}

/// XML bytes to the FHIR JSON bytes of a Flag search (its goals: docs/performance.md).
#[divan::bench(args = ANSWERS)]
fn xml_to_flags(bencher: Bencher<'_, '_>, answer: &str) {
    let (body, ids) = (body(answer), ids());
    bencher.bench(|| show(&read(&body), FLAGS, &ids));
}

/// XML bytes to the FHIR JSON bytes of all that the answer holds.
#[divan::bench(args = ANSWERS)]
fn xml_to_everything(bencher: Bencher<'_, '_>, answer: &str) {
    let (body, ids) = (body(answer), ids());
    bencher.bench(|| show(&read(&body), EVERYTHING, &ids));
}

/// The whole request: HL7 V3 in ITK in SOAP.
#[divan::bench]
fn build_query(bencher: Bencher<'_, '_>) {
    let query = query();
    bencher.bench(query);
}
