//! `telemetry.*`: what the service says of itself, as far as `OTEL_*` does not decide it.

use super::reader::{Noted, Reader};
use super::table::telemetry;
use crate::telemetry::LogForm;

/// What the service says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    pub log: LogForm,
}

pub(super) fn read(reader: &Reader) -> Result<Telemetry, Noted> {
    Ok(Telemetry { log: reader.get(telemetry::LOG)? })
}
