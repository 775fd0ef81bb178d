//! `limits.*`: how much callers may use.

use super::reader::{Reader, ReportedFault};
use super::table::limits;
use crate::api::Limits;

pub(super) fn read(reader: &Reader, is_demo: bool) -> Result<Limits, ReportedFault> {
    let rate = reader.get(limits::REQUESTS_PER_SECOND)?;
    Ok(Limits {
        requests_per_second: (!is_demo || reader.is_set(limits::REQUESTS_PER_SECOND)).then_some(rate),
        children_per_user: reader.get(limits::CHILDREN_PER_USER)?,
        children_window: reader.get(limits::CHILDREN_WINDOW)?,
        body: reader.get(limits::BODY)?,
        header_timeout: reader.get(limits::HEADER_TIMEOUT)?,
        write_timeout: reader.get(limits::WRITE_TIMEOUT)?,
        connections: reader.get(limits::CONNECTIONS)?,
        connections_per_address: reader.get(limits::CONNECTIONS_PER_ADDRESS)?,
    })
}
