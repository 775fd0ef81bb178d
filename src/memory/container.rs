//! How much memory the kernel allows this process: the limits of its control group and of the groups above it.

use std::fs;
use std::path::{Path, PathBuf};

/// The lowest limit that is set, in bytes.
pub(super) fn limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_in(Path::new("/sys/fs/cgroup"), &groups)
}

/// `groups`: as `/proc/[pid]/cgroup` has them, `hierarchy:controllers:path` a line; version 2 has an empty list of controllers.
fn limit_in(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        match rest.split_once(':')? {
            ("", path) => lowest(root, path, "memory.max"),
            (of, path) if of.split(',').any(|one| one == "memory") => lowest(&root.join("memory"), path, "memory.limit_in_bytes"),
            _ => None,
        }
    });
    limits.min()
}

/// A container may see its own group as the root, whatever the path outside.
fn lowest(root: &Path, path: &str, file: &str) -> Option<u64> {
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    for part in path.split('/').filter(|part| !part.is_empty() && *part != "..") {
        let inner = folders.last()?.join(part);
        folders.push(inner);
    }
    let limit = |folder: PathBuf| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    // Version 1 writes "no limit" as a number beyond any machine.
    folders.into_iter().filter_map(limit).filter(|limit| *limit < 1 << 50).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of control groups: file and content.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn the_lowest_limit_of_the_group_and_those_around_it_counts() {
        let root = tree(&[
            ("kubepods/memory.max", "1073741824\n"),
            ("kubepods/pod1/memory.max", "268435456\n"),
            ("kubepods/pod1/service/memory.max", "max\n"),
        ]);
        assert_eq!(limit_in(root.path(), "0::/kubepods/pod1/service\n"), Some(256 << 20));
        assert_eq!(limit_in(root.path(), "0::/kubepods\n"), Some(1 << 30));
        assert_eq!(limit_in(root.path(), "0::/system.slice/other\n"), None);
    }

    #[test]
    fn a_container_that_sees_its_own_group_as_the_root_has_its_limit() {
        let root = tree(&[("memory.max", "134217728\n")]);
        for groups in ["0::/\n", "0::/../../pod1/service\n", "0::/kubepods/pod1/service\n"] {
            assert_eq!(limit_in(root.path(), groups), Some(128 << 20), "{groups}");
        }
    }

    #[test]
    fn version_1_is_read_too_and_its_number_for_no_limit_is_none() {
        let root = tree(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/docker/1/memory.limit_in_bytes", "134217728\n"),
        ]);
        let groups = |path: &str| format!("5:cpu,cpuacct:/x\n4:memory:{path}\n0::/\n");
        assert_eq!(limit_in(root.path(), &groups("/docker/1")), Some(128 << 20));
        assert_eq!(limit_in(root.path(), &groups("/")), None);
        assert_eq!(limit_in(root.path(), "nonsense\n4:memory\n"), None);
    }
}
