//! Every setting there is: the one place where a key, its form, its default and its meaning are written down.
//!
//! Reading, the checks of form, the suggestions for mistyped names and the reference (`docs/settings.md`) come from here.
//! Names and defaults are a contract with operators: more may be added, none renamed (decisions.md 17).

use super::keys::Initial::{Is, Otherwise, Required};
use super::keys::{Initial, Key};
use super::kind::{DAY, Kind};

const fn key(name: &'static str, kind: Kind, default: Initial, meaning: &'static str) -> Key {
    Key { name, kind, default, meaning }
}

const POSITIVE: Kind = Kind::Duration { zero: false, most: DAY };
const DURATION: Kind = Kind::Duration { zero: true, most: DAY };
const TEXT: Kind = Kind::Text("text");
const URN: Kind = Kind::Symbol("a URN, without spaces and quotes");
const TEXTS: Kind = Kind::List(&TEXT);
const CLAIM: Kind = Kind::Text("the path of a claim");
const NONE: Initial = Otherwise("none");

/// The care settings of DCB1609, as `CareSetting::code` names them.
pub(super) const CARE_SETTINGS: [&str; 8] = [
    "emergency-department",
    "minor-injury-unit",
    "walk-in-centre",
    "maternity",
    "gp-out-of-hours",
    "nhs-111",
    "paediatric-ward",
    "ambulance",
];

/// The same, and a word for all of them.
const ALLOWED_CARE_SETTINGS: [&str; 9] = {
    let [a, b, c, d, e, f, g, h] = CARE_SETTINGS;
    [ALL, a, b, c, d, e, f, g, h]
};
pub(super) const ALL: &str = "all";

/// Signatures with a private and a public key only: a shared secret in a settings file would let its readers log in.
pub(super) const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

pub(super) const KEYS: &[Key] = &[
    key("server.listen", Kind::Address, Is("127.0.0.1:8080"), "Where the FHIR API listens."),
    key(
        "server.base_path",
        Kind::Text("a path that starts with /, does not end with / and has no . or .. in it"),
        Is("/FHIR/R4"),
        "The path under which the FHIR API is found.",
    ),
    key(
        "server.public_url",
        Kind::Text("an http or https URL without user, query and fragment"),
        Otherwise("from the request"),
        "The FHIR base as callers see it, path included; links and full URLs start with it.",
    ),
    key(
        "server.cors_origins",
        Kind::List(&Kind::Symbol("an origin such as https://app.trust.example")),
        Is("[]"),
        "Origins of pages that may read answers in a browser (CORS): SMART apps. Empty: none. There is no `*`.",
    ),
    key(
        "server.tls.cert",
        Kind::File,
        NONE,
        "PEM chain of the listener's certificate. With it the API speaks TLS only. Reloaded when the file changes.",
    ),
    key("server.tls.key", Kind::SecretFile, NONE, "PEM private key of `server.tls.cert`. Reloaded when the file changes."),
    key(
        "server.tls.client_ca",
        Kind::File,
        NONE,
        "PEM bundle of CAs. With it, callers must present a certificate signed by one of them. Reloaded when the file changes.",
    ),
    key("admin.listen", Kind::Address, Is("127.0.0.1:9090"), "Where health detail, metrics and the audit search listen."),
    key("admin.tls.cert", Kind::File, NONE, "As `server.tls.cert`, for the admin listener."),
    key("admin.tls.key", Kind::SecretFile, NONE, "As `server.tls.key`, for the admin listener."),
    key("admin.tls.client_ca", Kind::File, NONE, "As `server.tls.client_ca`, for the admin listener."),
    key(
        "smsp.url",
        Kind::Text("an https URL"),
        Required,
        "The endpoint of the Spine mini service; https only, no user and no fragment in it.",
    ),
    key(
        "smsp.ca",
        Kind::File,
        Required,
        "PEM bundle of the CAs that may have signed the SMSP's certificate. No other CA is trusted. Reloaded when the file changes.",
    ),
    key("smsp.client_cert", Kind::File, Required, "PEM chain of our certificate, our own first. Reloaded when the file changes."),
    key(
        "smsp.client_key",
        Kind::SecretFile,
        Required,
        "PEM private key of `smsp.client_cert` (PKCS#8, PKCS#1 or SEC1, without a passphrase). Reloaded when the file changes.",
    ),
    key("smsp.username", TEXT, Otherwise("the common name (CN) of `smsp.client_cert`"), "The WS-Security Username."),
    key("smsp.sender_ods", Kind::Ods, Required, "ODS code of the sending organisation: sender address and audit identity."),
    key("smsp.receiver_ods", Kind::Ods, NONE, "ODS code of the SMSP's organisation; without it no address list is sent."),
    key(
        "smsp.asid",
        Kind::Asid,
        NONE,
        "Our ASID: the author of queries in the system's name, the sender of the TMS form, audit identity method 5.",
    ),
    key("smsp.to_asid", Kind::Asid, NONE, "The ASID of CP-IS; required for `smsp.payload_form = tms`, and only then."),
    key(
        "smsp.action",
        URN,
        Is("urn:nhs-itk:services:201005:sendRecvDistEnvelope"),
        "wsa:Action, SOAPAction and the envelope's service; the response's is this with `Response` appended.",
    ),
    key(
        "smsp.profile_id",
        URN,
        Is("urn:nhs-en:profile:CP-ISNHSQuery-v2-0"),
        "Profile of the payload in the manifest. An SMSP must refuse a profile that it does not know.",
    ),
    key(
        "smsp.interaction_id",
        Kind::SymbolOrEmpty("a URN, without spaces and quotes, or empty"),
        Is("urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0"),
        "The interaction in the handling specification. Empty: no handling specification is sent.",
    ),
    key(
        "smsp.payload_form",
        Kind::Choice(&["stub", "tms"]),
        Is("stub"),
        "`stub` sends the bare CP-ISQueryStub, `tms` wraps it in QUPC_IN000006GB01.",
    ),
    key("smsp.soap_action_quoted", Kind::Switch, Is("true"), "Whether the SOAPAction header is in double quotes."),
    key("smsp.send_traceparent", Kind::Switch, Is("true"), "Whether the trace id is passed on to the SMSP."),
    key("smsp.connect_timeout", POSITIVE, Is("5s"), "For name resolution, TCP and TLS together. Not above `smsp.timeout`."),
    key("smsp.timeout", POSITIVE, Is("20s"), "How long a caller waits for CP-IS. Not above `smsp.late_timeout`."),
    key(
        "smsp.late_timeout",
        POSITIVE,
        Is("60s"),
        "How long an answer is still awaited after the query was sent, although its caller has been told that time is up: a late answer is recorded and serves the retry.",
    ),
    key("smsp.max_in_flight", Kind::Count(1, 10_000), Is("64"), "Queries to the SMSP at the same time."),
    key("smsp.max_queued", Kind::Count(0, 100_000), Is("256"), "Lookups that may wait for a place. Beyond: 503."),
    key(
        "smsp.breaker.failures",
        Kind::Count(1, 1_000),
        Is("5"),
        "Failures in a row, over at least 3 children, after which the SMSP is left alone for a while.",
    ),
    key("smsp.breaker.open_for", POSITIVE, Is("15s"), "For how long; then one real lookup tries."),
    key(
        "author.template",
        Kind::Choice(&["auto", "person", "system"]),
        Is("auto"),
        "Who the author of a query is. `auto`: the person if the identity has an SDS user id, a role and a name, else the system.",
    ),
    key("author.role_code_system", Kind::Oid, Is("2.16.840.1.113883.2.1.3.2.4.17.196"), "Code system of the job role codes."),
    key(
        "author.nominated.role_code",
        TEXT,
        NONE,
        "Job role code of the person responsible for queries in the system's name. Stands in only where the clinician's own role or name is absent; given together with role_name and family or not at all.",
    ),
    key("author.nominated.role_name", TEXT, NONE, "Job role name of the nominated person."),
    key("author.nominated.prefix", TEXT, NONE, "Title of the nominated person."),
    key("author.nominated.given", TEXT, NONE, "Given name of the nominated person."),
    key("author.nominated.family", TEXT, NONE, "Family name of the nominated person."),
    key(
        "cpis.scheduled_care",
        Kind::Choice(&["refuse", "silent-read"]),
        Is("refuse"),
        "What happens to a lookup for scheduled care. `silent-read` only for an SMSP that is known to support it.",
    ),
    key(
        "access.modes",
        Kind::List(&Kind::Choice(&["bearer", "gateway", "demo"])),
        Is("[\"bearer\"]"),
        "How callers say who asks. `demo` stands alone and on loopback only.",
    ),
    key(
        "access.issuers[].issuer",
        Kind::Symbol("an issuer as it stands in the tokens' `iss`"),
        Required,
        "An OIDC issuer whose tokens are believed; compared exactly with `iss`.",
    ),
    key(
        "access.issuers[].jwks_url",
        Kind::Text("an https URL (http on loopback)"),
        Otherwise("found by discovery"),
        "Where the issuer's keys are.",
    ),
    key(
        "access.issuers[].discovery",
        Kind::Text("an https URL (http on loopback)"),
        Otherwise("`/.well-known/openid-configuration` under the issuer"),
        "The issuer's OpenID configuration, which names its keys. Not together with `jwks_url`.",
    ),
    key(
        "access.issuers[].audience",
        Kind::List(&Kind::Symbol("an audience")),
        Required,
        "A token must be meant for one of these (`aud`).",
    ),
    key(
        "access.issuers[].algorithms",
        Kind::List(&Kind::Choice(&ALGORITHMS)),
        Is("[\"RS256\", \"RS512\", \"ES256\"]"),
        "Signature algorithms that are accepted. Shared secrets (HS256) and `none` never are.",
    ),
    key("access.issuers[].leeway", DURATION, Is("30s"), "How far the issuer's clock may differ from ours; at most 5m."),
    key(
        "access.issuers[].ca",
        Kind::File,
        Otherwise("the CAs that the system trusts"),
        "PEM bundle of the CAs that may have signed the issuer's certificate. With it no other CA is trusted for this issuer.",
    ),
    key("access.issuers[].refresh", POSITIVE, Is("5m"), "How often the issuer's keys are read anew."),
    key(
        "access.issuers[].keep_keys",
        POSITIVE,
        Is("1h"),
        "How old keys may become while the issuer cannot be reached; then its tokens cannot be checked (503).",
    ),
    key(
        "access.issuers[].preset",
        Kind::Choice(&["oidc", "nhs-cis2"]),
        Is("oidc"),
        "The claims that hold where none is named below: the standard ones of OpenID Connect, or those of NHS Care Identity Service 2 with the role that the user selected.",
    ),
    key(
        "access.issuers[].claims.user_id",
        CLAIM,
        Otherwise("`sub`; nhs-cis2: `uid`"),
        "Claim that holds the user's id. All of `claims` are paths: see above.",
    ),
    key(
        "access.issuers[].claims.sds_user_id",
        CLAIM,
        Otherwise("none; nhs-cis2: `uid`"),
        "Claim that holds the 12 digits of the smartcard or CIS2 user. Only with it can the author be a person.",
    ),
    key(
        "access.issuers[].claims.role_profile_id",
        CLAIM,
        Otherwise("none; nhs-cis2: `person_roleid` of the selected role"),
        "Claim that holds the SDS role profile id.",
    ),
    key(
        "access.issuers[].claims.role_code",
        CLAIM,
        Otherwise("none; nhs-cis2: `role_code` of the selected role"),
        "Claim that holds the job role code.",
    ),
    key(
        "access.issuers[].claims.role_name",
        CLAIM,
        Otherwise("none; nhs-cis2: `role_name` of the selected role"),
        "Claim that holds the job role's name.",
    ),
    key(
        "access.issuers[].claims.activities",
        CLAIM,
        Otherwise("none; nhs-cis2: `activity_codes` of the selected role"),
        "Claim that holds the RBAC activity codes.",
    ),
    key("access.issuers[].claims.prefix", CLAIM, Otherwise("none; nhs-cis2: `title`"), "Claim that holds the user's title."),
    key("access.issuers[].claims.given", CLAIM, Otherwise("`given_name`"), "Claim that holds the user's given name."),
    key("access.issuers[].claims.family", CLAIM, Otherwise("`family_name`"), "Claim that holds the user's family name."),
    key(
        "access.issuers[].claims.organisation_ods",
        CLAIM,
        Otherwise("none; nhs-cis2: `org_code` of the selected role"),
        "Claim that holds the ODS code of the user's organisation.",
    ),
    key(
        "access.issuers[].claims.organisation_name",
        CLAIM,
        Otherwise("none; nhs-cis2: `org_name` of its organisation in `nhsid_user_orgs`"),
        "Claim that holds the organisation's name.",
    ),
    key("access.issuers[].claims.care_setting", CLAIM, NONE, "Claim that holds the care setting."),
    key(
        "access.gateway.certificates",
        TEXTS,
        Is("[]"),
        "Gateways whose headers are believed, by the subject of their certificate: its common name (`gateway.example`), or all of it as RFC 4514 writes it (`CN=gateway,O=Trust,C=GB`). Names with commas need the form of an array.",
    ),
    key(
        "access.gateway.issuer",
        Kind::Symbol("a name"),
        Is("gateway"),
        "Who vouches for the people that any of the gateways names, in the trail and in whose look is whose. One for all of them: a user id is the same person through each.",
    ),
    key(
        "access.gateway.encoding",
        Kind::Choice(&["utf-8", "percent"]),
        Is("utf-8"),
        "How the gateways' headers hold what is not ASCII: as UTF-8, or as UTF-8 in percent escapes (`N%C3%BA%C3%B1ez`). A value with escapes that stay is refused.",
    ),
    key(
        "access.gateway.headers.jwt",
        Kind::Header,
        NONE,
        "Header with a token signed by one of `access.issuers`, from which all of the below is read by that issuer's claims.",
    ),
    key("access.gateway.headers.user_id", Kind::Header, NONE, "Header that holds the user's id."),
    key(
        "access.gateway.headers.sds_user_id",
        Kind::Header,
        NONE,
        "Header that holds the 12 digits of the smartcard or CIS2 user.",
    ),
    key("access.gateway.headers.role_profile_id", Kind::Header, NONE, "Header that holds the SDS role profile id."),
    key("access.gateway.headers.role_code", Kind::Header, NONE, "Header that holds the job role code."),
    key("access.gateway.headers.role_name", Kind::Header, NONE, "Header that holds the job role's name."),
    key("access.gateway.headers.activities", Kind::Header, NONE, "Header that holds the RBAC activity codes."),
    key("access.gateway.headers.prefix", Kind::Header, NONE, "Header that holds the user's title."),
    key("access.gateway.headers.given", Kind::Header, NONE, "Header that holds the user's given name."),
    key("access.gateway.headers.family", Kind::Header, NONE, "Header that holds the user's family name."),
    key(
        "access.gateway.headers.organisation_ods",
        Kind::Header,
        NONE,
        "Header that holds the ODS code of the user's organisation.",
    ),
    key("access.gateway.headers.organisation_name", Kind::Header, NONE, "Header that holds the organisation's name."),
    key("access.organisations[].ods", Kind::Ods, Required, "ODS code of an organisation whose users ask."),
    key("access.organisations[].name", TEXT, NONE, "Its name, where the identity gives none."),
    key("access.organisations[].asid", Kind::Asid, NONE, "Its ASID, where it differs from `smsp.asid`."),
    key(
        "access.care_setting",
        Kind::Choice(&CARE_SETTINGS),
        Is("emergency-department"),
        "The care setting of a request that names none.",
    ),
    key(
        "access.care_settings",
        Kind::List(&Kind::Choice(&ALLOWED_CARE_SETTINGS)),
        Is("[\"all\"]"),
        "The care settings that a request may name.",
    ),
    key("access.allow.roles", TEXTS, Is("[]"), "Job role codes that may look."),
    key("access.allow.activities", TEXTS, Is("[\"B0107\"]"), "RBAC activity codes that may look."),
    key(
        "access.allow.organisations",
        Kind::List(&Kind::Ods),
        Is("[]"),
        "ODS codes of the organisations whose users may look. Empty: any.",
    ),
    key(
        "access.allow.audit_roles",
        TEXTS,
        Is("[]"),
        "Job role codes that may search the trail over HTTP. Empty: no such search (404), but in demo, on loopback. The command line needs the keys instead.",
    ),
    key(
        "lookup.share_for",
        Kind::Duration { zero: true, most: "15m" },
        Is("5m"),
        "How long one look's answer serves the same person's further requests about the child. 0s: only requests in flight together share. At most 15m: a \"no record\" would be repeated long after it ceased to be true.",
    ),
    key(
        "lookup.refresh_after",
        DURATION,
        Otherwise("`lookup.share_for`"),
        "A look younger than this is shared even under `Cache-Control: no-cache`. Web views send that at every refresh: with a shorter time than `lookup.share_for` each of them is another notification, which no person decided on. `CPIS-New-Look: true` is for people.",
    ),
    key(
        "lookup.store",
        Kind::Text("memory, or a redis:// or rediss:// URL"),
        Is("memory"),
        "Where shared answers are held. More than one replica needs redis:// or rediss://.",
    ),
    key(
        "lookup.store_key_file",
        Kind::SecretFile,
        NONE,
        "Key file that encrypts shared answers outside this process; required with redis:// and rediss://.",
    ),
    key(
        "lookup.store_password_file",
        Kind::SecretFile,
        NONE,
        "File that holds the password for the store, in place of one in the URL.",
    ),
    key(
        "lookup.store_ca",
        Kind::File,
        Otherwise("the machine's own authorities"),
        "PEM bundle of the authorities that the certificate of a rediss:// store must come from.",
    ),
    key(
        "lookup.window_file",
        Kind::File,
        Otherwise("beside an SQLite trail"),
        "Where shared answers outlive a restart, sealed with a key made of `audit.encryption_key_file`. Each service needs one of its own. With a trail in PostgreSQL there is none unless it is named; with redis:// and rediss:// there is none.",
    ),
    key(
        "audit.store",
        Kind::Text("sqlite:PATH or a postgres:// URL"),
        Is("sqlite:cpis-fhir-audit.db"),
        "Where the trail is kept: `sqlite:PATH` or `postgres://...`. In a demonstration that names neither this nor its keys: in memory.",
    ),
    key(
        "audit.store_password_file",
        Kind::SecretFile,
        NONE,
        "File that holds the password for the store, in place of one in the URL.",
    ),
    key(
        "audit.store_ca",
        Kind::File,
        Otherwise("the system's CAs"),
        "PEM bundle of the CAs that may have signed the database's certificate. TLS with a verified certificate and host name is used unless the database is on loopback or a Unix socket, or the URL says `sslmode=disable`.",
    ),
    key(
        "audit.chain_key_file",
        Kind::SecretFile,
        Otherwise("required outside demo"),
        "Key file that seals the trail's entries into a chain.",
    ),
    key(
        "audit.encryption_key_file",
        Kind::SecretFile,
        Otherwise("required outside demo"),
        "Key file that encrypts what identifies people in the trail.",
    ),
    key(
        "audit.head_file",
        Kind::File,
        Otherwise("beside the store"),
        "Where the trail's last sequence number and MAC are noted after each commit; best on another volume. With PostgreSQL there is none unless it is named.",
    ),
    key(
        "audit.commit_timeout",
        POSITIVE,
        Is("5s"),
        "How long a request waits for its entry to be durable. Beyond: 503, and nothing is asked or shown.",
    ),
    key(
        "audit.online_for",
        Kind::Days(1, 36_500),
        Is("1096d"),
        "How long entries stay in the store before whole months of them may be moved to an archive. Nothing is moved by itself.",
    ),
    key("fhir.id_key_file", Kind::SecretFile, Otherwise("required outside demo"), "Key file for the opaque ids of resources."),
    key(
        "fhir.handling",
        Kind::Choice(&["strict-only", "strict", "lenient", "lenient-only"]),
        Is("strict"),
        "What happens to unknown search parameters, and whether `Prefer: handling` may change it.",
    ),
    key(
        "fhir.get_search",
        Kind::Switch,
        Is("true"),
        "false: searches by POST _search only, so that no NHS number stands in a URL.",
    ),
    key("fhir.require_request_id", Kind::Switch, Is("false"), "Whether a request without X-Request-ID is refused."),
    key("fhir.batch.max_entries", Kind::Count(1, 1_000), Is("20"), "Entries of a batch."),
    key(
        "fhir.batch.max_children",
        Kind::Count(1, 1_000),
        Is("2"),
        "Children of a batch: mother and baby. A batch is not a ward list.",
    ),
    key("fhir.patient_flag", Kind::Switch, Is("false"), "Whether the Patient-flags shape is offered."),
    key("fhir.read_asks", Kind::Switch, Is("false"), "Whether a read of a Flag or an EpisodeOfCare may ask CP-IS."),
    key(
        "limits.requests_per_second",
        Kind::Count(1, 1_000_000),
        Is("20"),
        "Requests per second and caller, a user. Beyond: 429. Who is not known is counted by address. In demo, whose callers are all one user, there is no limit unless it is set.",
    ),
    key(
        "limits.children_per_user",
        Kind::Count(1, 1_000_000),
        Is("30"),
        "Different children whom one user may look at within `children_window`, also in demo. Beyond: 429, and CP-IS is not asked. Each process counts by itself.",
    ),
    key("limits.children_window", POSITIVE, Is("10m"), "For how long a child counts; a look at one who counts already is free."),
    key("limits.body", Kind::Size(1, 16 << 20), Is("64KiB"), "Longest request body. Beyond: 413."),
    key(
        "limits.header_timeout",
        POSITIVE,
        Is("5s"),
        "How long a caller may take to send a request's head, each one of a connection, and again for its body. Beyond: 408.",
    ),
    key(
        "limits.write_timeout",
        POSITIVE,
        Is("30s"),
        "How long a caller may take to read an answer that does not fit into the network at once. Beyond: the connection is dropped.",
    ),
    key(
        "limits.connections",
        Kind::Count(1, 1_000_000),
        Is("4096"),
        "Connections at the same time, on each listener. Beyond: callers who keep the service waiting are closed first, then idle connections; a connection that is being answered never is.",
    ),
    key(
        "limits.connections_per_address",
        Kind::Count(1, 1_000_000),
        Otherwise("a quarter of `limits.connections`"),
        "Of these, connections from one address (IPv6: one /64) on which nobody has said who they are yet. A gateway's connections count only until its first request with an identity.",
    ),
    key(
        "limits.memory",
        Kind::Size(16 << 20, 1 << 40),
        Otherwise("half of the container's limit where one is set, else 256MiB"),
        "What remembered looks, kept answers and bodies in flight may take of memory together. Near it, kept answers go first, then new looks are refused (503).",
    ),
    key("telemetry.log", Kind::Choice(&["json", "pretty"]), Is("json"), "One line of JSON per event, or lines for people."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::CareSetting;
    use crate::settings::value::Value;

    #[test]
    fn every_default_has_the_form_that_its_key_wants() {
        for key in KEYS {
            if let Is(default) = key.default {
                assert!(key.kind.read(&Value::Text(default.to_owned())).is_ok(), "{}", key.name);
            }
        }
    }

    #[test]
    fn the_care_settings_are_those_of_the_domain() {
        assert_eq!(CARE_SETTINGS, CareSetting::ALL.map(CareSetting::code));
    }
}
