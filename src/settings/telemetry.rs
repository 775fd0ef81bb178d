//! `telemetry.*`: what the service says of itself, as far as `OTEL_*` does not decide it.

use super::reader::Reader;
use crate::telemetry::LogForm;

/// What the service says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    pub log: LogForm,
}

pub(super) fn read(reader: &Reader) -> Option<Telemetry> {
    const WORDS: [(&str, LogForm); 2] = [("json", LogForm::Json), ("pretty", LogForm::Pretty)];
    Some(Telemetry { log: reader.choice("telemetry.log", &WORDS)? })
}
