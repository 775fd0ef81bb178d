//! `smsp.*` and `author.*`: how to connect to the Spine mini service, and the messages that it expects.

use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::table::{organisations, smsp};
use super::urls::{Scheme, read_web};
use super::{access, author, certificates, files};
use crate::cpis::SdsId;
use crate::smsp::{ConnectionOptions, Dialect, Options, PayloadForm};

pub(super) fn read(reader: &mut Reader) -> Result<Options, ReportedFault> {
    check_order_of_timeouts(reader);
    let credentials = credentials(reader);
    let dialect = dialect(reader, credentials.as_ref().ok());
    let (credentials, dialect) = (credentials?, dialect?);
    Ok(Options { dialect, connection: credentials.connection, is_username_from_certificate: !reader.is_set(smsp::USERNAME) })
}

fn check_order_of_timeouts(reader: &mut Reader) {
    for (shorter, longer) in [(smsp::CONNECT_TIMEOUT, smsp::TIMEOUT), (smsp::TIMEOUT, smsp::LATE_TIMEOUT)] {
        if let (Ok(short), Ok(long)) = (reader.get(shorter), reader.get(longer))
            && short > long
        {
            // Names the key that was set, not the default that it conflicts with.
            let (key, other, how) =
                if reader.is_set(shorter) { (shorter, longer, "longer") } else { (longer, shorter, "shorter") };
            reader.fault(key, format!("is {how} than {other}; wanted connect_timeout <= timeout <= late_timeout"));
        }
    }
}

/// The CAs that we trust for the SMSP, and our own certificate.
pub struct SmspCredentials {
    pub connection: ConnectionOptions,
    /// The common name of our certificate.
    pub common_name: Option<String>,
}

pub(super) fn credentials(reader: &mut Reader) -> Result<SmspCredentials, ReportedFault> {
    let [ca_key, cert_key, private_key] = [smsp::CA, smsp::CLIENT_CERT, smsp::CLIENT_KEY].map(Key::optional);
    let ca = files::contents(reader, ca_key).and_then(|pem| pem.ok_or(ReportedFault));
    let cert = files::contents(reader, cert_key).and_then(|pem| pem.ok_or(ReportedFault));
    let key = files::secret_contents(reader, private_key).and_then(|pem| pem.ok_or(ReportedFault));
    let authorities = ca.as_ref().map_err(|fault| *fault).and_then(|pem| certificates::check_authorities(reader, ca_key, pem));
    let own = certificates::check_own(reader, (cert_key, cert.as_ref().ok()), (private_key, key.as_ref().ok()));
    authorities?;
    Ok(SmspCredentials {
        common_name: own?.common_name,
        connection: ConnectionOptions {
            ca_pem: ca?.to_vec(),
            client_cert_pem: cert?.to_vec(),
            client_key_pem: key?.to_vec(),
            connect_timeout: reader.get(smsp::CONNECT_TIMEOUT)?,
        },
    })
}

fn dialect(reader: &mut Reader, credentials: Option<&SmspCredentials>) -> Result<Dialect, ReportedFault> {
    let url = read_web(reader, smsp::URL.optional(), Scheme::Https);
    let username = match (reader.get(smsp::USERNAME), credentials) {
        (Ok(Some(username)), _) => Ok(username),
        (Ok(None), Some(SmspCredentials { common_name: Some(name), .. })) => Ok(name.clone()),
        (Ok(None), Some(SmspCredentials { common_name: None, .. })) => {
            Err(reader.miss(smsp::USERNAME, ", since the certificate in smsp.client_cert has no common name"))
        }
        (Ok(None), None) | (Err(ReportedFault), _) => Err(ReportedFault),
    };
    let payload_form = reader.get(smsp::PAYLOAD_FORM);
    check_tms(reader, payload_form.ok());
    let author = author::read(reader);
    url?;
    Ok(Dialect {
        // As written: a parsed URL may end differently, and the SMSP compares `wsa:To`.
        url: reader.get(smsp::URL)?,
        username: username?,
        sender_ods: reader.get(smsp::SENDER_ODS)?,
        receiver_ods: reader.get(smsp::RECEIVER_ODS)?,
        asid: reader.get(smsp::ASID)?,
        organisation_asids: organisation_asids(reader),
        to_asid: reader.get(smsp::TO_ASID)?,
        action: reader.get(smsp::ACTION)?,
        profile_id: reader.get(smsp::PROFILE_ID)?,
        interaction_id: reader.get(smsp::INTERACTION_ID)?,
        payload_form: payload_form?,
        soap_action_quoted: reader.get(smsp::SOAP_ACTION_QUOTED)?,
        send_traceparent: reader.get(smsp::SEND_TRACEPARENT)?,
        author: author?,
    })
}

/// The organisations in `access.organisations` that have their own ASID.
fn organisation_asids(reader: &Reader) -> Vec<(String, SdsId)> {
    let of = |at: usize| {
        let asid = reader.get(organisations::ASID.at(at)).ok()??;
        Some((reader.get(organisations::ODS.at(at)).ok()?, asid))
    };
    (0..reader.items(access::ORGANISATIONS)).filter_map(of).collect()
}

fn check_tms(reader: &mut Reader, form: Option<PayloadForm>) {
    match form {
        Some(PayloadForm::Tms) => {
            for key in [smsp::ASID, smsp::TO_ASID] {
                if !reader.is_set(key) {
                    reader.miss(key, " for smsp.payload_form = tms");
                }
            }
        }
        Some(PayloadForm::Stub) if reader.is_set(smsp::TO_ASID) => {
            reader.fault(smsp::TO_ASID, "is for smsp.payload_form = tms only; take it out or change the form");
        }
        _ => {}
    }
}
