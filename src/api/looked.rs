//! What is told of a look that a request asked for: its span, the counters, the log.

use super::problem::Problem;
use crate::cpis::{Failure, FailureKind, Question};
use crate::lookup::Look;
use crate::telemetry;
use crate::telemetry::request::Facts;
use crate::telemetry::spans::{self, Work};
use std::sync::Arc;
use std::time::Instant;

/// A look under way.
pub struct Looking {
    work: Work,
    began: Instant,
}

impl Looking {
    /// Begins the look's span; the question is asked in its name.
    pub fn begin(question: &mut Question) -> Self {
        let work = spans::lookup();
        // Without a span of its own, the look is asked in the name of the request's, or of the caller's where that is all there is.
        let asks = work.traceparent().or_else(telemetry::traceparent);
        question.traceparent = asks.map(|traceparent| traceparent.as_str().into());
        Self { work, began: Instant::now() }
    }

    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Ends it. `problem`: what the failure is to the caller.
    pub fn end(self, outcome: &Result<Look, Arc<Failure>>, problem: Option<&Problem>) {
        Facts::lookup(self.began.elapsed());
        let (name, code) = match (outcome, problem) {
            (Ok(look), _) => (if look.answer.records().is_empty() { "no-record" } else { "found" }, code_of_answer(look)),
            (Err(failure), Some(problem)) => (problem.name, code_of_failure(&failure.kind)),
            (Err(failure), None) => ("internal", code_of_failure(&failure.kind)),
        };
        self.work.note("cpis.outcome", name);
        self.work.note("cpis.response_code", code);
        match outcome {
            Ok(look) => self.work.note("cpis.lookup.answered_by", if look.shared { "shared" } else { "asked" }),
            Err(_) => self.work.failed(name),
        }
    }
}

/// An answer's code is success, but where the SMSP had it from a local store.
fn code_of_answer(look: &Look) -> &'static str {
    if look.answer.stale { "SMSP-0003" } else { "success" }
}

/// Only codes of the vocabulary: what an SMSP invents must not become a label.
fn code_of_failure(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::Response(code) => code.code(),
        FailureKind::UnknownCode { .. } => "unknown",
        _ => "none",
    }
}
