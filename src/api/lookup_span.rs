//! The span of a look that a request asked for.

use crate::cpis::Question;
use crate::lookup::{Look, LookError};
use crate::telemetry;
use crate::telemetry::request::Facts;
use crate::telemetry::spans::{self, Work};
use crate::upstream;
use std::sync::Arc;
use std::time::Instant;

/// A look under way.
pub struct LookupSpan {
    work: Work,
    began: Instant,
}

impl LookupSpan {
    /// Starts the span and makes it the parent of the query.
    pub fn begin(question: &mut Question) -> Self {
        let work = spans::lookup();
        // Without a span for the look, the parent is the request's span, or else the caller's.
        let asks = work.traceparent().or_else(telemetry::traceparent);
        question.traceparent = asks.map(|traceparent| traceparent.as_str().into());
        Self { work, began: Instant::now() }
    }

    pub fn work(&self) -> &Work {
        &self.work
    }

    pub fn end(self, outcome: &Result<Look, Arc<LookError>>) {
        Facts::lookup(self.began.elapsed());
        let (name, code) = match outcome {
            Ok(look) => (look.answer.outcome(), upstream::label_of_answer(&look.answer)),
            Err(failure) => (failure.outcome(), failure.code_label()),
        };
        self.work.note("cpis.outcome", name);
        self.work.note("cpis.response_code", code);
        match outcome {
            Ok(look) => self.work.note("cpis.lookup.answered_by", if look.shared { "shared" } else { "asked" }),
            Err(_) => self.work.failed(name),
        }
    }
}
