//! Whether a file can be written in a folder: tries it and removes the file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// As much as a commit of a few lines writes, so that a full disk shows here.
const SIZE: usize = 64 << 10;

/// The folder that the file at `path` is in, or would be.
pub(super) fn of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a file with a unique name, writes and syncs it, and removes it.
///
/// # Errors
/// The file cannot be created, written or synced.
pub(super) fn takes_files(folder: &Path) -> std::io::Result<()> {
    let probe = Probe(folder.join(format!(".cpis-fhir-check-{}", uuid::Uuid::new_v4())));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&probe.0)?;
    file.write_all(&vec![0; SIZE])?;
    file.sync_all()
}

/// Removes the file when dropped.
struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_in_a_folder_that_takes_files() {
        let folder = tempfile::tempdir().unwrap();
        takes_files(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_takes_none_is_told() {
        assert!(takes_files(Path::new("/proc")).is_err());
        assert!(takes_files(&tempfile::tempdir().unwrap().path().join("nowhere")).is_err());
    }
}
