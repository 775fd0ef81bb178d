//! What an operator decides about the HTTP API: `server.*`, `admin.*`, `fhir.*`, `limits.*` and `cpis.*`.

use crate::secret::SecretPem;
use std::net::SocketAddr;
use std::time::Duration;
use url::Url;

/// How both listeners serve.
#[derive(Debug, Clone)]
pub struct Options {
    pub server: ServerOptions,
    pub admin: AdminOptions,
    pub fhir: FhirOptions,
    pub limits: Limits,
    pub scheduled_care: ScheduledCare,
}

/// The FHIR listener.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub listen: SocketAddr,
    /// Starts with `/`, does not end with it.
    pub base_path: String,
    /// The FHIR base as callers see it; without it links are made from the request.
    pub public_url: Option<Url>,
    /// Of pages that may read answers in a browser, as browsers write them. Empty: none.
    pub cors_origins: Vec<String>,
    pub tls: Option<ServerTls>,
}

/// The listener for health detail, metrics and the audit search.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    pub listen: SocketAddr,
    pub tls: Option<ServerTls>,
}

/// What a listener needs to speak TLS, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    pub cert_pem: Vec<u8>,
    pub key_pem: SecretPem,
    /// With it, client certificates are required.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// How the FHIR API behaves.
#[derive(Debug, Clone)]
pub struct FhirOptions {
    pub handling: HandlingPolicy,
    /// false: POST _search only.
    pub get_search: bool,
    pub require_request_id: bool,
    pub batch: BatchLimits,
    /// Whether the Patient-flags shape is offered (decisions.md 3).
    pub patient_flag: bool,
    /// Whether a read of a Flag or an EpisodeOfCare may ask CP-IS (decisions.md 11).
    pub read_asks: bool,
}

/// What happens to unknown search parameters; the `-only` forms do not let `Prefer: handling` change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlingPolicy {
    StrictOnly,
    Strict,
    Lenient,
    LenientOnly,
}

/// What a batch may hold (decisions.md 14). Both are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub max_entries: usize,
    pub max_children: usize,
}

/// What a caller may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Per caller; at least 1. `None`: no limit, in a demonstration, whose callers are all one person.
    pub requests_per_second: Option<u32>,
    /// Different children whom one user may look at within `children_window`; at least 1.
    pub children_per_user: usize,
    pub children_window: Duration,
    /// Longest request body, in bytes.
    pub body: usize,
    /// For a head, and for a body.
    pub header_timeout: Duration,
    /// For taking an answer.
    pub write_timeout: Duration,
    pub connections: usize,
    /// Of callers who have not said who they are, from one address. `None`: a quarter of them.
    pub connections_per_address: Option<usize>,
}

/// What happens to a lookup for scheduled care: 403, since no way to CP-IS that is built can read without a notification
/// (decisions.md 62).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledCare {
    Refuse,
    /// First refused to users who may not read silently.
    SilentRead,
}
