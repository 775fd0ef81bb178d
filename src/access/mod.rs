//! Authentication and permissions: a request becomes an [`Identity`] or a [`Refusal`] before anything else in it is read.
//!
//! There are three modes: a bearer token of an OIDC issuer ([`bearer`]), the headers of a gateway with a known client certificate
//! ([`gateway`]), and the demo's invented clinician ([`demo`]). All three use [`person`]: it invents nothing about a person, and
//! refuses contradictions instead of guessing. [`permission`] and [`scopes`] decide what the person may do.
//!
//! Knows nothing of HTTP beyond header values ([`Headers`]) and nothing of the query that will be made.

mod bearer;
mod certificate;
mod claims;
mod demo;
mod gateway;
mod issuer;
mod keys;
mod options;
mod part;
mod permission;
mod person;
mod published;
mod refusal;
mod scopes;
mod system;

pub use certificate::ClientCertificate;
pub use claims::ClaimPath;
pub use demo::requester as demo_requester;
pub use options::{Allow, Gateway, HeaderEncoding, Issuer, KeySource, KnownOrganisation, Mode, Options};
pub use part::{ByPart, IdentityPart};
pub use published::{PublishedKeys, published_keys};
pub use refusal::{Refusal, RefusalKind};
pub use scopes::{Interaction, Scopes};

use crate::cpis::{CareSetting, Requester, Text};
use bearer::Tokens;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// An authenticated person, identified by an issuer or gateway in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// With the care setting of the identity or of the settings; the request may name another.
    pub requester: Requester,
    /// The person's client system: the token's `client_id` or `azp`, or the subject of the gateway's certificate.
    pub source_system: Option<Text>,
    /// The resource types that the token's SMART scopes allow.
    pub scopes: Scopes,
}

/// The values of one header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header<'a> {
    Absent,
    One(&'a [u8]),
    /// More than one value. It is unclear which is right, so none is used.
    Several,
}

/// The headers of a request, by name in any letter case.
pub trait Headers {
    fn header(&self, name: &str) -> Header<'_>;
}

/// The parts of a request that identify the caller.
#[derive(Clone, Copy)]
pub struct CallerCredentials<'a> {
    pub headers: &'a dyn Headers,
    /// The client certificate of the TLS session, verified against `server.tls.client_ca`.
    pub certificate: Option<&'a ClientCertificate>,
}

/// Identifies callers and checks what they may do.
pub struct Access {
    options: Options,
    tokens: Option<Tokens>,
}

/// Why access cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("access.issuers[{at}].{key}: {reason}")]
pub struct AccessError {
    pub at: usize,
    pub key: &'static str,
    pub reason: &'static str,
}

/// Whether the modes accept tokens, so that the issuers' keys are needed.
#[must_use]
pub fn wants_tokens(options: &Options) -> bool {
    let has = |mode: Mode| options.modes.contains(&mode);
    has(Mode::Bearer) || (has(Mode::Gateway) && options.gateway.jwt_header.is_some())
}

impl Access {
    /// Starts to fetch the issuers' keys on `runtime`, and refreshes them there until this value is dropped.
    ///
    /// # Errors
    /// [`AccessError`] if the settings of an issuer cannot be used.
    pub fn start(options: Options, runtime: &Handle) -> Result<Self, AccessError> {
        let tokens = if wants_tokens(&options) { Some(Tokens::start(&options.issuers, runtime)?) } else { None };
        Ok(Self { options, tokens })
    }

    /// Identifies the caller. Does not check permissions: see [`Access::may_look`].
    ///
    /// Waits only if a token's key is unknown and may be fetched now.
    ///
    /// # Errors
    /// [`Refusal`]. It contains nothing from the request.
    pub async fn identify(&self, credentials: CallerCredentials<'_>) -> Result<Identity, Refusal> {
        let has = |mode: Mode| self.options.modes.contains(&mode);
        if has(Mode::Demo) {
            return Ok(self.demo());
        }
        let brings_token = credentials.headers.header(bearer::HEADER) != Header::Absent;
        if has(Mode::Bearer) && (brings_token || !has(Mode::Gateway)) {
            let token = bearer::token(credentials.headers)?;
            return self.of_token(token).await;
        }
        let gateway = gateway::trusted(&self.options.gateway, credentials.certificate).map_err(|refusal| {
            // If both modes are on, the refusal names the one that is open to everyone.
            if has(Mode::Bearer) { Refusal::NoToken } else { refusal }
        })?;
        self.of_gateway(gateway, credentials.headers).await
    }

    async fn of_token(&self, token: &str) -> Result<Identity, Refusal> {
        let tokens = self.tokens.as_ref().ok_or(Refusal::NoToken)?;
        tokens.identify(token, self).await
    }

    async fn of_gateway(&self, gateway: gateway::TrustedGateway<'_>, headers: &dyn Headers) -> Result<Identity, Refusal> {
        if let Some(name) = &self.options.gateway.jwt_header {
            let mut identity = self.of_token(gateway::token(headers, name)?).await?;
            identity.source_system.get_or_insert_with(|| gateway.subject.into());
            return Ok(identity);
        }
        let parts = gateway::parts(headers, &self.options.gateway)?;
        // A user id that names the gateway itself is not a person.
        let is_its_own = |name: &str| parts.user_id().eq_ignore_ascii_case(name);
        if system::is_name_of(parts.user_id()) || is_its_own(gateway.name) || is_its_own(&gateway.subject) {
            return Err(Refusal::SystemOnly);
        }
        // The same issuer for all gateways: they identify the same people, and a second gateway of a pair must not ask again
        // (decisions.md 51).
        let requester = person::requester(parts, self.options.gateway.issuer.as_str().into(), self)?;
        Ok(Identity { requester, source_system: Some(gateway.subject.into()), scopes: Scopes::unlimited() })
    }

    fn demo(&self) -> Identity {
        Identity {
            requester: demo::requester(self.options.demo_organisation.as_str(), self.options.care_setting),
            source_system: Some("demo".into()),
            scopes: Scopes::unlimited(),
        }
    }

    /// Whether `identity` may look at a child with a query that notifies.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or [`Refusal::OrganisationNotAllowed`].
    pub fn may_look(&self, identity: &Identity) -> Result<(), Refusal> {
        permission::may_look(&self.options.allow, &identity.requester)
    }

    /// Whether `identity` has the activity for a read that does not notify.
    ///
    /// # Errors
    /// [`Refusal::SilentReadNotPermitted`].
    pub fn may_read_silently(&self, identity: &Identity) -> Result<(), Refusal> {
        permission::may_read_silently(&identity.requester)
    }

    /// Whether `identity` may search the trail. Only `access.allow.audit_roles` decides.
    pub fn may_search_trail(&self, identity: &Identity) -> bool {
        permission::may_search_trail(&self.options.allow, &identity.requester)
    }

    /// The care setting of a request that names `asked`, or none.
    ///
    /// # Errors
    /// [`Refusal::CareSettingNotAllowed`].
    pub fn care_setting(&self, identity: &Identity, asked: Option<CareSetting>) -> Result<CareSetting, Refusal> {
        let setting = asked.unwrap_or(identity.requester.care_setting);
        if self.options.care_settings.contains(&setting) { Ok(setting) } else { Err(Refusal::CareSettingNotAllowed) }
    }

    /// The OpenID configuration of the first issuer that has provided one.
    pub fn openid_configuration(&self) -> Option<Arc<serde_json::Value>> {
        self.tokens.as_ref()?.openid_configuration()
    }

    /// Replaces the CAs of each issuer, in the order of the settings, and starts to fetch the keys with them.
    ///
    /// # Errors
    /// What is wrong with the first bundle that cannot be used.
    pub fn renew_authorities(&self, authorities: &[Option<Vec<u8>>]) -> Result<(), &'static str> {
        self.tokens.as_ref().map_or(Ok(()), |tokens| tokens.renew_authorities(authorities))
    }

    /// Starts to fetch the keys of every issuer again. The last keys stay in use until then.
    pub fn read_keys_again(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.read_keys_again();
        }
    }

    /// The issuers whose keys were fetched, and the age of the keys.
    pub fn key_ages(&self) -> Vec<(String, Duration)> {
        self.tokens.as_ref().map(Tokens::key_ages).unwrap_or_default()
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether callers may send a bearer token, for the challenge of a 401.
    pub fn takes_bearer(&self) -> bool {
        self.options.modes.contains(&Mode::Bearer)
    }
}
