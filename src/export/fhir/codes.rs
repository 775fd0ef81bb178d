//! Which published codes say what kind of event an entry is.

use crate::audit::{Entry, Event};
use crate::fhir::codes::{ACCESS, Code, SEARCH_TYPE};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
const RESTFUL: &str = "http://hl7.org/fhir/restful-interaction";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

const fn code(system: &'static str, code: &'static str, display: &'static str) -> Code {
    Code { system, code, display }
}

pub const APPLICATION: Code = code(DICOM, "110150", "Application");
pub const SECURITY_ALERT: Code = code(DICOM, "110113", "Security Alert");
const APPLICATION_ACTIVITY: Code = code(DICOM, "110100", "Application Activity");
const AUDIT_LOG_USED: Code = code(DICOM, "110101", "Audit Log Used");
const EXPORT: Code = code(DICOM, "110106", "Export");
const START: Code = code(DICOM, "110120", "Application Start");
const STOP: Code = code(DICOM, "110121", "Application Stop");
const CONFIGURATION: Code = code(DICOM, "110131", "Software Configuration");
const ARCHIVE: Code = code(LIFECYCLE, "archive", "Archive Record Lifecycle Event");
const READ: Code = code(RESTFUL, "read", "read");
const BATCH: Code = code(RESTFUL, "batch", "batch");

pub const PERSON: Code = code(ENTITY_TYPE, "1", "Person");
pub const SYSTEM_OBJECT: Code = code(ENTITY_TYPE, "2", "System Object");
pub const PATIENT: Code = code(ENTITY_ROLE, "1", "Patient");
pub const MESSAGE: Code = code(ENTITY_ROLE, "24", "Query");
pub const LINE: Code = code(ENTITY_ROLE, "13", "Security Resource");

/// Type, subtype and action of an AuditEvent.
pub struct EventCodes {
    pub event_type: Code,
    pub subtype: Option<Code>,
    /// FHIR's audit-event-action.
    pub action: &'static str,
}

pub fn of(entry: &Entry) -> EventCodes {
    let (event_type, subtype, action) = match entry.event {
        Event::Asked | Event::Answered | Event::Failed | Event::Unknown | Event::Shared | Event::Refused | Event::NotHeld => {
            (ACCESS, Some(interaction(entry)), "E")
        }
        Event::Searched => (AUDIT_LOG_USED, None, "R"),
        Event::Exported => (EXPORT, None, "R"),
        Event::Started => (APPLICATION_ACTIVITY, Some(START), "E"),
        Event::Stopped => (APPLICATION_ACTIVITY, Some(STOP), "E"),
        Event::Reloaded => (APPLICATION_ACTIVITY, Some(CONFIGURATION), "E"),
        Event::Archived => (ARCHIVE, None, "U"),
    };
    EventCodes { event_type, subtype, action }
}

/// The caller's FHIR interaction. If the entry does not say, it was a search: nothing else asks CP-IS.
fn interaction(entry: &Entry) -> Code {
    let first = entry.request.interaction.as_ref().and_then(|text| text.as_str().split(' ').next());
    match first {
        Some("read") => READ,
        Some("batch") => BATCH,
        _ => SEARCH_TYPE,
    }
}
