//! Every setting: the one place that defines its key, type, form, default and meaning.
//!
//! Parsing, checks, suggestions for mistyped names and the reference (`docs/settings.md`) all use this table.
//! Names and defaults are a contract with operators: keys may be added, never renamed (decisions.md 17).

use super::identity::{self, Preset};
use super::key::{
    Choice, Form, Initial, Key, Row, address, asid, choice, count, days, duration, duration_or_zero, file, header, list, ods,
    oid, secret_file, size, switch, symbol, symbol_or_empty, text, word,
};
use super::kind::DAY;
use crate::access::{HeaderEncoding, Mode};
use crate::api::{HandlingPolicy, ScheduledCare};
use crate::cpis::{CareSetting, SdsId};
use crate::smsp::{AuthorTemplate, PayloadForm};
use crate::telemetry::LogForm;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

/// The words of a choice, and what each means.
macro_rules! choices {
    ($($type:ident { $($value:ident $word:literal),* })*) => {
        $(impl Choice for $type {
            const WORDS: &'static [&'static str] = &[$($word),*];
            const VALUES: &'static [Self] = &[$(Self::$value),*];
        })*
    };
}

choices! {
    AuthorTemplate { Auto "auto", Person "person", System "system" }
    HandlingPolicy { StrictOnly "strict-only", Strict "strict", Lenient "lenient", LenientOnly "lenient-only" }
    HeaderEncoding { Utf8 "utf-8", Percent "percent" }
    LogForm { Json "json", Pretty "pretty" }
    Mode { Bearer "bearer", Gateway "gateway", Demo "demo" }
    PayloadForm { Stub "stub", Tms "tms" }
    Preset { Oidc "oidc", NhsCis2 "nhs-cis2" }
    ScheduledCare { Refuse "refuse", SilentRead "silent-read" }
}

/// The care settings of DCB1609.
impl Choice for CareSetting {
    const WORDS: &'static [&'static str] = CareSettings::WORDS.split_at(1).1;
    const VALUES: &'static [Self] = &Self::ALL;
}

/// Care settings that a request may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CareSettings {
    All,
    One(CareSetting),
}

const CARE_SETTINGS: usize = CareSetting::ALL.len();

impl Choice for CareSettings {
    const WORDS: &'static [&'static str] = &{
        let mut words = ["all"; CARE_SETTINGS + 1];
        let mut at = 0;
        while at < CARE_SETTINGS {
            words[at + 1] = CareSetting::ALL[at].code();
            at += 1;
        }
        words
    };
    const VALUES: &'static [Self] = &{
        let mut values = [Self::All; CARE_SETTINGS + 1];
        let mut at = 0;
        while at < CARE_SETTINGS {
            values[at + 1] = Self::One(CareSetting::ALL[at]);
            at += 1;
        }
        values
    };
}

/// Only signatures with a key pair: anyone who can read a shared secret in a settings file could sign tokens.
const ALGORITHM: Form<String> = word(&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]);
const TEXT: Form<String> = text("text");
const URN: Form<String> = symbol("a URN, without spaces and quotes");

/// The keys of a section. The doc comment of a key is its text in the reference.
macro_rules! section {
    ($section:ident $(
        $(#[doc = $meaning:literal])+ $key:ident: $type:ty = $name:literal, $form:expr, $how:ident $($words:literal)?;
    )*) => {
        pub(super) mod $section {
            use super::*;

            $(pub(in crate::settings) const $key: Key<$type> = Key::$how($name, &$form $(, $words)?);)*

            pub(super) fn rows() -> Vec<Row> {
                vec![$(Row {
                    name: $name.into(),
                    kind: $key.kind,
                    default: Initial::$how($($words)?),
                    meaning: concat!($($meaning),+).trim_start().into(),
                }),*]
            }
        }
    };
}

section! { server
    /// Where the FHIR API listens.
    LISTEN: SocketAddr = "server.listen", address(), is "127.0.0.1:8080";
    /// The path of the FHIR API.
    BASE_PATH: String = "server.base_path",
        text("a path that starts with /, does not end with / and has no . or .. in it"), is "/FHIR/R4";
    /// The FHIR base as callers see it, path included; links and full URLs start with it.
    PUBLIC_URL: Option<String> = "server.public_url",
        text("an http or https URL without user, query and fragment"), otherwise "from the request";
    /// Origins of pages that may read answers in a browser (CORS), such as SMART apps. Empty: none. `*` is not accepted.
    CORS_ORIGINS: Vec<String> = "server.cors_origins", list(&symbol("an origin such as https://app.trust.example")), is "[]";
    /// PEM chain of the listener's certificate. With it, the API accepts TLS only. Reloaded when the file changes.
    TLS_CERT: Option<PathBuf> = "server.tls.cert", file(), otherwise "none";
    /// PEM private key of `server.tls.cert`. Reloaded when the file changes.
    TLS_KEY: Option<PathBuf> = "server.tls.key", secret_file(), otherwise "none";
    /// PEM bundle of CAs. With it, callers must present a certificate signed by one of them. Reloaded when the file changes.
    TLS_CLIENT_CA: Option<PathBuf> = "server.tls.client_ca", file(), otherwise "none";
}

section! { admin
    /// Where health detail, metrics and the audit search listen.
    LISTEN: SocketAddr = "admin.listen", address(), is "127.0.0.1:9090";
    /// As `server.tls.cert`, for the admin listener.
    TLS_CERT: Option<PathBuf> = "admin.tls.cert", file(), otherwise "none";
    /// As `server.tls.key`, for the admin listener.
    TLS_KEY: Option<PathBuf> = "admin.tls.key", secret_file(), otherwise "none";
    /// As `server.tls.client_ca`, for the admin listener.
    TLS_CLIENT_CA: Option<PathBuf> = "admin.tls.client_ca", file(), otherwise "none";
}

section! { smsp
    /// The endpoint of the Spine mini service; https only, without user and fragment.
    URL: String = "smsp.url", text("an https URL"), required;
    /// PEM bundle of the CAs that may have signed the SMSP's certificate. No other CA is trusted. Reloaded when the file changes.
    CA: PathBuf = "smsp.ca", file(), required;
    /// PEM chain of our certificate, our own first. Reloaded when the file changes.
    CLIENT_CERT: PathBuf = "smsp.client_cert", file(), required;
    /// PEM private key of `smsp.client_cert` (PKCS#8, PKCS#1 or SEC1, without a passphrase). Reloaded when the file changes.
    CLIENT_KEY: PathBuf = "smsp.client_key", secret_file(), required;
    /// The WS-Security Username.
    USERNAME: Option<String> = "smsp.username", TEXT, otherwise "the common name (CN) of `smsp.client_cert`";
    /// ODS code of the sending organisation: sender address and audit identity.
    SENDER_ODS: String = "smsp.sender_ods", ods(), required;
    /// ODS code of the SMSP's organisation. Without it, no address list is sent.
    RECEIVER_ODS: Option<String> = "smsp.receiver_ods", ods(), otherwise "none";
    /// Our ASID: the author of queries by the system, the sender in the TMS form, audit identity method 5.
    ASID: Option<SdsId> = "smsp.asid", asid(), otherwise "none";
    /// The ASID of CP-IS. Required with `smsp.payload_form = tms`, otherwise not allowed.
    TO_ASID: Option<SdsId> = "smsp.to_asid", asid(), otherwise "none";
    /// wsa:Action, SOAPAction and the envelope's service. The response has this with `Response` appended.
    ACTION: String = "smsp.action", URN, is "urn:nhs-itk:services:201005:sendRecvDistEnvelope";
    /// Profile of the payload in the manifest. An SMSP must refuse a profile that it does not know.
    PROFILE_ID: String = "smsp.profile_id", URN, is "urn:nhs-en:profile:CP-ISNHSQuery-v2-0";
    /// The interaction in the handling specification. Empty: no handling specification is sent.
    INTERACTION_ID: String = "smsp.interaction_id",
        symbol_or_empty("a URN, without spaces and quotes, or empty"), is "urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0";
    /// `stub` sends the bare CP-ISQueryStub, `tms` wraps it in QUPC_IN000006GB01.
    PAYLOAD_FORM: PayloadForm = "smsp.payload_form", choice(), is "stub";
    /// Whether the SOAPAction header is in double quotes.
    SOAP_ACTION_QUOTED: bool = "smsp.soap_action_quoted", switch(), is "true";
    /// Whether the SMSP receives the trace id.
    SEND_TRACEPARENT: bool = "smsp.send_traceparent", switch(), is "true";
    /// Limit for name resolution, TCP and TLS together. At most `smsp.timeout`.
    CONNECT_TIMEOUT: Duration = "smsp.connect_timeout", duration(), is "5s";
    /// How long a caller waits for CP-IS. At most `smsp.late_timeout`.
    TIMEOUT: Duration = "smsp.timeout", duration(), is "20s";
    /// How long the service waits for an answer after it sent the query, even after the caller got a timeout. It records a late
    /// answer and uses it for the retry.
    LATE_TIMEOUT: Duration = "smsp.late_timeout", duration(), is "60s";
    /// Queries to the SMSP at the same time.
    MAX_IN_FLIGHT: usize = "smsp.max_in_flight", count(1, 10_000), is "64";
    /// Lookups that may wait for a free place. Beyond: 503.
    MAX_QUEUED: usize = "smsp.max_queued", count(0, 100_000), is "256";
    /// Consecutive failures, for at least 3 children, after which the circuit breaker opens and no query is sent to the SMSP.
    BREAKER_FAILURES: u32 = "smsp.breaker.failures", count(1, 1_000), is "5";
    /// How long the breaker stays open. Then one real lookup tries the SMSP.
    BREAKER_OPEN_FOR: Duration = "smsp.breaker.open_for", duration(), is "15s";
}

section! { author
    /// Who the author of a query is. `auto`: the person if the identity has an SDS user id, a role and a name, else the system.
    TEMPLATE: AuthorTemplate = "author.template", choice(), is "auto";
    /// Code system of the job role codes.
    ROLE_CODE_SYSTEM: String = "author.role_code_system", oid(), is "2.16.840.1.113883.2.1.3.2.4.17.196";
    /// Job role code of the person responsible for queries by the system. Used only if the clinician's own role or name is absent.
    /// Set it together with role_name and family, or not at all.
    NOMINATED_ROLE_CODE: Option<String> = "author.nominated.role_code", TEXT, otherwise "none";
    /// Job role name of the nominated person.
    NOMINATED_ROLE_NAME: Option<String> = "author.nominated.role_name", TEXT, otherwise "none";
    /// Title of the nominated person.
    NOMINATED_PREFIX: Option<String> = "author.nominated.prefix", TEXT, otherwise "none";
    /// Given name of the nominated person.
    NOMINATED_GIVEN: Option<String> = "author.nominated.given", TEXT, otherwise "none";
    /// Family name of the nominated person.
    NOMINATED_FAMILY: Option<String> = "author.nominated.family", TEXT, otherwise "none";
}

section! { cpis
    /// What happens to a lookup for scheduled care. Both values refuse it (403) without a query, since every query that this service
    /// can send causes a notification. `silent-read` first checks whether the user may read silently.
    SCHEDULED_CARE: ScheduledCare = "cpis.scheduled_care", choice(), is "refuse";
}

section! { access
    /// How callers are identified. `demo` must be the only mode, and works on loopback only.
    MODES: Vec<Mode> = "access.modes", list(&choice()), is "[\"bearer\"]";
}

section! { issuers
    /// An OIDC issuer whose tokens are accepted; compared exactly with `iss`.
    ISSUER: String = "access.issuers[].issuer", symbol("an issuer exactly as in the tokens' `iss`"), required;
    /// The URL of the issuer's keys.
    JWKS_URL: Option<String> = "access.issuers[].jwks_url",
        text("an https URL (http on loopback)"), otherwise "found by discovery";
    /// The issuer's OpenID configuration, which names its keys. Not together with `jwks_url`.
    DISCOVERY: Option<String> = "access.issuers[].discovery",
        text("an https URL (http on loopback)"), otherwise "`/.well-known/openid-configuration` under the issuer";
    /// A token must be meant for one of these (`aud`).
    AUDIENCE: Vec<String> = "access.issuers[].audience", list(&symbol("an audience")), required;
    /// Signature algorithms that are accepted. Shared secrets (HS256) and `none` never are.
    ALGORITHMS: Vec<String> = "access.issuers[].algorithms", list(&ALGORITHM), is "[\"RS256\", \"RS512\", \"ES256\"]";
    /// How far the issuer's clock may differ from ours; at most 5m.
    LEEWAY: Duration = "access.issuers[].leeway", duration_or_zero(DAY), is "30s";
    /// PEM bundle of the CAs that may have signed the issuer's certificate. With it, no other CA is trusted for this issuer.
    CA: Option<PathBuf> = "access.issuers[].ca", file(), otherwise "the CAs that the system trusts";
    /// How often the issuer's keys are read again.
    REFRESH: Duration = "access.issuers[].refresh", duration(), is "5m";
    /// How old the keys may become while the issuer cannot be reached. Beyond, its tokens cannot be checked (503).
    KEEP_KEYS: Duration = "access.issuers[].keep_keys", duration(), is "1h";
    /// The claims that apply if none is named below: the standard ones of OpenID Connect, or those of NHS Care Identity Service 2
    /// with the role that the user selected.
    PRESET: Preset = "access.issuers[].preset", choice(), is "oidc";
}

section! { gateway
    /// Gateways whose headers are trusted, by the subject of their certificate: its common name (`gateway.example`), or the
    /// whole subject in the form of RFC 4514 (`CN=gateway,O=Trust,C=GB`). Names with commas need the form of an array.
    CERTIFICATES: Vec<String> = "access.gateway.certificates", list(&TEXT), is "[]";
    /// The name of the issuer of the gateways' user ids, in the trail and for sharing looks. It is the same for all gateways: a user
    /// id is the same person through each.
    ISSUER: String = "access.gateway.issuer", symbol("a name"), is "gateway";
    /// How the gateways' headers encode characters outside ASCII: as UTF-8, or as UTF-8 in percent escapes (`N%C3%BA%C3%B1ez`). A
    /// value that still has escapes after decoding is refused.
    ENCODING: HeaderEncoding = "access.gateway.encoding", choice(), is "utf-8";
    /// Header with a token signed by one of `access.issuers`. All of the values below are then read from it by that issuer's claims.
    JWT_HEADER: Option<String> = "access.gateway.headers.jwt", header(), otherwise "none";
}

section! { organisations
    /// ODS code of an organisation whose users send requests.
    ODS: String = "access.organisations[].ods", ods(), required;
    /// Its name, if the identity has none.
    NAME: Option<String> = "access.organisations[].name", TEXT, otherwise "none";
    /// Its ASID, if it differs from `smsp.asid`.
    ASID: Option<SdsId> = "access.organisations[].asid", asid(), otherwise "none";
}

section! { permission
    /// The care setting of a request that names none.
    CARE_SETTING: CareSetting = "access.care_setting", choice(), is "emergency-department";
    /// The care settings that a request may name.
    CARE_SETTINGS: Vec<CareSettings> = "access.care_settings", list(&choice()), is "[\"all\"]";
    /// Job role codes that may look.
    ALLOW_ROLES: Vec<String> = "access.allow.roles", list(&TEXT), is "[]";
    /// RBAC activity codes that may look.
    ALLOW_ACTIVITIES: Vec<String> = "access.allow.activities", list(&TEXT), is "[\"B0107\"]";
    /// ODS codes of the organisations whose users may look. Empty: any.
    ALLOW_ORGANISATIONS: Vec<String> = "access.allow.organisations", list(&ods()), is "[]";
    /// Job role codes that may search the trail over HTTP. Empty: no such search (404), except in demo, on loopback. The
    /// command line does not need a role, but the trail's keys.
    ALLOW_AUDIT_ROLES: Vec<String> = "access.allow.audit_roles", list(&TEXT), is "[]";
}

section! { lookup
    /// How long the answer of a look serves further requests of the same person about the child. 0s: only simultaneous requests
    /// share. At most 15m: a "no record" would be repeated long after it stopped being true.
    SHARE_FOR: Duration = "lookup.share_for", duration_or_zero("15m"), is "5m";
    /// A look younger than this is shared even under `Cache-Control: no-cache`. Web views send that at every refresh. With
    /// a shorter time than `lookup.share_for`, each refresh would cause another notification that no person decided on. People use
    /// `CPIS-New-Look: true` instead.
    REFRESH_AFTER: Option<Duration> = "lookup.refresh_after", duration_or_zero(DAY), otherwise "`lookup.share_for`";
    /// Where shared answers are held. More than one replica needs redis:// or rediss://.
    STORE: String = "lookup.store", text("memory, or a redis:// or rediss:// URL"), is "memory";
    /// Key file that encrypts shared answers outside this process; required with redis:// and rediss://.
    STORE_KEY_FILE: Option<PathBuf> = "lookup.store_key_file", secret_file(), otherwise "none";
    /// File that holds the password for the store, in place of one in the URL.
    STORE_PASSWORD_FILE: Option<PathBuf> = "lookup.store_password_file", secret_file(), otherwise "none";
    /// PEM bundle of the CAs that may have signed the certificate of a rediss:// store.
    STORE_CA: Option<PathBuf> = "lookup.store_ca", file(), otherwise "the system's CAs";
    /// File in which shared answers survive a restart, encrypted with a key derived from `audit.encryption_key_file`. Each service
    /// needs its own. With a trail in PostgreSQL there is none unless it is set; with redis:// and rediss:// there is none.
    WINDOW_FILE: Option<PathBuf> = "lookup.window_file", file(), otherwise "next to an SQLite trail";
}

section! { audit
    /// Where the trail is kept: `sqlite:PATH` or `postgres://...`. In a demonstration without this setting and without keys: in
    /// memory.
    STORE: String = "audit.store", text("sqlite:PATH or a postgres:// URL"), is "sqlite:cpis-fhir-audit.db";
    /// File that holds the password for the store, in place of one in the URL.
    STORE_PASSWORD_FILE: Option<PathBuf> = "audit.store_password_file", secret_file(), otherwise "none";
    /// PEM bundle of the CAs that may have signed the database's certificate. TLS with a verified certificate and host name is
    /// used unless the database is on loopback or a Unix socket, or the URL says `sslmode=disable`.
    STORE_CA: Option<PathBuf> = "audit.store_ca", file(), otherwise "the system's CAs";
    /// Key file for the MACs that link the trail's entries into a chain.
    CHAIN_KEY_FILE: Option<PathBuf> = "audit.chain_key_file", secret_file(), otherwise "required outside demo";
    /// Key file that encrypts the data in the trail that identifies people.
    ENCRYPTION_KEY_FILE: Option<PathBuf> = "audit.encryption_key_file", secret_file(), otherwise "required outside demo";
    /// File with the trail's last sequence number and MAC, written after each commit; best on another volume. With PostgreSQL there
    /// is none unless it is set.
    HEAD_FILE: Option<PathBuf> = "audit.head_file", file(), otherwise "next to the store";
    /// How long a request waits for its entry to be durable. Beyond: 503, and nothing is asked or shown.
    COMMIT_TIMEOUT: Duration = "audit.commit_timeout", duration(), is "5s";
    /// How long entries stay in the store before whole months may be moved to an archive. Nothing is moved automatically.
    ONLINE_FOR: Duration = "audit.online_for", days(1, 36_500), is "1096d";
}

section! { fhir
    /// Key file for the opaque ids of resources.
    ID_KEY_FILE: Option<PathBuf> = "fhir.id_key_file", secret_file(), otherwise "required outside demo";
    /// What happens to unknown search parameters, and whether `Prefer: handling` may change that.
    HANDLING: HandlingPolicy = "fhir.handling", choice(), is "strict";
    /// false: searches by POST _search only, which keeps NHS numbers out of URLs.
    GET_SEARCH: bool = "fhir.get_search", switch(), is "true";
    /// Whether a request without X-Request-ID is refused.
    REQUIRE_REQUEST_ID: bool = "fhir.require_request_id", switch(), is "false";
    /// Most entries of a batch.
    BATCH_MAX_ENTRIES: usize = "fhir.batch.max_entries", count(1, 1_000), is "20";
    /// Most children of a batch: mother and baby. A batch is not a ward list.
    BATCH_MAX_CHILDREN: usize = "fhir.batch.max_children", count(1, 1_000), is "2";
    /// Whether the Patient-flags shape is offered.
    PATIENT_FLAG: bool = "fhir.patient_flag", switch(), is "false";
    /// Whether a read of a Flag or an EpisodeOfCare may ask CP-IS.
    READ_ASKS: bool = "fhir.read_asks", switch(), is "false";
}

section! { limits
    /// Requests per second of one user. Beyond: 429. Unknown callers are counted by address. In demo, where all callers are one user,
    /// there is no limit unless this is set.
    REQUESTS_PER_SECOND: u32 = "limits.requests_per_second", count(1, 1_000_000), is "20";
    /// Different children that one user may look at within `children_window`, in demo too. Beyond: 429, and CP-IS is not asked. Each
    /// process counts separately.
    CHILDREN_PER_USER: usize = "limits.children_per_user", count(1, 1_000_000), is "30";
    /// How long a child counts. Another look at a child that already counts is free.
    CHILDREN_WINDOW: Duration = "limits.children_window", duration(), is "10m";
    /// Longest request body. Beyond: 413.
    BODY: usize = "limits.body", size(1, 16 << 20), is "64KiB";
    /// How long a caller may take to send the head of each request on a connection, and again for its body. Beyond: 408.
    HEADER_TIMEOUT: Duration = "limits.header_timeout", duration(), is "5s";
    /// How long a caller may take to read an answer that does not fit into the network's buffers. Beyond: the connection is
    /// dropped.
    WRITE_TIMEOUT: Duration = "limits.write_timeout", duration(), is "30s";
    /// Simultaneous connections on each listener. Beyond: the service first closes connections of callers that keep it waiting, then
    /// idle ones, and never one that it is answering.
    CONNECTIONS: usize = "limits.connections", count(1, 1_000_000), is "4096";
    /// Of these, connections from one address (IPv6: one /64) without an identified caller. A gateway's connections count only until
    /// its first request with an identity.
    CONNECTIONS_PER_ADDRESS: Option<usize> = "limits.connections_per_address",
        count(1, 1_000_000), otherwise "a quarter of `limits.connections`";
    /// Memory for remembered looks, kept answers and bodies in flight together. Near the limit, kept answers are dropped first, then
    /// new looks are refused (503).
    MEMORY: Option<usize> = "limits.memory",
        size(16 << 20, 1 << 40), otherwise "half of the container's limit if it has one, else 256MiB";
}

section! { telemetry
    /// One line of JSON per event, or lines for people.
    LOG: LogForm = "telemetry.log", choice(), is "json";
}

/// The rows of all keys, in the order of the reference.
pub(super) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    [
        server::rows(),
        admin::rows(),
        smsp::rows(),
        author::rows(),
        cpis::rows(),
        access::rows(),
        issuers::rows(),
        identity::claim_rows(),
        gateway::rows(),
        identity::header_rows(),
        organisations::rows(),
        permission::rows(),
        lookup::rows(),
        audit::rows(),
        fhir::rows(),
        limits::rows(),
        telemetry::rows(),
    ]
    .concat()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::value::Value;

    #[test]
    fn the_care_settings_are_those_of_the_domain() {
        assert_eq!(<CareSetting as Choice>::WORDS, CareSetting::ALL.map(CareSetting::code));
        let mut named = CareSettings::WORDS.iter().zip(CareSettings::VALUES);
        assert_eq!(named.next(), Some((&"all", &CareSettings::All)));
        assert!(
            named.eq(CareSetting::ALL
                .map(|setting| (setting.code(), CareSettings::One(setting)))
                .iter()
                .map(|(word, value)| (word, value)))
        );
    }

    #[test]
    fn every_default_has_the_form_that_its_key_wants() {
        for row in ROWS.iter() {
            if let Initial::Is(default) = row.default {
                assert!(row.kind.read(&Value::Text(default.to_owned())).is_ok(), "{}", row.name);
            }
        }
    }
}
