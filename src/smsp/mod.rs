//! The way to CP-IS: `query` writes HL7 V3, `envelope` wraps it in ITK and SOAP, `client` sends it over mutual TLS, `response` reads the
//! reply; `renewable` replaces the client when there are new certificates. Knows nothing of FHIR.

pub mod client;
pub mod envelope;
pub mod probe;
pub mod query;
pub mod renewable;
pub mod response;
mod tcp;
pub mod tls;

use crate::cpis::{Organisation, PersonName, SdsId};

/// How to connect to the SMSP and how to talk to it (`smsp.*` and `author.*`).
#[derive(Debug, Clone)]
pub struct Options {
    pub dialect: Dialect,
    pub connection: ConnectionOptions,
    /// `dialect.username` is the common name of the certificate, and changes with it.
    pub is_username_from_certificate: bool,
}

/// How to talk to this SMSP: everything that wire.md section 6 leaves open and a setting decides.
#[derive(Debug, Clone)]
pub struct Dialect {
    /// The endpoint and `wsa:To`.
    pub url: String,
    /// `wsse:Username`: by default the subject CN of the client certificate.
    pub username: String,
    /// The ODS code of the sending organisation.
    pub sender_ods: String,
    /// The ODS code of the SMSP's organisation; without it there is no `addresslist`.
    pub receiver_ods: Option<String>,
    /// Our ASID, 12 digits: the system author, the TMS sender, audit identity method 5.
    pub asid: Option<SdsId>,
    /// The ASIDs of organisations that have their own, by ODS code. Each replaces `asid` for the users of its organisation.
    pub organisation_asids: Vec<(String, SdsId)>,
    /// The ASID of CP-IS, only for the TMS-wrapped form.
    pub to_asid: Option<SdsId>,
    /// Action, SOAPAction and `@service`; the response appends `Response` to it.
    pub action: String,
    pub profile_id: String,
    /// Empty: no handling specification.
    pub interaction_id: String,
    pub payload_form: PayloadForm,
    pub soap_action_quoted: bool,
    pub send_traceparent: bool,
    pub author: AuthorRule,
}

impl Dialect {
    /// The ASID for queries by users of `organisation`.
    #[must_use]
    pub fn asid_of(&self, organisation: &Organisation) -> Option<&SdsId> {
        let code = organisation.ods_code.as_str().trim();
        let own = self.organisation_asids.iter().find(|(ods, _)| ods.eq_ignore_ascii_case(code));
        own.map(|(_, asid)| asid).or(self.asid.as_ref())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadForm {
    /// The bare `CP-ISQueryStub`.
    Stub,
    /// `QUPC_IN000006GB01` around it (wire.md 2.9).
    Tms,
}

/// Which author template is sent, and with which person (decisions.md 20).
#[derive(Debug, Clone)]
pub struct AuthorRule {
    pub template: AuthorTemplate,
    /// The person of the system template if the requester has no name or role.
    pub nominated: Option<NominatedPerson>,
    /// The OID of the job role code system.
    pub role_code_system: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorTemplate {
    Auto,
    Person,
    System,
}

#[derive(Debug, Clone)]
pub struct NominatedPerson {
    pub role_code: String,
    pub role_name: String,
    pub name: PersonName,
}

/// How to connect to the SMSP. `Debug` shows no PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The PEM bundle of the CAs for the SMSP's certificate. No other CA is trusted.
    pub ca_pem: Vec<u8>,
    /// The PEM chain of our certificate.
    pub client_cert_pem: Vec<u8>,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub client_key_pem: Vec<u8>,
    /// Covers name resolution, TCP and TLS.
    pub connect_timeout: std::time::Duration,
}

// A derived implementation would print the private key.
impl std::fmt::Debug for ConnectionOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionOptions").field("connect_timeout", &self.connect_timeout).finish_non_exhaustive()
    }
}
