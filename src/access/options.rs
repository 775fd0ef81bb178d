//! What an operator decides about who may ask.

use super::{ByPart, ClaimPath};
use crate::cpis::{CareSetting, SdsId, Text};
use std::time::Duration;
use url::Url;

/// How callers say who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A token of an OIDC issuer.
    Bearer,
    /// Headers of a gateway that is known by its certificate.
    Gateway,
    /// One invented clinician, on loopback.
    Demo,
}

/// Who may ask, and for whom they ask: `access.*`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Never empty; [`Mode::Demo`] stands alone.
    pub modes: Vec<Mode>,
    pub issuers: Vec<Issuer>,
    pub gateway: Gateway,
    /// Names and ASIDs of organisations, where the identity gives none.
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
    /// [`Mode::Demo`] alone (decisions.md 21).
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.modes == [Mode::Demo]
    }
}

/// An OIDC issuer whose tokens are believed.
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
    /// PEM bundle of the CAs that may have signed the issuer's certificate; without it those that the system trusts.
    pub ca_pem: Option<Vec<u8>>,
    /// How often the keys are read anew.
    pub refresh: Duration,
    /// How old keys may become that cannot be read anew.
    pub keep_keys: Duration,
    /// Where a token holds each part; the user id always has a path.
    pub claims: ByPart<Option<ClaimPath>>,
}

/// Where an issuer's keys are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JSON Web Key Set.
    Jwks(Url),
    /// An OpenID configuration that names the key set.
    Discovery(Url),
}

/// The gateways whose headers are believed.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Subject names of their client certificates.
    pub certificates: Vec<String>,
    /// A header with a signed token, read by the claims of its issuer.
    pub jwt_header: Option<String>,
    /// Names of headers. The care setting has none: it is always `CPIS-Care-Setting`.
    pub headers: ByPart<Option<String>>,
    /// Who vouches for the people that any of the gateways names.
    pub issuer: String,
    pub encoding: HeaderEncoding,
}

/// How the headers of a gateway hold what is not ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderEncoding {
    Utf8,
    /// UTF-8 in percent escapes (RFC 3986).
    Percent,
}

/// An organisation whose users ask.
#[derive(Debug, Clone)]
pub struct KnownOrganisation {
    pub ods: String,
    pub name: Option<String>,
    pub asid: Option<SdsId>,
}

/// Who may do what.
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
