//! A real PostgreSQL for a test: its own folder, its own port, gone with the test.
//!
//! The server refuses to run as root: then it runs as the user `postgres`.

use crate::common::signal_to;
use crate::common::trail::TrailFolder;
use cpis_fhir::secret::StoreUrl;
use cpis_fhir::simulator::certificates::Certificates;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running server with a database `trail`, the roles `cpis_fhir_owner` (may make tables) and `cpis_fhir_app` (may not).
pub struct Postgres {
    folder: TempDir,
    pub port: u16,
    settings: Vec<String>,
    process: Option<Child>,
    pub certificates: Option<Certificates>,
}

/// How a server is brought down.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// Open transactions are rolled back (SIGINT).
    Fast,
    /// As a crash that the server notices (SIGQUIT).
    Immediate,
    /// As a crash of the machine, but for the page cache (SIGKILL).
    Kill9,
}

/// Of every role.
pub const PASSWORD: &str = "p4ssw0rd-of-the-test";

const PATIENCE: Duration = Duration::from_secs(30);

impl Postgres {
    pub fn start() -> Self {
        Self::with(&[], false)
    }

    /// The server takes TLS, with a certificate for localhost and 127.0.0.1.
    pub fn with_tls() -> Self {
        Self::with(&[], true)
    }

    /// With settings of its own, such as `fsync=off`.
    pub fn with(settings: &[&str], tls: bool) -> Self {
        let folder = TempDir::with_prefix("cpis-postgres").unwrap();
        let certificates = tls.then(|| Certificates::generate("nobody").unwrap());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("password"), PASSWORD).unwrap();
        if let Some(certificates) = &certificates {
            certificates.write_to(folder.path()).unwrap();
            settings.extend(["ssl=on".to_owned(), format!("ssl_cert_file={}", file("server.pem").display())]);
            settings.push(format!("ssl_key_file={}", file("server-key.pem").display()));
        }
        for path in [folder.path().to_owned(), file("password"), file("server-key.pem"), file("server.pem")] {
            give_to_server(&path);
        }
        let mut postgres = Self { folder, port, settings, process: None, certificates };
        let initdb = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = server_command("initdb")
            .args(initdb)
            .arg(format!("--pwfile={}", postgres.path("password").display()))
            .arg("-D")
            .arg(postgres.path("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        postgres.up();
        for role in ["cpis_fhir_owner", "cpis_fhir_app"] {
            postgres.sql_in("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"));
        }
        postgres.sql_in("postgres", "CREATE DATABASE trail");
        postgres.sql("GRANT CREATE ON DATABASE trail TO cpis_fhir_owner");
        postgres
    }

    /// As the role that may make the tables.
    pub fn url(&self) -> StoreUrl {
        self.url_of("cpis_fhir_owner", "")
    }

    /// As the role that may append and read only, once [`Postgres::grant`] was called.
    pub fn app_url(&self) -> StoreUrl {
        self.url_of("cpis_fhir_app", "")
    }

    /// `query` such as `?sslmode=require`.
    pub fn url_of(&self, role: &str, query: &str) -> StoreUrl {
        url_on(self.port, role, query)
    }

    /// Over the Unix socket.
    pub fn socket_url(&self) -> StoreUrl {
        let folder = self.folder.path().to_str().unwrap().replace('/', "%2F");
        url(&format!("postgres://cpis_fhir_owner:{PASSWORD}@{folder}:{}/trail", self.port))
    }

    /// What a DBA runs after the tables were made.
    pub fn grant(&self) {
        self.sql(include_str!("../../../src/audit/postgres/sql/roles.sql"));
    }

    /// As superuser in the database of the trail. Gives what the statements print.
    pub fn sql(&self, statements: &str) -> String {
        self.sql_in("trail", statements)
    }

    pub fn sql_in(&self, database: &str, statements: &str) -> String {
        self.try_sql("postgres", database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// # Errors
    /// What the server says.
    pub fn try_sql(&self, role: &str, database: &str, statements: &str) -> Result<String, String> {
        let run = Command::new(binary("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", role, "-d", database])
            .args(["-p", &self.port.to_string(), "-c", statements])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if run.status.success() { Ok(text(&run.stdout)) } else { Err(text(&run.stderr)) }
    }

    pub fn stop(&mut self, how: How) {
        let Some(mut process) = self.process.take() else { return };
        let signal = match how {
            How::Fast => "-INT",
            How::Immediate => "-QUIT",
            How::Kill9 => "-KILL",
        };
        signal_to(process.id(), signal);
        process.wait().unwrap();
    }

    /// Down and up again, with the same data on the same port.
    pub fn restart(&mut self, how: How) {
        self.stop(how);
        self.up();
    }

    pub fn kill9(&mut self) {
        self.stop(How::Kill9);
    }

    /// Starts a server that was stopped.
    pub fn up(&mut self) {
        let began = Instant::now();
        // After a SIGKILL the old server's children may hold its shared memory for a moment: then a start fails.
        loop {
            let mut process = self.spawn();
            while process.try_wait().unwrap().is_none() {
                if self.is_ready() {
                    self.process = Some(process);
                    return;
                }
                assert!(began.elapsed() < PATIENCE, "{}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(began.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The server's folder of data, to copy while it is stopped.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Copies a folder as it is, owner and all.
    pub fn copy(from: &Path, to: &Path) {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn spawn(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = server_command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "shared_buffers=32MB", "max_connections=50"] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn is_ready(&self) -> bool {
        let mut command = Command::new(binary("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status().unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop(How::Immediate);
    }
}

impl TrailFolder {
    /// A trail in the database of `url`.
    pub fn postgres(url: &str) -> Self {
        Self::with_store(|_| url.to_owned())
    }
}

pub fn url(text: &str) -> StoreUrl {
    StoreUrl::new(url::Url::parse(text).unwrap())
}

/// As [`Postgres::url_of`], of something else that listens on this machine.
pub fn url_on(port: u16, role: &str, query: &str) -> StoreUrl {
    url(&format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/trail{query}"))
}

/// Hands a file to the user that the server runs as, where that is not us.
pub fn give_to_server(path: &Path) {
    if let Some((user, group)) = server_user().filter(|_| path.exists()) {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn server_command(name: &str) -> Command {
    let Some((user, group)) = server_user() else { return Command::new(binary(name)) };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]).arg(binary(name));
    command.current_dir("/");
    command
}

/// `None` where we may run the server ourselves.
fn server_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let id = |flag: &str| {
        let id = Command::new("id").args([flag, "postgres"]).output().unwrap();
        String::from_utf8(id.stdout).unwrap().trim().parse().expect("PostgreSQL does not run as root: a user postgres is needed")
    };
    Some((id("-u"), id("-g")))
}

/// `CPIS_FHIR_POSTGRES_BIN`, Debian's folder of the newest version, or the PATH.
fn binary(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("CPIS_FHIR_POSTGRES_BIN") {
        return PathBuf::from(folder).join(name);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map_or_else(|| PathBuf::from(name), |version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")))
}
