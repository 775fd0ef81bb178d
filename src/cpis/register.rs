use super::{Answer, AuthorAsSent, MessageIds, Question, RegisterError, Requester};
use futures_util::future::BoxFuture;
use std::fmt;

/// The register, by whichever way it is reached. A way to CP-IS implements this, and nothing more is asked of it while the service runs.
pub trait Register: Send + Sync + 'static {
    /// The author that a query of `requester` would carry. The trail records it before the query is made.
    ///
    /// # Errors
    /// A failure that is not delivered, if the query cannot be written: the requester lacks something.
    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError>;

    /// Asks once. Sends at most one complete request, never repeats it, and has no deadline except for connecting: the caller
    /// decides how long to wait. `ids` are used for this attempt only.
    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> AskFuture<'a>;

    /// Whether the way is open as far as that can be known without a query: it never sends one.
    fn probe(&self) -> ProbeFuture;

    /// From now on queries are sent with these credentials. One that is under way ends with those with which it began.
    ///
    /// # Errors
    /// [`RenewalError`]; then everything is as it was.
    fn renew(&self, credentials: Credentials) -> Result<(), RenewalError>;
}

/// The future of [`Register::ask`].
pub type AskFuture<'a> = BoxFuture<'a, Result<Answer, RegisterError>>;

/// The future of [`Register::probe`].
pub type ProbeFuture = BoxFuture<'static, Result<(), ProbeError>>;

/// Why a query could not be sent now: a short reason, without address, name or certificate content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProbeError(pub String);

/// Why credentials cannot be used. Says nothing of what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenewalError(pub String);

/// Whom we trust on the way to CP-IS, and who we are to it. `Debug` shows no PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// PEM bundle of the CAs that are trusted.
    pub ca_pem: Vec<u8>,
    /// PEM chain of our certificate.
    pub client_cert_pem: Vec<u8>,
    /// PEM private key.
    pub client_key_pem: Vec<u8>,
    /// The name that we give with a query, where it changes with the certificate.
    pub username: Option<String>,
}

// By hand, since a derived one would print the private key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
