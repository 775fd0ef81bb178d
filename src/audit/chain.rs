//! The chain: every line carries a MAC over itself and over the MAC of the line before it.

use super::seal::derive;
use super::store::Draft;
use super::{ChildIndex, NoKeys};
use crate::secret::KeyMaterial;
use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// The chain keys: the first one writes, all of them read. `Debug` shows nothing of them. Shared by its users: the keys can be
/// renewed while lines are written.
pub struct Chain(ArcSwap<Vec<(KeyId, hmac::Key)>>);

/// Identifies a key without revealing anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

/// HMAC-SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 32]);

/// The end of a chain: its last line's number and MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// 0: nothing is written yet.
    pub seq: u64,
    pub mac: Mac,
}

/// A line as it is in a store. Apart from `body` and the chain, the fields repeat what the body says, so that the store can
/// search; `verify` compares them. `Debug` shows nothing of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1, without gaps.
    pub seq: u64,
    pub id: Uuid,
    pub at: Timestamp,
    /// [`super::Event::name`].
    pub event: String,
    pub look: Option<Uuid>,
    pub user_id: Option<String>,
    pub child: Option<ChildIndex>,
    pub message_id: Option<String>,
    pub request_id: Option<String>,
    /// JSON, as [`super::body`] writes it.
    pub body: Vec<u8>,
    pub key: KeyId,
    pub previous: Mac,
    pub mac: Mac,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("the line of this number is missing, or lines are out of order")]
    Missing,
    #[error("the line does not continue the one before it")]
    Broken,
    #[error("the line was changed, or written with another key")]
    Changed,
    #[error("the line was written with a key that is not among the chain keys")]
    UnknownKey,
}

impl Tip {
    /// The tip of an empty chain.
    pub const NONE: Self = Self { seq: 0, mac: Mac([0; 32]) };
}

/// As hex digits.
impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl KeyId {
    pub(super) const LENGTH: usize = 8;

    pub(super) fn of(key: &KeyMaterial) -> Self {
        let mut id = [0; Self::LENGTH];
        id.copy_from_slice(&derive(key, b"cpis-fhir trail: key id")[..Self::LENGTH]);
        Self(id)
    }
}

impl Chain {
    /// # Errors
    /// [`NoKeys`] when there is none.
    pub fn new(keys: &[KeyMaterial]) -> Result<Self, NoKeys> {
        derived(keys).map(|keys| Self(ArcSwap::from_pointee(keys)))
    }

    /// Uses these keys from now on.
    ///
    /// # Errors
    /// [`NoKeys`] when there is none; then nothing changes.
    pub(super) fn renew(&self, keys: &[KeyMaterial]) -> Result<(), NoKeys> {
        self.0.store(Arc::new(derived(keys)?));
        Ok(())
    }

    /// The lines of `drafts`, continuing `tip`, in their order.
    #[must_use]
    pub fn link(&self, tip: Tip, drafts: &[&Draft]) -> Vec<Line> {
        let mut tip = tip;
        let keys = self.0.load();
        let (key, writes) = &keys[0];
        let link = |draft: &&Draft| {
            let seq = tip.seq + 1;
            let mac = mac(writes, seq, tip.mac, draft.id, &draft.body);
            let previous = std::mem::replace(&mut tip, Tip { seq, mac }).mac;
            Line {
                seq,
                id: draft.id,
                at: draft.at,
                event: draft.event.name().to_owned(),
                look: draft.look,
                user_id: draft.user_id.clone(),
                child: draft.child,
                message_id: draft.message_id.clone(),
                request_id: draft.request_id.clone(),
                body: draft.body.clone(),
                key: *key,
                previous,
                mac,
            }
        };
        drafts.iter().map(link).collect()
    }

    /// Checks that `line` continues `tip` and is unchanged. Returns the new tip.
    ///
    /// # Errors
    /// The first [`ChainFault`] of the line.
    pub fn check(&self, tip: Tip, line: &Line) -> Result<Tip, ChainFault> {
        if line.seq != tip.seq + 1 {
            return Err(ChainFault::Missing);
        }
        if line.previous != tip.mac {
            return Err(ChainFault::Broken);
        }
        self.check_alone(line)
    }

    /// Checks that `line` is unchanged, whatever precedes it. Returns its tip.
    ///
    /// # Errors
    /// [`ChainFault::UnknownKey`], [`ChainFault::Changed`].
    pub fn check_alone(&self, line: &Line) -> Result<Tip, ChainFault> {
        let keys = self.0.load();
        let (_, key) = keys.iter().find(|(id, _)| *id == line.key).ok_or(ChainFault::UnknownKey)?;
        let is_own = hmac::verify(key, &message(line.seq, line.previous, line.id, &line.body), &line.mac.0).is_ok();
        if is_own { Ok(Tip { seq: line.seq, mac: line.mac }) } else { Err(ChainFault::Changed) }
    }

    /// A MAC for `purpose` over something outside the chain, such as a head file or an archive's manifest.
    #[must_use]
    pub fn attest(&self, purpose: &str, bytes: &[u8]) -> (KeyId, Mac) {
        let keys = self.0.load();
        let (id, key) = &keys[0];
        (*id, sign(key, &attested(purpose, bytes)))
    }

    /// Whether [`Chain::attest`] made this MAC, with any of the keys.
    #[must_use]
    pub fn attested(&self, purpose: &str, bytes: &[u8], key: KeyId, mac: Mac) -> bool {
        let keys = self.0.load();
        let known = keys.iter().find(|(id, _)| *id == key);
        known.is_some_and(|(_, key)| hmac::verify(key, &attested(purpose, bytes), &mac.0).is_ok())
    }
}

/// Never empty.
fn derived(keys: &[KeyMaterial]) -> Result<Vec<(KeyId, hmac::Key)>, NoKeys> {
    let derived = keys.iter().map(|key| {
        let chain = derive(key, b"cpis-fhir trail: chain");
        (KeyId::of(key), hmac::Key::new(hmac::HMAC_SHA256, chain.as_slice()))
    });
    if keys.is_empty() { Err(NoKeys) } else { Ok(derived.collect()) }
}

fn mac(key: &hmac::Key, seq: u64, previous: Mac, id: Uuid, body: &[u8]) -> Mac {
    sign(key, &message(seq, previous, id, body))
}

fn sign(key: &hmac::Key, message: &[u8]) -> Mac {
    let mut mac = [0; 32];
    mac.copy_from_slice(hmac::sign(key, message).as_ref());
    Mac(mac)
}

/// Everything before the body has a fixed length, so that no two lines have one message.
fn message(seq: u64, previous: Mac, id: Uuid, body: &[u8]) -> Vec<u8> {
    [b"cpis-fhir trail line 1\0".as_slice(), &seq.to_be_bytes(), &previous.0, id.as_bytes(), body].concat()
}

fn attested(purpose: &str, bytes: &[u8]) -> Vec<u8> {
    [b"cpis-fhir trail attest 1\0".as_slice(), purpose.as_bytes(), b"\0", bytes].concat()
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({}, {})", self.seq, self.event)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain({} keys)", self.0.load().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;

    fn chain(keys: &[u8]) -> Chain {
        Chain::new(&keys.iter().map(|key| KeyMaterial::new([*key; 32])).collect::<Vec<_>>()).unwrap()
    }

    fn drafts(n: u8) -> Vec<Draft> {
        let draft = |n: u8| Draft {
            id: Uuid::from_bytes([n; 16]),
            at: Timestamp::UNIX_EPOCH,
            event: Event::Asked,
            look: None,
            user_id: None,
            child: None,
            message_id: None,
            request_id: None,
            body: vec![b'{', n, b'}'],
            again: false,
        };
        (0..n).map(draft).collect()
    }

    fn check_all(chain: &Chain, lines: &[Line]) -> Result<Tip, (u64, ChainFault)> {
        lines.iter().try_fold(Tip::NONE, |tip, line| chain.check(tip, line).map_err(|fault| (tip.seq + 1, fault)))
    }

    fn linked(chain: &Chain, n: u8) -> Vec<Line> {
        let drafts = drafts(n);
        chain.link(Tip::NONE, &drafts.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_chain_as_it_was_written_is_whole_also_in_two_steps() {
        let chain = chain(&[1]);
        let lines = linked(&chain, 5);
        assert_eq!(check_all(&chain, &lines).unwrap().seq, 5);
        let drafts = drafts(5);
        let first = chain.link(Tip::NONE, &[&drafts[0], &drafts[1]]);
        let tip = Tip { seq: 2, mac: first[1].mac };
        let rest = chain.link(tip, &[&drafts[2], &drafts[3], &drafts[4]]);
        assert_eq!([first, rest].concat(), lines);
    }

    #[test]
    fn edits_deletions_and_exchanges_are_found_where_they_begin() {
        let chain = chain(&[1]);
        let whole = linked(&chain, 5);
        let mut edited = whole.clone();
        edited[2].body[1] ^= 1;
        assert_eq!(check_all(&chain, &edited), Err((3, ChainFault::Changed)));
        let mut deleted = whole.clone();
        deleted.remove(2);
        assert_eq!(check_all(&chain, &deleted), Err((3, ChainFault::Missing)));
        let mut exchanged = whole.clone();
        exchanged.swap(1, 2);
        assert_eq!(check_all(&chain, &exchanged), Err((2, ChainFault::Missing)));
        let mut renumbered = exchanged.clone();
        (renumbered[1].seq, renumbered[2].seq) = (2, 3);
        assert_eq!(check_all(&chain, &renumbered), Err((2, ChainFault::Broken)));
        let mut replaced = whole;
        replaced[4] = linked(&self::chain(&[9]), 5)[4].clone();
        assert!(matches!(check_all(&chain, &replaced), Err((5, _))));
    }

    #[test]
    fn an_old_key_still_reads_and_an_unknown_one_is_named() {
        let lines = linked(&chain(&[1]), 2);
        assert!(check_all(&chain(&[2, 1]), &lines).is_ok());
        assert_eq!(check_all(&chain(&[2]), &lines), Err((1, ChainFault::UnknownKey)));
    }

    #[test]
    fn what_is_attested_for_one_purpose_is_not_for_another() {
        let chain = chain(&[1]);
        let (key, mac) = chain.attest("head", b"5");
        assert!(chain.attested("head", b"5", key, mac));
        assert!(!chain.attested("archive", b"5", key, mac));
        assert!(!chain.attested("head", b"6", key, mac));
    }
}
