use super::{Answer, AuthorAsSent, MessageIds, Question, RegisterError, Requester};
use futures_util::future::BoxFuture;

/// The register, by whichever way it is reached.
pub trait Register: Send + Sync + 'static {
    /// The author that a query of `requester` would carry. The trail records it before the query is made.
    ///
    /// # Errors
    /// A failure that is not delivered, if the query cannot be written: the requester lacks something.
    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError>;

    /// Asks once. Sends at most one complete request, never repeats it, and has no deadline except for connecting: the caller
    /// decides how long to wait. `ids` are used for this attempt only.
    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> AskFuture<'a>;
}

/// The future of [`Register::ask`].
pub type AskFuture<'a> = BoxFuture<'a, Result<Answer, RegisterError>>;
