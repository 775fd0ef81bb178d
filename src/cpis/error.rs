use super::cause::{AuthorPart, ConnectCause, Contradiction, Malformed, NonAnswer, Rejection, TlsCause};
use super::{Delivery, LocalAuthority};

/// Why one query has no [`super::Answer`], whichever way it went. It says whether the query may have been delivered.
///
/// It holds no NHS number, no name of a person and no payload; `contacts` are local authorities whose numbers a clinician needs
/// (decisions.md 16), and print nothing of themselves in `Debug`. What people read of it is in `upstream`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} (phase {phase:?}, delivery {})", .kind.name(), .delivery.name())]
pub struct RegisterError {
    pub kind: RegisterErrorKind,
    pub phase: Phase,
    pub delivery: Delivery,
    /// Every authority that could be read in an answer that could not be shown.
    pub contacts: Vec<LocalAuthority>,
}

/// How far the exchange got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Writing the query, before anything is sent.
    Build,
    /// Name resolution, TCP and TLS.
    Connect,
    /// The request was going out, or no response had begun.
    Exchange,
    /// The response had begun.
    Read,
    /// The response was complete and was being understood.
    Understand,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterErrorKind {
    /// The requester cannot fill the author of the query.
    AuthorIncomplete { missing: Vec<AuthorPart> },
    /// Name resolution or TCP failed.
    Unreachable(ConnectCause),
    /// The TLS handshake failed, or the server refused our certificate before any response byte.
    Insecure(TlsCause),
    /// The request was refused by its HTTP status, unread.
    RefusedByStatus { status: u16 },
    /// The connection broke after the first byte was sent.
    ConnectionLost,
    /// No answer in time.
    Timeout,
    /// The response is larger than the limit.
    TooLarge,
    /// Complete, but not an answer.
    NotAnAnswer(NonAnswer),
    /// Complete, but it cannot be read.
    Unreadable(Malformed),
    /// A response code that is not in the vocabulary, or none. The text is kept only when it has the form of a code.
    UnknownCode { code: Option<String> },
    /// Code and content contradict each other, or what is counted cannot be read.
    Contradictory(Contradiction),
    /// The answer, or a record in it, is about another NHS number, or cannot be tied to the one asked.
    OtherChild,
    /// The reply names another message than ours, or none where nothing else ties it to ours (docs/adr/0013).
    OtherMessage,
    /// A reply that says that the query was refused or failed; its code, if that can be shown.
    Rejected { reason: Rejection, code: Option<String> },
    /// The query could not be made: our own fault.
    Internal,
}

impl RegisterErrorKind {
    /// The code that came with it, if it could be read and shown.
    #[must_use]
    pub fn response_code(&self) -> Option<&str> {
        match self {
            Self::UnknownCode { code } | Self::Rejected { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

impl RegisterError {
    #[must_use]
    pub fn new(kind: RegisterErrorKind, phase: Phase, delivery: Delivery) -> Self {
        Self { kind, phase, delivery, contacts: Vec::new() }
    }

    /// A failure to understand a complete response: the query may have been delivered.
    #[must_use]
    pub fn understanding(kind: RegisterErrorKind) -> Self {
        Self::new(kind, Phase::Understand, Delivery::MaybeDelivered)
    }

    /// The authorities that the caller sees. Nothing of an answer about another child is shown, not even its authority's numbers.
    #[must_use]
    pub fn named(&self) -> &[LocalAuthority] {
        match self.kind {
            RegisterErrorKind::OtherChild | RegisterErrorKind::OtherMessage => &[],
            _ => &self.contacts,
        }
    }

    /// Whether it reveals something of what CP-IS holds: that there is a record, or whom to ring. It is then shown like an answer,
    /// after an entry on the trail (decisions.md 49).
    #[must_use]
    pub fn reveals_a_record(&self) -> bool {
        use RegisterErrorKind::{Contradictory, Rejected};
        let reveals = matches!(self.kind, Contradictory(_) | Rejected { reason: Rejection::AnswerUnusable, .. });
        reveals || !self.named().is_empty()
    }

    #[must_use]
    pub fn with_contacts(mut self, contacts: Vec<LocalAuthority>) -> Self {
        self.contacts = contacts;
        self
    }
}
