//! `fhir.*`: how the FHIR API behaves.

use super::key_file::{self, WhenAbsent};
use super::reader::{Noted, Reader};
use super::table::fhir;
use crate::secret::KeyMaterial;

/// How the FHIR API behaves.
#[derive(Debug, Clone)]
pub struct Fhir {
    /// Keys of the opaque ids. Never empty; the first key writes, all read.
    pub id_keys: Vec<KeyMaterial>,
    pub handling: Handling,
    /// false: POST _search only.
    pub get_search: bool,
    pub require_request_id: bool,
    pub batch: Batch,
    /// Whether the Patient-flags shape is offered (decisions.md 3).
    pub patient_flag: bool,
    /// Whether a read of a Flag or an EpisodeOfCare may ask CP-IS (decisions.md 11).
    pub read_asks: bool,
}

/// What happens to unknown search parameters; the `-only` forms do not let `Prefer: handling` change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    StrictOnly,
    Strict,
    Lenient,
    LenientOnly,
}

/// What a batch may hold (decisions.md 14). Both are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub max_entries: usize,
    pub max_children: usize,
}

pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Result<Fhir, Noted> {
    let id_keys = key_file::keys(reader, fhir::ID_KEY_FILE, WhenAbsent::in_demo(is_demo));
    Ok(Fhir {
        id_keys: id_keys?,
        handling: reader.get(fhir::HANDLING)?,
        get_search: reader.get(fhir::GET_SEARCH)?,
        require_request_id: reader.get(fhir::REQUIRE_REQUEST_ID)?,
        batch: Batch { max_entries: reader.get(fhir::BATCH_MAX_ENTRIES)?, max_children: reader.get(fhir::BATCH_MAX_CHILDREN)? },
        patient_flag: reader.get(fhir::PATIENT_FLAG)?,
        read_asks: reader.get(fhir::READ_ASKS)?,
    })
}
