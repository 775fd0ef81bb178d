//! Checks the connection to the SMSP: its name, TCP, TLS, and whether it accepts our certificate. Sends nothing else.

use super::finding::{Finding, Status};
use crate::clock;
use crate::settings::{Settings, Validity, ValidityState};
use crate::smsp::probe::{Blame, LISTEN_FOR_REFUSAL, ProbeSteps, SmspProbe, TlsFault, TlsSession};
use std::time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const NAME: &str = "smsp.dns";
const TCP: &str = "smsp.tcp";
const TLS: &str = "smsp.tls";

/// Three findings, within `limit`.
pub async fn check(settings: &Settings, limit: Duration) -> Vec<Finding> {
    let smsp = &settings.smsp;
    let probe = match SmspProbe::new(&smsp.connection, &smsp.dialect.url) {
        Ok(probe) => probe,
        Err(error) => return vec![Finding::fail(TLS, error.to_string())],
    };
    // The check waits no longer than the service would.
    let connecting = smsp.connection.connect_timeout.min(limit.saturating_sub(LISTEN_FOR_REFUSAL));
    findings(&probe, probe.steps(connecting).await)
}

fn findings(probe: &SmspProbe, steps: ProbeSteps) -> Vec<Finding> {
    let (host, port) = probe.target();
    let skipped = |check| Finding::skip(check, "not tried");
    let names = match steps.names {
        Ok(addresses) if addresses.len() == 1 => Finding::ok(NAME, format!("{host} has 1 address")),
        Ok(addresses) => Finding::ok(NAME, format!("{host} has {} addresses", addresses.len())),
        Err(cause) => {
            Finding::fail(NAME, format!("{host}: {cause}; look at smsp.url, and at the names that this machine can resolve"))
        }
    };
    let tcp = match steps.tcp {
        None => skipped(TCP),
        Some(Ok(address)) => Finding::ok(TCP, format!("{address} takes connections")),
        Some(Err(cause)) => Finding::fail(
            TCP,
            format!(
                "{cause} at port {port} of {host}; look at smsp.url, at the firewalls on the way, and whether the SMSP is up"
            ),
        ),
    };
    let tls = match steps.tls {
        None => skipped(TLS),
        Some(Ok(session)) => secured(&session),
        Some(Err(fault)) => Finding::fail(TLS, refused(&fault)),
    };
    vec![names, tcp, tls]
}

fn secured(session: &TlsSession) -> Finding {
    let TlsSession { version, cipher, certificate } = session;
    let agreed = format!("{version}, {cipher}; our certificate was not refused");
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Finding::ok(TLS, agreed) };
    match Validity::of(&certificate).state(clock::now()) {
        ValidityState::Valid { days } => {
            Finding { days_left: Some(days), ..Finding::ok(TLS, format!("{agreed}; the SMSP's has {days} days left")) }
        }
        ValidityState::ExpiresSoon { days } => {
            let message = format!("{agreed}; the SMSP's has {days} days left: ask its operator for a new one");
            Finding { days_left: Some(days), ..Finding::new(TLS, Status::Warn, message) }
        }
        // Unreachable: the handshake would have failed.
        ValidityState::Expired { .. } | ValidityState::NotYetValid { .. } => Finding::ok(TLS, agreed),
    }
}

fn refused(fault: &TlsFault) -> String {
    let advice = match fault.blame {
        Blame::Ours => {
            "the SMSP refuses smsp.client_cert: is it the one that its operator knows, still good, and with the whole chain?"
        }
        Blame::Theirs => "look at smsp.ca, which must hold the CA of the SMSP's certificate, and at the name in smsp.url",
        Blame::Unknown => "is smsp.url the SMSP itself, and not something in between?",
    };
    format!("{}; {advice}", fault.cause)
}
