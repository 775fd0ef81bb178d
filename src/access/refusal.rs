//! Reasons to refuse a request because of its caller.

/// The kind of a refusal, and its HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The caller is not identified: 401.
    Unauthenticated,
    /// The caller's token has expired: 401.
    Expired,
    /// The caller has no permission, or the identity is incomplete: 403.
    Forbidden,
    /// The caller cannot be identified at the moment: 503.
    Unavailable,
}

/// A request that was refused. The text helps the developers of a client, and contains nothing from the request: no token, no
/// claim's value, no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("No token was sent. Send the header Authorization: Bearer with a token of an issuer that this service knows.")]
    NoToken,
    #[error("More than one Authorization header was sent.")]
    SeveralTokens,
    #[error("The Authorization header is not Bearer followed by one token.")]
    NotBearer,
    #[error("The token is longer than 8 KiB.")]
    TokenTooLong,
    #[error("The token is not a signed JSON Web Token that can be read.")]
    TokenMalformed,
    #[error("The token is of a type (typ) that is not for access.")]
    OtherTokenType,
    #[error("The token has a critical header (crit), and this service understands none.")]
    CriticalHeader,
    #[error("The token's signature algorithm is not accepted here.")]
    OtherAlgorithm,
    #[error("The token's issuer (iss) is not known here.")]
    UnknownIssuer,
    #[error("The token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    #[error("The token's signature is wrong.")]
    WrongSignature,
    #[error("The token's audience (aud) is not this service.")]
    OtherAudience,
    #[error("The token has expired.")]
    TokenExpired,
    #[error("The token is not valid yet (nbf).")]
    TokenNotYetValid,
    #[error("The token lacks {0}, or it cannot be read.")]
    ClaimMissing(&'static str),
    #[error("The token's {0} is not in seconds since 1970, as RFC 7519 wants it; it looks like milliseconds.")]
    NotInSeconds(&'static str),
    #[error("The token names no key (kid), and more of its issuer's keys fit than are tried.")]
    TooManyKeys,
    #[error("Requests are accepted from known gateways only, and this connection's certificate is not one of theirs.")]
    NotAGateway,
    #[error("A header of the gateway was sent more than once.")]
    GatewayHeaderRepeated,
    #[error("The gateway did not send the token that says who asks.")]
    NoGatewayToken,
    #[error("Tokens of this issuer cannot be checked at the moment, since its keys cannot be read.")]
    KeysUnavailable,
    #[error("The identity names no person: a user is always required.")]
    NoUser,
    #[error("The token is of a system, not of a person: a user is always required.")]
    SystemOnly,
    #[error("The identity lacks what the query's author needs: {}.", .0.join(", "))]
    Incomplete(Vec<&'static str>),
    #[error("The identity's {0} is not in the form that is needed.")]
    Malformed(&'static str),
    #[error("The identity's {0} is encoded, and not as the setting access.gateway.encoding says.")]
    Encoded(&'static str),
    #[error("The identity's {0} is not clear: there is more than one, and none is selected.")]
    Ambiguous(&'static str),
    #[error("Neither the role nor the activities of this user allow looking at CP-IS.")]
    NotPermitted,
    #[error("The users of this organisation may not look at CP-IS here.")]
    OrganisationNotAllowed,
    #[error("This care setting is not allowed here.")]
    CareSettingNotAllowed,
    #[error(
        "This interface to CP-IS is for unscheduled care only: every query notifies the local authority. \
         A query for scheduled care was not made."
    )]
    ScheduledCare,
    #[error("A read that does not notify needs the activity B0170, which this user does not have.")]
    SilentReadNotPermitted,
    #[error("The token's scopes do not allow this for {0}.")]
    OutOfScope(&'static str),
}

impl Refusal {
    /// One of each variant, with example contents.
    pub const EACH: &[Refusal] = &[
        Refusal::NoToken,
        Refusal::SeveralTokens,
        Refusal::NotBearer,
        Refusal::TokenTooLong,
        Refusal::TokenMalformed,
        Refusal::OtherTokenType,
        Refusal::CriticalHeader,
        Refusal::OtherAlgorithm,
        Refusal::UnknownIssuer,
        Refusal::UnknownKey,
        Refusal::WrongSignature,
        Refusal::OtherAudience,
        Refusal::TokenExpired,
        Refusal::TokenNotYetValid,
        Refusal::ClaimMissing("exp"),
        Refusal::NotInSeconds("exp"),
        Refusal::TooManyKeys,
        Refusal::NotAGateway,
        Refusal::GatewayHeaderRepeated,
        Refusal::NoGatewayToken,
        Refusal::KeysUnavailable,
        Refusal::NoUser,
        Refusal::SystemOnly,
        Refusal::Incomplete(Vec::new()),
        Refusal::Malformed("user id"),
        Refusal::Encoded("name"),
        Refusal::Ambiguous("job role code"),
        Refusal::NotPermitted,
        Refusal::OrganisationNotAllowed,
        Refusal::CareSettingNotAllowed,
        Refusal::ScheduledCare,
        Refusal::SilentReadNotPermitted,
        Refusal::OutOfScope("Flag"),
    ];

    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::NoToken
            | Self::SeveralTokens
            | Self::NotBearer
            | Self::TokenTooLong
            | Self::TokenMalformed
            | Self::OtherTokenType
            | Self::CriticalHeader
            | Self::OtherAlgorithm
            | Self::UnknownIssuer
            | Self::UnknownKey
            | Self::WrongSignature
            | Self::OtherAudience
            | Self::TokenNotYetValid
            | Self::ClaimMissing(_)
            | Self::NotInSeconds(_)
            | Self::TooManyKeys
            | Self::NotAGateway
            | Self::GatewayHeaderRepeated
            | Self::NoGatewayToken => RefusalKind::Unauthenticated,
            Self::TokenExpired => RefusalKind::Expired,
            Self::KeysUnavailable => RefusalKind::Unavailable,
            Self::NoUser
            | Self::SystemOnly
            | Self::Incomplete(_)
            | Self::Malformed(_)
            | Self::Encoded(_)
            | Self::Ambiguous(_)
            | Self::NotPermitted
            | Self::OrganisationNotAllowed
            | Self::CareSettingNotAllowed
            | Self::ScheduledCare
            | Self::SilentReadNotPermitted
            | Self::OutOfScope(_) => RefusalKind::Forbidden,
        }
    }

    /// A short name for logs, metrics and the trail.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::SeveralTokens => "several-tokens",
            Self::NotBearer => "not-bearer",
            Self::TokenTooLong => "token-too-long",
            Self::TokenMalformed => "token-malformed",
            Self::OtherTokenType => "token-type",
            Self::CriticalHeader => "token-critical-header",
            Self::OtherAlgorithm => "token-algorithm",
            Self::UnknownIssuer => "token-issuer",
            Self::UnknownKey => "token-key",
            Self::WrongSignature => "token-signature",
            Self::OtherAudience => "token-audience",
            Self::TokenExpired => "token-expired",
            Self::TokenNotYetValid => "token-not-yet-valid",
            Self::ClaimMissing(_) => "token-claim",
            Self::NotInSeconds(_) => "token-milliseconds",
            Self::TooManyKeys => "token-keys",
            Self::NotAGateway => "not-a-gateway",
            Self::GatewayHeaderRepeated => "gateway-header-repeated",
            Self::NoGatewayToken => "no-gateway-token",
            Self::KeysUnavailable => "keys-unavailable",
            Self::NoUser => "no-user",
            Self::SystemOnly => "system-only",
            Self::Incomplete(_) => "author-incomplete",
            Self::Malformed(_) => "identity-malformed",
            Self::Encoded(_) => "identity-encoded",
            Self::Ambiguous(_) => "identity-ambiguous",
            Self::NotPermitted => "not-permitted",
            Self::OrganisationNotAllowed => "organisation",
            Self::CareSettingNotAllowed => "care-setting",
            Self::ScheduledCare => "scheduled-care",
            Self::SilentReadNotPermitted => "silent-read",
            Self::OutOfScope(_) => "scope",
        }
    }

    /// The error code of RFC 6750 for the challenge; none if no token was sent, as section 3.1 requires.
    #[must_use]
    pub fn bearer_error(&self) -> Option<&'static str> {
        match self {
            Self::NoToken | Self::NotAGateway | Self::GatewayHeaderRepeated | Self::NoGatewayToken => None,
            Self::SeveralTokens | Self::NotBearer => Some("invalid_request"),
            Self::OutOfScope(_) => Some("insufficient_scope"),
            _ if matches!(self.kind(), RefusalKind::Unauthenticated | RefusalKind::Expired) => Some("invalid_token"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_refusal_is_listed_once() {
        let source = include_str!("refusal.rs");
        let (_, names) = source.split_once("fn name(").unwrap();
        let (names, _) = names.split_once("fn ").unwrap();
        let written: BTreeSet<&str> = names.split('"').skip(1).step_by(2).collect();
        let listed: Vec<&str> = Refusal::EACH.iter().map(Refusal::name).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), written);
        assert_eq!(listed.len(), written.len());
    }
}
