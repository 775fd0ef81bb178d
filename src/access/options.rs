//! The options of this room: who may send requests, and what they may do.

use super::{ByPart, ClaimPath};
use crate::cpis::{CareSetting, SdsId, Text};
use std::time::Duration;
use url::Url;

/// How callers are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A token of an OIDC issuer.
    Bearer,
    /// Headers of a gateway with a known certificate.
    Gateway,
    /// One invented clinician, on loopback.
    Demo,
}

/// The options in `access.*`, and those of other sections that this room needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Never empty; [`Mode::Demo`] is always the only one.
    pub modes: Vec<Mode>,
    pub issuers: Vec<Issuer>,
    pub gateway: Gateway,
    /// Names and ASIDs of organisations, for identities without them.
    pub organisations: Vec<KnownOrganisation>,
    /// The care setting of a request that names none; one of `care_settings`.
    pub care_setting: CareSetting,
    /// Those that a request may name. Never empty.
    pub care_settings: Vec<CareSetting>,
    pub allow: Allow,
    /// The code system of the job role codes that identities hold.
    pub role_code_system: Text,
    /// ODS code of the organisation of the demo's clinician.
    pub demo_organisation: Text,
}

impl Options {
    /// Whether the only mode is [`Mode::Demo`] (decisions.md 21).
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.modes == [Mode::Demo]
    }
}

/// An OIDC issuer whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Exactly as in `iss`.
    pub issuer: String,
    pub keys: KeySource,
    /// A token must name one of these in `aud`. Never empty.
    pub audience: Vec<String>,
    /// JOSE names of asymmetric algorithms, such as RS256. Never empty.
    pub algorithms: Vec<String>,
    /// How far the issuer's clock may differ from ours.
    pub leeway: Duration,
    /// PEM bundle of the CAs that may have signed the issuer's certificate; `None`: the system's CAs.
    pub ca_pem: Option<Vec<u8>>,
    /// How often the keys are fetched.
    pub refresh: Duration,
    /// How old the keys may become if they cannot be fetched.
    pub keep_keys: Duration,
    /// The path of each part in a token. The user id always has one.
    pub claims: ByPart<Option<ClaimPath>>,
}

/// The location of an issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JSON Web Key Set.
    Jwks(Url),
    /// An OpenID configuration that names the key set.
    Discovery(Url),
}

/// The gateways whose headers are trusted.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Subject names of their client certificates.
    pub certificates: Vec<String>,
    /// A header with a signed token, read by the claims of its issuer.
    pub jwt_header: Option<String>,
    /// Names of headers. The care setting has none: it is always `CPIS-Care-Setting`.
    pub headers: ByPart<Option<String>>,
    /// The issuer of the user ids of all gateways.
    pub issuer: String,
    pub encoding: HeaderEncoding,
}

/// How the headers of a gateway encode characters outside ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderEncoding {
    Utf8,
    /// UTF-8 in percent escapes (RFC 3986).
    Percent,
}

/// An organisation whose users send requests.
#[derive(Debug, Clone)]
pub struct KnownOrganisation {
    pub ods: String,
    pub name: Option<String>,
    pub asid: Option<SdsId>,
}

/// What users may do.
#[derive(Debug, Clone)]
pub struct Allow {
    /// Job role codes that may look.
    pub roles: Vec<String>,
    /// RBAC activity codes that may look.
    pub activities: Vec<String>,
    /// ODS codes whose users may look; empty: any.
    pub organisations: Vec<String>,
    /// Job role codes that may search the trail.
    pub audit_roles: Vec<String>,
}
