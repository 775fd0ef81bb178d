use super::service::{self, ListenAddresses};
use super::{CommandError, say};
use crate::cpis::NhsNumber;
use crate::settings::{self, Settings};
use crate::simulator::certificates::Certificates;
use crate::simulator::scenario::Scenario;
use crate::simulator::{Config, Simulator, Tls};
use crate::telemetry;
use crate::telemetry::LogForm;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct DemoOptions {
    /// Port of the FHIR service; if it is in use, a free one is chosen
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Print only the addresses, one NAME=VALUE a line
    #[arg(long)]
    brief: bool,
}

/// Runs simulator and service in one process until a signal stops them.
pub fn run(options: &DemoOptions) -> Result<(), CommandError> {
    let folder = Folder::make()?;
    let certificates =
        Certificates::generate("cpis-client.demo").map_err(|error| failed("certificates cannot be made", &error))?;
    certificates.write_to(&folder.0).map_err(|error| failed("certificates cannot be written", &error))?;
    let telemetry = telemetry::start(LogForm::Pretty);
    telemetry::silence_panic_messages();
    let core = service::core_runtime()?;
    let stop = service::stop_signal(core.handle());
    let config = Config {
        listen: free(9443),
        control_listen: Some(free(9444)),
        tls: Tls {
            cert_pem: certificates.server_cert_pem.clone().into_bytes(),
            key_pem: certificates.server_key_pem.clone().into_bytes(),
            client_ca_pem: certificates.ca_pem.clone().into_bytes(),
        },
        scenario: Scenario::built_in(),
    };
    let simulator = core.block_on(Simulator::start(config)).map_err(|error| failed("the simulator cannot start", &error))?;
    let settings = settings(&folder.0, &simulator.url(), options.port)?;
    let children = children();
    let (control, smsp_url) = (simulator.control_address(), simulator.url());
    let brief = options.brief;
    let ready = move |ready: &ListenAddresses| {
        let control = control.map(|address| address.to_string()).unwrap_or_default();
        say(&if brief {
            format!(
                "FHIR=http://{}/FHIR/R4\nADMIN=http://{}\nCONTROL=http://{control}\nSMSP={smsp_url}",
                ready.public, ready.admin
            )
        } else {
            welcome(ready, &control, &smsp_url, &children)
        });
    };
    let lifecycle = service::Lifecycle { ready, stop, source: None };
    let ended = service::run(Arc::new(settings), core.handle(), lifecycle);
    core.block_on(simulator.stop());
    drop(core);
    drop(telemetry);
    ended
}

fn settings(folder: &Path, smsp_url: &str, port: u16) -> Result<Settings, CommandError> {
    let file = |name: &str| folder.join(name).display().to_string();
    let environment = [
        ("SMSP__URL", smsp_url.to_owned()),
        ("SMSP__CA", file("ca.pem")),
        ("SMSP__CLIENT_CERT", file("client.pem")),
        ("SMSP__CLIENT_KEY", file("client-key.pem")),
        ("SMSP__SENDER_ODS", "RX1".to_owned()),
        ("SMSP__RECEIVER_ODS", "SMSPORG".to_owned()),
        ("SMSP__ASID", "200000000115".to_owned()),
        ("ACCESS__MODES", "demo".to_owned()),
        ("FHIR__PATIENT_FLAG", "true".to_owned()),
        ("AUDIT__STORE", "sqlite::memory:".to_owned()),
        ("SERVER__LISTEN", free(port).to_string()),
        ("ADMIN__LISTEN", free(9090).to_string()),
    ];
    let environment = environment.map(|(key, value)| (format!("CPIS_FHIR__{key}"), value));
    // A rehearsal with many children needs a higher limits.children_per_user.
    let limits = std::env::vars().filter(|(name, _)| name.starts_with("CPIS_FHIR__LIMITS__"));
    settings::load(None, environment.into_iter().chain(limits)).map_err(|error| CommandError::Settings(error.to_string()))
}

/// `port` on loopback, or port 0 (any free port) if it is in use.
fn free(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpListener::bind(wanted).is_ok() { wanted } else { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("{what}: {error}"))
}

/// How many children the welcome lists; the simulator has more.
const LISTED: usize = 16;

/// The first children of the built-in scenario, for the welcome. They are invented, so their numbers may be shown.
fn children() -> Vec<(NhsNumber, String)> {
    Scenario::built_in().children().take(LISTED).map(|(number, title)| (number.clone(), title.to_owned())).collect()
}

fn welcome(ready: &ListenAddresses, control: &str, smsp_url: &str, children: &[(NhsNumber, String)]) -> String {
    let (base, admin) = (format!("http://{}/FHIR/R4", ready.public), ready.admin);
    let list: Vec<String> = children.iter().map(|(number, title)| format!("  {}  {title}", number.digits())).collect();
    let list = list.join("\n");
    format!(
        "\ncpis-fhir demo: the FHIR service and an SMSP simulator, joined by mutual TLS, on this machine only.\n\n\
         A child's flag, with everything it points to and who looked before, in one request and one notification:\n\
         \x20 curl -s '{base}/Flag?patient=9990000018&_include=Flag:author&_include=Flag:detail&_include=Flag:patient&_revinclude:iterate=AuditEvent:entity' | python3 -m json.tool\n\n\
         The episode of care with the authority's telephone numbers (POST keeps the NHS number out of URLs):\n\
         \x20 curl -s '{base}/EpisodeOfCare/_search' -d patient=9990000018 -d _include=EpisodeOfCare:organization | python3 -m json.tool\n\n\
         A child without a record is an empty searchset; \"Spine unavailable\" is an error, never an empty one:\n\
         \x20 curl -s '{base}/Flag?patient=9990000026'\n\
         \x20 curl -si '{base}/Flag?patient=4444444444'\n\n\
         The HL7 V3 messages, as sent over mutual TLS to {smsp_url}, and the notifications that they caused:\n\
         \x20 curl -s http://{control}/exchanges/last\n\
         \x20 curl -s http://{control}/notifications\n\n\
         Who asked about this child, from the audit trail (in memory in the demo, otherwise on disk), and the metrics:\n\
         \x20 curl -s http://{admin}/audit/_search -d nhs-number=9990000018 | python3 -m json.tool\n\
         \x20 curl -s http://{admin}/metrics | grep ^cpis_\n\n\
         Some of its children (all of them: curl -s http://{control}/children):\n{list}\n\n\
         Health: curl -s http://{admin}/_status    Stop: Ctrl-C"
    )
}

/// A folder for the demo's certificates, deleted when the demo ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, CommandError> {
        let folder = std::env::temp_dir().join(format!("cpis-fhir-demo-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).map_err(|error| failed("a temporary folder cannot be made", &error))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
