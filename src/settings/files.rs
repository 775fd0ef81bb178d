//! Reads the files that settings name.

use super::key::Key;
use super::kind::Kind;
use super::reader::{Reader, ReportedFault};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Far more than any bundle of certificates; a file beyond it is the wrong file.
const LONGEST: u64 = 4 << 20;

/// A file that a setting names, and its state just before it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// Changes whenever the contents do: after a write, a replacement, or a changed link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl FileVersion {
    fn at(path: PathBuf) -> Self {
        let stamp = std::fs::metadata(&path).ok().map(|is| Stamp {
            device: is.dev(),
            inode: is.ino(),
            size: is.size(),
            changed: (is.ctime(), is.ctime_nsec()),
        });
        Self { path, stamp }
    }

    /// The same file as it is now. Does not read its contents.
    #[must_use]
    pub fn now(&self) -> Self {
        Self::at(self.path.clone())
    }
}

/// The contents of a file.
pub(super) type Contents = Zeroizing<Vec<u8>>;

/// The contents of the file that `key` names, if it is set.
///
/// The path of a secret's file is left out of the message: an operator may have put the secret itself in its place.
pub(super) fn contents(reader: &mut Reader, key: Key<Option<PathBuf>>) -> Result<Option<Contents>, ReportedFault> {
    let Some(path) = reader.get(key)? else { return Ok(None) };
    reader.files.push(FileVersion::at(path.clone()));
    read(&path).map(Some).map_err(|problem| {
        let shown = if matches!(key.kind, Kind::SecretFile) { String::new() } else { format!(" {}", path.display()) };
        reader.fault(key, format!("the file{shown} {problem}"))
    })
}

/// As [`contents`], for a file that holds a secret. Warns if other users may read it.
pub(super) fn secret_contents(reader: &mut Reader, key: Key<Option<PathBuf>>) -> Result<Option<Contents>, ReportedFault> {
    let contents = contents(reader, key)?;
    if let Some(mode) = reader.get(key)?.and_then(|path| mode_for_others(&path)) {
        reader.warn(key, format!("the file may be read by others than its owner (mode {mode:04o}); 0600 or 0400 is meant"));
    }
    Ok(contents)
}

/// Reads a whole file, or returns what is wrong with it.
fn read(path: &Path) -> Result<Contents, String> {
    let problem = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        kind => format!("cannot be read: {kind}"),
    };
    // Checked before opening, since opening a pipe without a writer blocks forever.
    let metadata = std::fs::metadata(path).map_err(|error| problem(&error))?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len().min(LONGEST)).unwrap_or_default() + 1));
    let file = std::fs::File::open(path).map_err(|error| problem(&error))?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| problem(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err("is longer than 4 MiB, which no certificate or key is".to_owned());
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty".to_owned());
    }
    Ok(bytes)
}

/// The mode of a file if users other than this process's may read or write it.
///
/// A cluster mounts a secret as a file that root owns and our group may only read. That is as safe as a file of our own.
fn mode_for_others(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    let us = std::fs::metadata("/proc/self").ok().map(|process| process.uid());
    is_open(metadata.mode() & 0o7777, metadata.uid(), us).then_some(metadata.mode() & 0o7777)
}

fn is_open(mode: u32, owner: u32, us: Option<u32>) -> bool {
    const GROUP_READS: u32 = 0o040;
    let is_mounted = owner == 0 && us.is_some_and(|us| us != 0);
    let allowed = if is_mounted { GROUP_READS } else { 0 };
    mode & 0o077 & !allowed != 0
}

/// Checks that the folder exists of a file that will be created.
pub(super) fn check_parent<T>(reader: &mut Reader, key: Key<T>, path: &Path) -> Result<(), ReportedFault> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let problem = if path.is_dir() {
        format!("{} is a folder; wanted a file", path.display())
    } else if !parent.is_dir() {
        format!("the folder {} does not exist", parent.display())
    } else {
        return Ok(());
    };
    Err(reader.fault(key, problem))
}

pub(super) fn next_to(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::is_open;

    #[test]
    fn a_secret_is_for_its_owner_or_for_the_group_that_a_cluster_gives_us() {
        const US: Option<u32> = Some(65532);
        assert!(!is_open(0o400, 65532, US) && !is_open(0o600, 65532, US));
        assert!(is_open(0o640, 65532, US), "our own file, open to a group");
        assert!(!is_open(0o440, 0, US), "as a secret is mounted with fsGroup");
        assert!(is_open(0o444, 0, US) && is_open(0o460, 0, US), "others read it, or the group writes it");
        assert!(is_open(0o440, 0, Some(0)) && is_open(0o440, 0, None), "root needs no group");
    }
}
