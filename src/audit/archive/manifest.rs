//! What an archive holds, attested with the chain key.

use super::ArchiveError;
use crate::audit::{Chain, KeyId, Mac, Tip, unhex};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The proof of an archive: kept next to the file, in the store in place of the lines, and on the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub facts: Facts,
    key: KeyId,
    attest: Mac,
}

/// The attestation covers the fields in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    v: u8,
    /// The month of the lines, as `2026-01`.
    pub month: String,
    /// The numbers of the lines.
    pub first: u64,
    pub last: u64,
    /// The MAC of the line before the first; zeros before line 1.
    pub previous: Mac,
    /// The MAC of the last line.
    pub mac: Mac,
    pub bytes: u64,
    /// SHA-256 of the file, as hex digits.
    pub sha256: String,
    /// The version of the program that wrote it.
    pub software: String,
}

/// The content of a file: its length and SHA-256.
pub(super) type Digest = (u64, [u8; 32]);

const VERSION: u8 = 1;
const PURPOSE: &str = "archive";
/// A manifest is a few hundred bytes; a longer file is not one.
const LONGEST: u64 = 64 << 10;

impl Facts {
    pub(super) fn new(month: String, base: Tip, end: Tip, (bytes, sha256): Digest) -> Self {
        Self {
            v: VERSION,
            month,
            first: base.seq + 1,
            last: end.seq,
            previous: base.mac,
            mac: end.mac,
            bytes,
            sha256: crate::audit::hex(&sha256),
            software: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        (self.bytes, unhex(&self.sha256).unwrap_or_default())
    }

    /// Whether both describe the same lines in the same file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let software = self.software.clone();
        *self == Self { software, ..other.clone() }
    }

    fn attested(&self) -> Vec<u8> {
        // Only texts and numbers: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Manifest {
    pub(super) fn attest(facts: Facts, chain: &Chain) -> Self {
        let (key, attest) = chain.attest(PURPOSE, &facts.attested());
        Self { facts, key, attest }
    }

    /// Whether one of the chain keys attests it.
    #[must_use]
    pub fn is_attested(&self, chain: &Chain) -> bool {
        self.facts.v == VERSION && chain.attested(PURPOSE, &self.facts.attested(), self.key, self.attest)
    }

    /// The line before the first one.
    #[must_use]
    pub fn begins_after(&self) -> Tip {
        Tip { seq: self.facts.first.saturating_sub(1), mac: self.facts.previous }
    }

    /// The last line.
    #[must_use]
    pub fn ends_with(&self) -> Tip {
        Tip { seq: self.facts.last, mac: self.facts.mac }
    }

    /// The name of the file with the lines, in the manifest's folder.
    #[must_use]
    pub fn file(&self) -> String {
        file_name(&self.facts)
    }

    /// # Errors
    /// [`ArchiveError::Io`], [`ArchiveError::Manifest`]. The attestation is not checked yet.
    pub fn read(path: &Path) -> Result<Self, ArchiveError> {
        if std::fs::metadata(path)?.len() > LONGEST {
            return Err(ArchiveError::Manifest);
        }
        std::fs::read_to_string(path)?.parse()
    }
}

#[cfg(test)]
impl Manifest {
    /// For lines that are not archived.
    pub(in crate::audit) fn made_up(last: u64, chain: &Chain) -> Self {
        Self::made_up_to(Tip { seq: last, mac: Mac([0; 32]) }, chain)
    }

    pub(in crate::audit) fn made_up_to(end: Tip, chain: &Chain) -> Self {
        Self::attest(Facts::new("2026-01".to_owned(), Tip::NONE, end, (0, [0; 32])), chain)
    }
}

impl std::str::FromStr for Manifest {
    type Err = ArchiveError;

    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        serde_json::from_str(text).map_err(|_| ArchiveError::Manifest)
    }
}

/// One line of JSON.
impl std::fmt::Display for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

pub(super) fn file_name(facts: &Facts) -> String {
    // A foreign manifest must not name a file in another folder.
    let month: String = facts.month.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
    format!("trail-{month}-{}-{}.ndjson", facts.first, facts.last)
}
