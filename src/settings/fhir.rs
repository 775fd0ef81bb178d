//! `fhir.*`: how the FHIR API behaves.

use super::reader::{Reader, ReportedFault};
use super::table::fhir;
use crate::api::{BatchLimits, FhirOptions};

pub(super) fn read(reader: &Reader) -> Result<FhirOptions, ReportedFault> {
    Ok(FhirOptions {
        handling: reader.get(fhir::HANDLING)?,
        get_search: reader.get(fhir::GET_SEARCH)?,
        require_request_id: reader.get(fhir::REQUIRE_REQUEST_ID)?,
        batch: BatchLimits {
            max_entries: reader.get(fhir::BATCH_MAX_ENTRIES)?,
            max_children: reader.get(fhir::BATCH_MAX_CHILDREN)?,
        },
        patient_flag: reader.get(fhir::PATIENT_FLAG)?,
        read_asks: reader.get(fhir::READ_ASKS)?,
    })
}
