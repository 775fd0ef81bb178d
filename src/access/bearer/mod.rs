//! Bearer tokens: signed JSON Web Tokens of the issuers in the settings (RFC 6750, RFC 7519, RFC 8725).
//!
//! The header of a token only selects among what the settings and the issuer's keys allow: its `iss` selects the issuer, its
//! `kid` the key, and both the settings and the type of that key must allow its `alg`. A verified token is remembered by its hash
//! ([`Tokens`]) for at most five minutes, never after it expires, and only while the issuer's keys stay the same.

mod validity;

use super::Issuer;
use super::issuer::{IssuerKeys, KeyFetcher, KeySnapshot, Timing};
use super::person::{self, IdentityParts};
use super::{Access, AccessError, ByPart, ClaimPath, Header, Headers, Identity, Refusal, Scopes, system};
use crate::clock;
use crate::cpis::{Requester, Text};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

pub(super) const HEADER: &str = "Authorization";

/// Longest token, in bytes. Those of CIS2 with a dozen roles have about 4 KiB.
const LONGEST: usize = 8 * 1024;

/// Most memory for remembered tokens, in bytes: about ten thousand tokens of the usual size.
const REMEMBERED: u64 = 32 << 20;
/// How long a token is remembered.
const REMEMBERED_FOR: Duration = Duration::from_mins(5);

/// The token types (`typ`) for access (RFC 9068), and the general one.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The token of an `Authorization: Bearer` header.
pub(super) fn token(headers: &dyn Headers) -> Result<&str, Refusal> {
    let value = match headers.header(HEADER) {
        Header::Absent => return Err(Refusal::NoToken),
        Header::Several => return Err(Refusal::SeveralTokens),
        Header::One(value) => value,
    };
    let (scheme, token) = value.split_at_checked("Bearer ".len()).ok_or(Refusal::NotBearer)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return Err(Refusal::NotBearer);
    }
    checked(token)
}

/// Checks the length and the characters of a token.
pub(super) fn checked(token: &[u8]) -> Result<&str, Refusal> {
    let token = token.trim_ascii();
    if token.len() > LONGEST {
        return Err(Refusal::TokenTooLong);
    }
    let is_good = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    if token.is_empty() || !token.iter().all(is_good) {
        return Err(Refusal::NotBearer);
    }
    std::str::from_utf8(token).map_err(|_| Refusal::NotBearer)
}

/// The issuers, and their recently verified tokens.
pub(super) struct Tokens {
    issuers: Vec<TrustedIssuer>,
    remembered: Cache<[u8; 32], Arc<VerifiedToken>>,
}

/// An issuer of the settings.
struct TrustedIssuer {
    issuer: String,
    algorithms: Vec<Algorithm>,
    audience: Vec<String>,
    leeway: u64,
    claims: ByPart<Option<ClaimPath>>,
    keys: Arc<IssuerKeys>,
}

/// A token that passed all checks, and its contents.
struct VerifiedToken {
    issuer: usize,
    generation: u64,
    /// Seconds since 1970, leeway included.
    until: u64,
    requester: Requester,
    source_system: Option<Text>,
    scopes: Scopes,
}

/// The members of a token's header that matter. All others, such as a key or the URL of a key, are ignored.
#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct TokenIssuer {
    iss: Option<Value>,
}

impl Tokens {
    pub(super) fn start(issuers: &[Issuer], runtime: &Handle) -> Result<Self, AccessError> {
        let issuers = issuers.iter().enumerate().map(|(at, issuer)| TrustedIssuer::start(at, issuer, runtime));
        Ok(Self {
            issuers: issuers.collect::<Result<_, _>>()?,
            remembered: Cache::builder()
                .weigher(|_, verified: &Arc<VerifiedToken>| verified.weight())
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        })
    }

    /// As [`super::Access::renew_authorities`].
    pub(super) fn renew_authorities(&self, authorities: &[Option<Vec<u8>>]) -> Result<(), &'static str> {
        let mut issuers = self.issuers.iter().zip(authorities);
        issuers.try_for_each(|(known, ca_pem)| known.keys.renew(ca_pem.as_deref()))
    }

    pub(super) fn read_keys_again(&self) {
        self.issuers.iter().for_each(|known| known.keys.read_again());
    }

    /// As [`super::Access::key_ages`].
    pub(super) fn key_ages(&self) -> Vec<(String, Duration)> {
        self.issuers.iter().filter_map(|known| Some((known.issuer.clone(), known.keys.age()?))).collect()
    }

    pub(super) fn openid_configuration(&self) -> Option<Arc<Value>> {
        self.issuers.iter().find_map(|issuer| issuer.keys.configuration())
    }

    /// The person that `token` identifies.
    pub(super) async fn identify(&self, token: &str, access: &Access) -> Result<Identity, Refusal> {
        let hash = hash(token);
        if let Some(verified) = self.remembered.get(&hash)
            && self.is_good(&verified)
        {
            return Ok(verified.identity());
        }
        let verified = Arc::new(self.check(token, access).await?);
        self.remembered.insert(hash, Arc::clone(&verified));
        Ok(verified.identity())
    }

    fn is_good(&self, verified: &VerifiedToken) -> bool {
        let issuer = self.issuers.get(verified.issuer);
        issuer.is_some_and(|issuer| issuer.keys.generation() == Some(verified.generation))
            && clock::unix_seconds() <= verified.until
    }

    async fn check(&self, token: &str, access: &Access) -> Result<VerifiedToken, Refusal> {
        let (header, payload) = parts(token)?;
        let header: TokenHeader = read(header)?;
        if header.crit.is_some() {
            return Err(Refusal::CriticalHeader);
        }
        if header.typ.is_some_and(|typ| !TYPES.contains(&typ.to_ascii_lowercase().as_str())) {
            return Err(Refusal::OtherTokenType);
        }
        let algorithm: Algorithm = header.alg.parse().map_err(|_| Refusal::OtherAlgorithm)?;
        let TokenIssuer { iss } = read(payload)?;
        let iss = iss.as_ref().and_then(Value::as_str).ok_or(Refusal::ClaimMissing("iss"))?;
        let found = self.issuers.iter().enumerate().find(|(_, issuer)| issuer.issuer == iss);
        let (at, issuer) = found.ok_or(Refusal::UnknownIssuer)?;
        if !issuer.algorithms.contains(&algorithm) {
            return Err(Refusal::OtherAlgorithm);
        }
        let kid = header.kid.as_deref();
        let published = issuer.keys.with_key(kid, algorithm).await?;
        let (claims, generation) = match issuer.verified(token, kid, algorithm, &published) {
            // The token names no known key, so only its signature can show that it is signed with a new one.
            Err(Refusal::WrongSignature) if !published.keys.names(kid) => {
                let newer = issuer.keys.newer_than(published.generation).await.ok_or(Refusal::WrongSignature)?;
                (issuer.verified(token, kid, algorithm, &newer)?, newer.generation)
            }
            claims => (claims?, published.generation),
        };
        issuer.verified_token(at, generation, &claims, access)
    }
}

impl TrustedIssuer {
    fn start(at: usize, issuer: &Issuer, runtime: &Handle) -> Result<Self, AccessError> {
        let unknown = AccessError { at, key: "algorithms", reason: "names an algorithm that is not known" };
        let algorithms: Result<Vec<Algorithm>, _> = issuer.algorithms.iter().map(|name| name.parse()).collect();
        let fetcher = KeyFetcher::new(at, issuer)?;
        Ok(Self {
            issuer: issuer.issuer.clone(),
            algorithms: algorithms.map_err(|_| unknown)?,
            audience: issuer.audience.clone(),
            leeway: issuer.leeway.as_secs(),
            claims: issuer.claims.clone(),
            keys: IssuerKeys::start(fetcher, Timing { refresh: issuer.refresh, keep: issuer.keep_keys }, runtime),
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&self.audience);
        // By our own clock: [`validity`].
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }

    /// The claims of a token, if one of the keys that it may refer to verifies its signature.
    fn verified(
        &self,
        token: &str,
        kid: Option<&str>,
        algorithm: Algorithm,
        published: &KeySnapshot,
    ) -> Result<Map<String, Value>, Refusal> {
        let validation = self.validation(algorithm);
        let mut outcome = Err(Refusal::WrongSignature);
        for key in published.keys.find(kid, algorithm)? {
            outcome = decode(token, key, &validation).map(|token| token.claims).map_err(|error| refusal(error.kind()));
            if !matches!(outcome, Err(Refusal::WrongSignature)) {
                break;
            }
        }
        outcome
    }

    fn verified_token(
        &self,
        issuer: usize,
        generation: u64,
        claims: &Map<String, Value>,
        access: &Access,
    ) -> Result<VerifiedToken, Refusal> {
        let until = validity::until(claims, clock::unix_seconds(), self.leeway)?;
        let parts = IdentityParts::of_token(&self.claims, claims)?;
        if system::is_token_of(claims, parts.user_id()) {
            return Err(Refusal::SystemOnly);
        }
        Ok(VerifiedToken {
            issuer,
            generation,
            until,
            requester: person::requester(parts, self.issuer.as_str().into(), access)?,
            source_system: system::client(claims).filter(|client| person::is_plain(client)).map(Text::from),
            scopes: scopes(claims),
        })
    }
}

impl VerifiedToken {
    /// Approximate size in bytes. A text of more than 24 bytes, at most 256, is on the heap.
    fn weight(&self) -> u32 {
        let name = &self.requester.name;
        let texts = [&name.prefix, &name.given, &name.family, &self.requester.activities].into_iter().flatten();
        let heap: usize = texts.map(|text| size_of::<Text>() + text.as_str().len()).sum();
        u32::try_from(3 * size_of::<Self>() + heap + self.scopes.size()).unwrap_or(u32::MAX)
    }

    fn identity(&self) -> Identity {
        Identity { requester: self.requester.clone(), source_system: self.source_system.clone(), scopes: self.scopes.clone() }
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Header and payload of a token of three parts with a signature that is not empty.
fn parts(token: &str) -> Result<(&str, &str), Refusal> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) if !signature.is_empty() => Ok((header, payload)),
        _ => Err(Refusal::TokenMalformed),
    }
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::TokenMalformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::TokenMalformed)
}

/// `scope` (RFC 8693, RFC 9068), or `scp` of other issuers; text with spaces, or a list.
fn scopes(claims: &Map<String, Value>) -> Scopes {
    let values = ["scope", "scp"].into_iter().filter_map(|name| claims.get(name));
    let texts = values.flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    });
    Scopes::read(texts.filter_map(Value::as_str).flat_map(str::split_ascii_whitespace))
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidSignature => Refusal::WrongSignature,
        ErrorKind::InvalidAudience => Refusal::OtherAudience,
        ErrorKind::InvalidIssuer => Refusal::UnknownIssuer,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Refusal::OtherAlgorithm,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            Refusal::ClaimMissing(match claim.as_str() {
                "exp" => "exp",
                "aud" => "aud",
                "iss" => "iss",
                _ => "a claim",
            })
        }
        _ => Refusal::TokenMalformed,
    }
}
