//! `smsp.*` and `author.*`: the Spine mini service, how it is reached and how it is spoken to.

use super::reader::Reader;
use super::urls::{Scheme, read_web};
use super::{author, certificates, files};
use crate::cpis::SdsId;
use crate::smsp::{Connection, Dialect, PayloadForm};
use std::time::Duration;

const FORMS: [(&str, PayloadForm); 2] = [("stub", PayloadForm::Stub), ("tms", PayloadForm::Tms)];

/// The upstream.
#[derive(Debug, Clone)]
pub struct Smsp {
    pub dialect: Dialect,
    pub connection: Connection,
    /// `dialect.username` is the certificate's common name, and changes with the certificate.
    pub is_username_from_certificate: bool,
    /// How long a caller waits. Not above `late_timeout`.
    pub timeout: Duration,
    /// How long an answer is still awaited after the query was sent (decisions.md 4).
    pub late_timeout: Duration,
    /// Queries at the same time; at least 1.
    pub max_in_flight: usize,
    /// Lookups that may wait for a place; beyond: 503.
    pub max_queued: usize,
    pub breaker: Breaker,
}

/// When the SMSP is left alone (decisions.md 33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row; at least 1.
    pub failures: u32,
    pub open_for: Duration,
}

pub(super) fn read(reader: &mut Reader) -> Option<Smsp> {
    check_order_of_timeouts(reader);
    let credentials = credentials(reader);
    let dialect = dialect(reader, credentials.as_ref().and_then(|found| found.common_name.clone()), credentials.is_some());
    let (credentials, dialect) = (credentials?, dialect?);
    Some(Smsp {
        dialect,
        connection: credentials.connection,
        is_username_from_certificate: !reader.is_set("smsp.username"),
        timeout: reader.duration("smsp.timeout")?,
        late_timeout: reader.duration("smsp.late_timeout")?,
        max_in_flight: reader.count("smsp.max_in_flight")?,
        max_queued: reader.count("smsp.max_queued")?,
        breaker: Breaker {
            failures: reader.count("smsp.breaker.failures")?,
            open_for: reader.duration("smsp.breaker.open_for")?,
        },
    })
}

fn check_order_of_timeouts(reader: &mut Reader) {
    for (shorter, longer) in [("smsp.connect_timeout", "smsp.timeout"), ("smsp.timeout", "smsp.late_timeout")] {
        if let (Some(short), Some(long)) = (reader.duration(shorter), reader.duration(longer))
            && short > long
        {
            // Blames the key that was given, not the default that it collides with.
            let (name, other, how) =
                if reader.is_set(shorter) { (shorter, longer, "longer") } else { (longer, shorter, "shorter") };
            reader.fault(name, format!("is {how} than {other}; wanted connect_timeout <= timeout <= late_timeout"));
        }
    }
}

/// Whom we trust for the SMSP, and who we are to it.
pub struct SmspCredentials {
    pub connection: Connection,
    /// Of our certificate.
    pub common_name: Option<String>,
}

pub(super) fn credentials(reader: &mut Reader) -> Option<SmspCredentials> {
    let ca = files::contents(reader, "smsp.ca");
    let cert = files::contents(reader, "smsp.client_cert");
    let key = files::secret_contents(reader, "smsp.client_key");
    let authorities = ca.as_ref().and_then(|pem| certificates::check_authorities(reader, "smsp.ca", pem));
    let own = certificates::check_own(
        reader,
        ("smsp.client_cert", cert.as_ref().map(|pem| pem.as_slice())),
        ("smsp.client_key", key.as_ref().map(|pem| pem.as_slice())),
    );
    authorities?;
    Some(SmspCredentials {
        common_name: own?.common_name,
        connection: Connection {
            ca_pem: ca?.to_vec(),
            client_cert_pem: cert?.to_vec(),
            client_key_pem: key?.to_vec(),
            connect_timeout: reader.duration("smsp.connect_timeout")?,
        },
    })
}

fn dialect(reader: &mut Reader, common_name: Option<String>, is_certificate_read: bool) -> Option<Dialect> {
    let url = read_web(reader, "smsp.url", Scheme::Https);
    let username = if reader.is_set("smsp.username") { reader.text("smsp.username") } else { common_name };
    if username.is_none() && is_certificate_read && !reader.is_set("smsp.username") {
        reader.miss("smsp.username", ", since the certificate in smsp.client_cert has no common name");
    }
    let payload_form = reader.choice("smsp.payload_form", &FORMS);
    check_tms(reader, payload_form);
    let author = author::read(reader);
    let asid = |name: &str| reader.text(name).and_then(|asid| SdsId::parse(&asid));
    url?;
    Some(Dialect {
        // As written: a URL that has been through a parser may end differently, and `wsa:To` is compared.
        url: reader.text("smsp.url")?,
        username: username?,
        sender_ods: reader.text("smsp.sender_ods")?,
        receiver_ods: reader.text("smsp.receiver_ods"),
        asid: asid("smsp.asid"),
        organisation_asids: organisation_asids(reader),
        to_asid: asid("smsp.to_asid"),
        action: reader.text("smsp.action")?,
        profile_id: reader.text("smsp.profile_id")?,
        interaction_id: reader.text("smsp.interaction_id")?,
        payload_form: payload_form?,
        soap_action_quoted: reader.switch("smsp.soap_action_quoted")?,
        send_traceparent: reader.switch("smsp.send_traceparent")?,
        author: author?,
    })
}

/// Those of `access.organisations` that have one of their own.
fn organisation_asids(reader: &Reader) -> Vec<(String, SdsId)> {
    let part = |at: usize, part: &str| reader.text(&format!("access.organisations[{at}].{part}"));
    let of = |at: usize| Some((part(at, "ods")?, SdsId::parse(&part(at, "asid")?)?));
    (0..reader.items("access.organisations")).filter_map(of).collect()
}

fn check_tms(reader: &mut Reader, form: Option<PayloadForm>) {
    match form {
        Some(PayloadForm::Tms) => {
            for name in ["smsp.asid", "smsp.to_asid"] {
                if !reader.is_set(name) {
                    reader.miss(name, " for smsp.payload_form = tms");
                }
            }
        }
        Some(PayloadForm::Stub) if reader.is_set("smsp.to_asid") => {
            reader.fault("smsp.to_asid", "is for smsp.payload_form = tms only; take it out or change the form");
        }
        _ => {}
    }
}
