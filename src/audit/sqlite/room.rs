//! How much more a file can take.

use super::file::log_of;
use std::path::Path;

/// Bytes: what is free on the file system or left by a limit of file sizes (RLIMIT_FSIZE), whichever is less. `None` if the
/// system does not say.
#[cfg(unix)]
pub(super) fn left(path: &Path) -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    // Some network file systems report no blocks at all.
    let system = rustix::fs::statvfs(path).ok().filter(|system| system.f_blocks > 0);
    let free = system.map(|system| system.f_bavail.saturating_mul(system.f_frsize));
    let longest = length(path).max(length(&log_of(path)));
    let below_the_limit = getrlimit(Resource::Fsize).current.map(|limit| limit.saturating_sub(longest));
    free.into_iter().chain(below_the_limit).min()
}

#[cfg(not(unix))]
pub(super) fn left(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_left_is_what_the_file_system_has_free() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.db");
        std::fs::write(&file, "").unwrap();
        let free = left(&file).unwrap();
        assert!(free > 1 << 20, "{free}");
        assert_eq!(left(&folder.path().join("absent.db")), None);
    }
}
