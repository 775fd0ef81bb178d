//! What the translation costs, without any network: `cargo bench --bench translation`.
//!
//! Every round runs every case once for a while, one after the other, so that a busy machine slows all alike; the floor of a
//! document is what quick-xml takes to cut it into tokens, checking nothing else. The ratio to the floor is what to compare
//! between machines and days. `-- --only CASE TIMES` runs one case alone, for a profiler.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use cpis_fhir::{cpis::Answer, fhir::id::IdKeys};
use quick_xml::{Reader, events::Event};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use support::{
    EVERYTHING, FLAGS, MOST_ACCESSES, answer_of_goal_size, answer_xml, ids, largest_answer, query, read, show, show_xml,
};

const ROUNDS: usize = 15;
/// How long one case runs in one round.
const TURN: Duration = Duration::from_millis(20);

/// Writes an answer as a search sees it.
type Show = fn(&Answer, &str, &IdKeys) -> Vec<u8>;

struct Case {
    name: String,
    /// The case that it is held against.
    floor: usize,
    run: Box<dyn Fn()>,
    /// Nanoseconds for one run, one for each round.
    times: Vec<f64>,
}

fn main() {
    let mut cases = cases();
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(only) = arguments.iter().position(|argument| argument == "--only") {
        let case = cases.iter().find(|case| case.name == arguments[only + 1]).unwrap();
        (0..arguments[only + 2].parse().unwrap()).for_each(|_: u32| (case.run)());
        return;
    }
    for _ in 0..ROUNDS {
        for case in &mut cases {
            case.times.push(time(&case.run));
        }
    }
    print(&cases);
}

fn cases() -> Vec<Case> {
    let (accesses, lean) = answer_of_goal_size();
    let full = answer_xml(MOST_ACCESSES);
    let mut cases = Vec::new();
    for (size, accesses, body) in [("lean", accesses, lean), ("full", MOST_ACCESSES, full)] {
        println!(
            "{size}: {accesses} accesses, {} bytes of XML; Flags {} bytes of JSON, everything {}",
            body.len(),
            show(&read(&body), FLAGS, &ids()).len(),
            show(&read(&body), EVERYTHING, &ids()).len()
        );
        let floor = cases.len();
        let mut case = |name: &str, run: Box<dyn Fn()>| {
            cases.push(Case { name: format!("{size}-{name}"), floor, run, times: Vec::new() });
        };
        let of = body.clone();
        case("floor", Box::new(move || _ = black_box(tokenise(&of))));
        let of = body.clone();
        case("read", Box::new(move || _ = black_box(read(&of))));
        for (name, search) in [("flags", FLAGS), ("everything", EVERYTHING)] {
            let (answer, keys) = (read(&body), ids());
            case(&format!("write-{name}"), Box::new(move || _ = black_box(show(&answer, search, &keys))));
            let (of, keys) = (body.clone(), ids());
            case(&format!("xml-to-{name}"), Box::new(move || _ = black_box(show(&read(&of), search, &keys))));
        }
    }
    let largest = cases.len();
    for (name, write) in [("largest-json", show as Show), ("largest-xml", show_xml)] {
        let (answer, keys) = (largest_answer(), ids());
        let run = Box::new(move || _ = black_box(write(&answer, EVERYTHING, &keys)));
        cases.push(Case { name: name.to_owned(), floor: largest, run, times: Vec::new() });
    }
    let query = query();
    cases.push(Case { name: "query".to_owned(), floor: 0, run: Box::new(move || _ = black_box(query())), times: Vec::new() });
    cases
}

/// The least that anyone can do who reads the document with quick-xml.
fn tokenise(body: &str) -> usize {
    let mut reader = Reader::from_str(black_box(body));
    let mut events = 0;
    while !matches!(black_box(reader.read_event().unwrap()), Event::Eof) {
        events += 1;
    }
    events
}

/// Nanoseconds for one run.
fn time(run: &dyn Fn()) -> f64 {
    run();
    let start = Instant::now();
    let mut runs = 0_u32;
    while start.elapsed() < TURN {
        (0..10).for_each(|_| run());
        runs += 10;
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
}

fn print(cases: &[Case]) {
    println!("{:24} {:>9} {:>9} {:>9}", "case", "median us", "best us", "x floor");
    for case in cases {
        let ratios = case.times.iter().zip(&cases[case.floor].times).map(|(time, floor)| time / floor).collect();
        let best = case.times.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{:24} {:9.1} {:9.1} {:9.2}", case.name, median(case.times.clone()) / 1e3, best / 1e3, median(ratios));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
