//! A control group with a limit of memory, as a container has one. Needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Removed with its last process.
pub struct Container {
    folder: PathBuf,
    events: &'static str,
}

impl Container {
    /// Limits the processes in it to so many bytes, including files that the kernel cached for them; the kernel kills one that
    /// wants more.
    pub fn with_memory(bytes: usize) -> Self {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("cpis-fhir-test-{}", uuid::Uuid::new_v4());
        // Version 1 has a tree of its own for memory.
        let of_memory = root.join("memory");
        let (folder, limit, events) = if of_memory.join("memory.limit_in_bytes").exists() {
            (of_memory.join(name), "memory.limit_in_bytes", "memory.oom_control")
        } else {
            // Refused where it is on already, or where this is a group of its own that has processes.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            (root.join(name), "memory.max", "memory.events")
        };
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let limit = folder.join(limit);
        fs::write(&limit, bytes.to_string()).unwrap_or_else(|error| panic!("{}: {error}", limit.display()));
        Self { folder, events }
    }

    /// `serve` in it.
    pub fn serve(&self) -> Command {
        let mut command = Command::new("sh");
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$0\" serve", self.folder.display());
        command.args(["-c", &enter, env!("CARGO_BIN_EXE_cpis-fhir")]);
        command
    }

    /// How many processes were killed for want of memory; `None` where the kernel does not say.
    pub fn killed(&self) -> Option<usize> {
        let events = fs::read_to_string(self.folder.join(self.events)).unwrap();
        events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
