//! A trail on disk with keys of its own, for a test that stops and starts services on it.

use cpis_fhir::audit::{self, Line, Seal, StoredEntry};
use cpis_fhir::secret::{KeyMaterial, StoreUrl};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Where a trail is, and with which keys.
pub struct TrailFolder {
    folder: tempfile::TempDir,
    store: String,
}

impl TrailFolder {
    /// An SQLite trail.
    pub fn sqlite() -> Self {
        Self::with_store(|folder| format!("sqlite:{}", folder.join("audit.db").display()))
    }

    /// A trail in the store that `store` names; it is given the folder.
    pub fn with_store(store: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, digit) in [("chain.key", "a"), ("encryption.key", "b")] {
            std::fs::write(folder.path().join(name), digit.repeat(64)).unwrap();
        }
        let store = store(folder.path());
        Self { folder, store }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The settings that point a service at it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.file(name).display().to_string();
        vec![
            ("AUDIT__STORE", self.store.clone()),
            ("AUDIT__CHAIN_KEY_FILE", file("chain.key")),
            ("AUDIT__ENCRYPTION_KEY_FILE", file("encryption.key")),
            ("AUDIT__HEAD_FILE", file("audit.head")),
        ]
    }

    /// `cpis-fhir audit ...` on this trail.
    pub fn audit(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
        command.arg("audit").args(arguments).env_clear();
        for (key, value) in self.settings() {
            command.env(format!("CPIS_FHIR__{key}"), value);
        }
        command.output().unwrap()
    }

    pub fn as_settings(&self) -> audit::Options {
        let store = match self.store.strip_prefix("sqlite:") {
            Some(path) => audit::StoreLocation::Sqlite(path.into()),
            None => audit::StoreLocation::Postgres(StoreUrl::new(self.store.parse().unwrap())),
        };
        audit::Options {
            store,
            store_ca: None,
            chain_keys: vec![KeyMaterial::new([0xaa; 32])],
            encryption_keys: vec![KeyMaterial::new([0xbb; 32])],
            head_file: Some(self.file("audit.head")),
            commit_timeout: Duration::from_secs(5),
            online_for: Duration::from_hours(24),
        }
    }

    /// Every line of it.
    pub async fn lines(&self) -> Vec<Line> {
        let opened = audit::open_read_only(&self.as_settings(), tokio::runtime::Handle::current()).await.unwrap();
        let mut lines: Vec<Line> = Vec::new();
        loop {
            let after = lines.last().map_or(0, |line| line.seq);
            let page = opened.reader.lines(after, 1000).await.unwrap();
            if page.is_empty() {
                return lines;
            }
            lines.extend(page);
        }
    }

    /// Every entry of it, as it was recorded.
    pub async fn told(&self) -> Vec<StoredEntry> {
        let seal = Seal::new(&self.as_settings().encryption_keys).unwrap();
        self.lines().await.iter().map(|line| audit::read_body(&line.body, &seal).unwrap()).collect()
    }

    /// The chain is whole, by the command that an inspector would use.
    pub fn assert_whole(&self, after: &str) {
        let output = self.audit(&["verify"]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "after {after}: {out}{err}");
    }
}
