//! The head file: the end of the chain, kept so that it survives the loss of the store's last lines (decisions.md 34).
//!
//! Two slots of one sector each take turns, so that a torn write spoils one and leaves the previous one. Each slot is a line of
//! text with its own MAC: only the chain key can write a head. It is written after each commit and never synced: after a power
//! failure it may be behind the store, which is harmless; it is ahead of the store only if lines were lost.

use super::{Chain, KeyId, Mac, Tip};
use crate::clock;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a head file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// There is no such file, or it is empty.
    Absent,
    /// The newest head that was written with a known key.
    Is(Tip),
    /// The file has content, but no head that was written with a known key.
    Unreadable,
}

/// Writes the head. Several processes may: a head is only ever replaced by a later one.
pub struct HeadFile {
    path: PathBuf,
    chain: Arc<Chain>,
    fault_logged: Option<Instant>,
}

/// One sector: written as a whole or not at all by most disks.
const SLOT: usize = 512;
const SLOTS: usize = 2;
const PURPOSE: &str = "head";
const MAGIC: &str = "cpis-fhir-head-1";
/// Follows the file's name when a head file is kept aside.
const LOST: &str = ".lost-";
/// How often a head that cannot be written is logged.
const LOG_FAULT_EVERY: Duration = Duration::from_mins(1);

impl HeadFile {
    #[must_use]
    pub fn new(path: PathBuf, chain: Arc<Chain>) -> Self {
        Self { path, chain, fault_logged: None }
    }

    /// Writes the end of the chain after a commit. A failure is logged at most once a minute, and the trail continues: the head
    /// is a second proof and not the record.
    pub fn note(&mut self, tip: Tip) {
        if let Err(error) = self.write(tip)
            && self.fault_logged.is_none_or(|at| at.elapsed() >= LOG_FAULT_EVERY)
        {
            self.fault_logged = Some(Instant::now());
            tracing::error!(
                target: "cpis_fhir::trail",
                kind = %error.kind(),
                "the trail's head file cannot be written: lines removed from its end from now on cannot be noticed"
            );
        }
    }

    /// Moves a head file aside, as `<path>.lost-<time>`; returns its new path, `None` if there was no file.
    ///
    /// # Errors
    /// Of the file.
    pub fn keep_aside(path: &Path) -> std::io::Result<Option<PathBuf>> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(clock::now().strftime(&format!("{LOST}%Y%m%dT%H%M%S%3fZ")).to_string());
        match std::fs::rename(path, &aside) {
            Ok(()) => Ok(Some(aside.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, tip: Tip) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Opened each time, so that a file that was moved away is not written to.
        let mut file = options.open(&self.path)?;
        let slots = slots(&mut file, &self.chain)?;
        if slots.iter().flatten().any(|head| head.seq >= tip.seq) {
            return Ok(());
        }
        let oldest = if slots[0].map(|head| head.seq) <= slots[1].map(|head| head.seq) { 0 } else { SLOT };
        file.seek(SeekFrom::Start(oldest as u64))?;
        file.write_all(&slot(tip, &self.chain))
    }
}

/// The head files that were kept aside, oldest first.
pub(super) fn lost_heads(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + LOST;
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut lost: Vec<PathBuf> =
        files.filter(|file| file.file_name().to_string_lossy().starts_with(&name)).map(|file| file.path()).collect();
    lost.sort();
    lost
}

impl Head {
    /// Reads a head file.
    ///
    /// # Errors
    /// Of the file, when it is there.
    pub fn read(path: &Path, chain: &Chain) -> std::io::Result<Self> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::Absent),
            file => file?,
        };
        if file.metadata()?.len() == 0 {
            return Ok(Self::Absent);
        }
        let newest = slots(&mut file, chain)?.into_iter().flatten().max_by_key(|head| head.seq);
        Ok(newest.map_or(Self::Unreadable, Self::Is))
    }
}

/// What can be read of each slot.
fn slots(file: &mut File, chain: &Chain) -> std::io::Result<[Option<Tip>; SLOTS]> {
    let mut bytes = Vec::with_capacity(SLOT * SLOTS);
    file.take((SLOT * SLOTS) as u64).read_to_end(&mut bytes)?;
    let mut slots = bytes.chunks(SLOT).map(|slot| parse(slot, chain));
    Ok([slots.next().flatten(), slots.next().flatten()])
}

/// `cpis-fhir-head-1 <sequence> <MAC> <key id> <MAC over all that>`, filled up with spaces, and a line feed.
fn slot(tip: Tip, chain: &Chain) -> Vec<u8> {
    let (key, attest) = chain.attest(PURPOSE, &attested(tip));
    let text = format!("{MAGIC} {} {} {} {attest}", tip.seq, tip.mac, super::hex(&key.0));
    format!("{text:<width$}\n", width = SLOT - 1).into_bytes()
}

fn parse(slot: &[u8], chain: &Chain) -> Option<Tip> {
    let mut words = std::str::from_utf8(slot).ok()?.split_ascii_whitespace();
    if words.next()? != MAGIC {
        return None;
    }
    let tip = Tip { seq: words.next()?.parse().ok()?, mac: Mac(super::unhex(words.next()?)?) };
    let (key, attest) = (KeyId(super::unhex(words.next()?)?), Mac(super::unhex(words.next()?)?));
    chain.attested(PURPOSE, &attested(tip), key, attest).then_some(tip)
}

fn attested(tip: Tip) -> Vec<u8> {
    [tip.seq.to_be_bytes().as_slice(), &tip.mac.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::KeyMaterial;

    fn chain(key: u8) -> Arc<Chain> {
        Arc::new(Chain::new(&[KeyMaterial::new([key; 32])]).unwrap())
    }

    fn tip(seq: u64) -> Tip {
        Tip { seq, mac: Mac([u8::try_from(seq % 251).unwrap(); 32]) }
    }

    fn ground() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        (folder, path)
    }

    #[test]
    fn the_last_head_noted_is_read() {
        let (_folder, path) = ground();
        assert_eq!(Head::read(&path, &chain(1)).unwrap(), Head::Absent);
        let mut file = HeadFile::new(path.clone(), chain(1));
        for seq in [1, 2, 65, 66, 1000] {
            file.note(tip(seq));
            assert_eq!(Head::read(&path, &chain(1)).unwrap(), Head::Is(tip(seq)));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1024);
    }

    #[test]
    fn a_write_torn_anywhere_leaves_the_head_before_it_or_the_new_one() {
        let (_folder, path) = ground();
        let mut file = HeadFile::new(path.clone(), chain(1));
        (1..=3).for_each(|seq| file.note(tip(seq)));
        let before = std::fs::read(&path).unwrap();
        file.note(tip(1004));
        let after = std::fs::read(&path).unwrap();
        for torn in 0..=before.len() {
            std::fs::write(&path, [&after[..torn], &before[torn..]].concat()).unwrap();
            let head = Head::read(&path, &chain(1)).unwrap();
            assert!(head == Head::Is(tip(3)) || head == Head::Is(tip(1004)), "torn at {torn}: {head:?}");
        }
    }

    #[test]
    fn no_changed_byte_makes_another_head() {
        let (_folder, path) = ground();
        HeadFile::new(path.clone(), chain(1)).note(tip(5));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            let head = Head::read(&path, &chain(1)).unwrap();
            assert!(head == Head::Unreadable || head == Head::Is(tip(5)), "byte {at}: {head:?}");
        }
        std::fs::write(&path, whole).unwrap();
        assert_eq!(Head::read(&path, &chain(2)).unwrap(), Head::Unreadable, "of another key");
    }

    #[test]
    fn a_head_never_goes_back() {
        let (_folder, path) = ground();
        HeadFile::new(path.clone(), chain(1)).note(tip(9));
        HeadFile::new(path.clone(), chain(1)).note(tip(8));
        assert_eq!(Head::read(&path, &chain(1)).unwrap(), Head::Is(tip(9)));
    }

    #[test]
    fn a_head_that_cannot_be_written_stops_nothing() {
        let (folder, _) = ground();
        let mut file = HeadFile::new(folder.path().join("nowhere/head"), chain(1));
        file.note(tip(1));
        assert!(file.fault_logged.is_some());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = ground();
        HeadFile::new(path.clone(), chain(1)).note(tip(1));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
