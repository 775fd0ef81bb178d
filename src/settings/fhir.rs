//! `fhir.*`: how the FHIR API behaves.

use super::key_file::{self, WhenAbsent};
use super::reader::Reader;
use crate::secret::KeyMaterial;

const HANDLINGS: [(&str, Handling); 4] = [
    ("strict-only", Handling::StrictOnly),
    ("strict", Handling::Strict),
    ("lenient", Handling::Lenient),
    ("lenient-only", Handling::LenientOnly),
];

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

pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Option<Fhir> {
    let when_absent = if is_demo { WhenAbsent::Random } else { WhenAbsent::Required(" (unless access.modes is demo)") };
    let id_keys = key_file::keys(reader, "fhir.id_key_file", when_absent);
    Some(Fhir {
        id_keys: id_keys?,
        handling: reader.choice("fhir.handling", &HANDLINGS)?,
        get_search: reader.switch("fhir.get_search")?,
        require_request_id: reader.switch("fhir.require_request_id")?,
        batch: Batch {
            max_entries: reader.count("fhir.batch.max_entries")?,
            max_children: reader.count("fhir.batch.max_children")?,
        },
        patient_flag: reader.switch("fhir.patient_flag")?,
        read_asks: reader.switch("fhir.read_asks")?,
    })
}
