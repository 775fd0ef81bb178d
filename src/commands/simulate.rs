use super::{CommandError, say, service};
use crate::simulator::certificates::Certificates;
use crate::simulator::scenario::Scenario;
use crate::simulator::{Config, Simulator, Tls};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct SimulateOptions {
    /// Address of the SMSP, with mutual TLS
    #[arg(long, default_value = "127.0.0.1:9443")]
    listen: SocketAddr,
    /// Address for reading and resetting counts (GET /notifications), plain HTTP, loopback only
    #[arg(long, default_value = "127.0.0.1:9444")]
    control: SocketAddr,
    /// Scenario file (TOML) instead of the built-in children
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Folder of ca.pem, server.pem, server-key.pem, client.pem and client-key.pem; created if ca.pem is missing
    #[arg(long, default_value = "simulator-certificates")]
    certificates: PathBuf,
}

/// Runs the simulator until a signal stops it.
pub fn run(options: &SimulateOptions) -> Result<(), CommandError> {
    let scenario = scenario(options.scenario.as_deref())?;
    let tls = tls(&options.certificates)?;
    let runtime = service::core_runtime()?;
    let stop = service::stop_signal(runtime.handle());
    let config = Config { listen: options.listen, control_listen: Some(options.control), tls, scenario };
    let simulator = runtime
        .block_on(Simulator::start(config))
        .map_err(|error| CommandError::Settings(format!("the simulator cannot start: {error}")))?;
    say(&ready_message(&simulator, &options.certificates));
    runtime.block_on(stop);
    runtime.block_on(simulator.stop());
    Ok(())
}

fn scenario(file: Option<&Path>) -> Result<Scenario, CommandError> {
    let Some(file) = file else { return Ok(Scenario::built_in()) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| CommandError::Settings(format!("the scenario {} cannot be read: {error}", file.display())))?;
    Scenario::from_toml(&text).map_err(|error| CommandError::Settings(error.to_string()))
}

fn tls(folder: &Path) -> Result<Tls, CommandError> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        CommandError::Settings(format!("the certificates in {} cannot be {what}: {error}", folder.display()))
    };
    if !folder.join("ca.pem").exists() {
        let made = Certificates::generate("cpis-client.demo").map_err(|error| cannot("made", &error))?;
        made.write_to(folder).map_err(|error| cannot("written", &error))?;
    }
    let read = |name: &str| std::fs::read(folder.join(name)).map_err(|error| cannot("read", &error));
    Ok(Tls { cert_pem: read("server.pem")?, key_pem: read("server-key.pem")?, client_ca_pem: read("ca.pem")? })
}

fn ready_message(simulator: &Simulator, folder: &Path) -> String {
    let folder = folder.display();
    let control = simulator.control_address().map(|address| address.to_string()).unwrap_or_default();
    format!(
        "The SMSP simulator is ready: {url} (mutual TLS)\n\
         Counts: curl http://{control}/notifications\n\n\
         Point the service at it:\n\
         export CPIS_FHIR__SMSP__URL={url}\n\
         export CPIS_FHIR__SMSP__CA={folder}/ca.pem\n\
         export CPIS_FHIR__SMSP__CLIENT_CERT={folder}/client.pem\n\
         export CPIS_FHIR__SMSP__CLIENT_KEY={folder}/client-key.pem\n\
         export CPIS_FHIR__SMSP__SENDER_ODS=RX1\n\
         export CPIS_FHIR__ACCESS__MODES=demo\n\
         export CPIS_FHIR__AUDIT__STORE=sqlite::memory:\n\
         cpis-fhir serve",
        url = simulator.url()
    )
}
