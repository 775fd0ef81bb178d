use super::LocalAuthority;

/// Why there is no [`super::Answer`]. Every failure says whether CP-IS may have heard the query.
///
/// It holds no NHS number, no name of a person and no payload; `contacts` are local authorities whose numbers a clinician
/// needs (decisions.md 16), and print nothing of themselves in `Debug`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (phase {phase:?}, delivery {})", .delivery.name())]
pub struct RegisterError {
    pub kind: RegisterErrorKind,
    pub phase: Phase,
    pub delivery: Delivery,
    /// Every authority that could be read in an answer that could not be shown.
    pub contacts: Vec<LocalAuthority>,
}

/// How far the exchange had come.
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

/// Whether CP-IS, and so the local authority, may have heard of this look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Certainly not: nothing was sent, the SMSP refused it unread, or the SMSP itself says that it did not reach Spine.
    NotDelivered,
    /// It may have been heard. Never sent again by us, and the caller is told so.
    MaybeDelivered,
}

/// An SMSP response code other than success or no match (wire.md 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseCode {
    /// SMSP-0001
    InputInvalid,
    /// SMSP-0002
    ResponseInvalid,
    /// SMSP-0003 without records
    LocalStoreOnly,
    /// SMSP-0004
    SpineUnreachable,
    /// SMSP-0005
    AuthorCredentials,
    /// SMSP-9999
    ProviderFailure,
    /// CPIS-9999
    CpisFailure,
}

impl ResponseCode {
    pub const ALL: [Self; 7] = [
        Self::InputInvalid,
        Self::ResponseInvalid,
        Self::LocalStoreOnly,
        Self::SpineUnreachable,
        Self::AuthorCredentials,
        Self::ProviderFailure,
        Self::CpisFailure,
    ];

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InputInvalid => "SMSP-0001",
            Self::ResponseInvalid => "SMSP-0002",
            Self::LocalStoreOnly => "SMSP-0003",
            Self::SpineUnreachable => "SMSP-0004",
            Self::AuthorCredentials => "SMSP-0005",
            Self::ProviderFailure => "SMSP-9999",
            Self::CpisFailure => "CPIS-9999",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InputInvalid => "input-invalid",
            Self::ResponseInvalid => "response-invalid",
            Self::LocalStoreOnly => "local-store-only",
            Self::SpineUnreachable => "spine-unreachable",
            Self::AuthorCredentials => "author-credentials",
            Self::ProviderFailure => "provider-failure",
            Self::CpisFailure => "cpis-failure",
        }
    }
}

/// A SOAP fault, by what it asks of us (wire.md 4.7, 5.6; decisions.md 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// ToolkitErrorInfo 2100.
    Retryable,
    /// ToolkitErrorInfo 2200, another code, or no detail.
    NotRetryable,
    /// ToolkitErrorInfo 1000, MustUnderstand, VersionMismatch, nasp 101, ErrorBase17xx: our message is at fault.
    InvalidMessage,
    /// ToolkitErrorInfo 3000, nasp 300: our certificate or ASID is refused.
    AccessDenied,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::Retryable, Self::NotRetryable, Self::InvalidMessage, Self::AccessDenied];

    fn name(self) -> &'static str {
        match self {
            Self::Retryable => "fault-retryable",
            Self::NotRetryable => "fault",
            Self::InvalidMessage => "fault-invalid-message",
            Self::AccessDenied => "fault-access-denied",
        }
    }
}

/// What in an answer contradicts what (decisions.md 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contradiction {
    /// The code says that there is no record, the content or the count says that there is one.
    NoMatchWithContent,
    /// Success, but the total of records is missing or is not a number.
    TotalUnreadable,
    /// Records are counted, but none, and no authority, could be read.
    NothingReadable,
    /// The total says none, the content says some.
    ContentBeyondTotal,
    /// Success of the TMS reply with no record in it, which Spine says otherwise (wire.md 3.6).
    EmptySuccess,
    /// Two codes of one answer disagree.
    CodesDisagree,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterErrorKind {
    /// The requester cannot fill the HL7 V3 author; the names of what is missing.
    #[error("the requester lacks {}", .missing.join(", "))]
    AuthorIncomplete { missing: Vec<&'static str> },
    /// Name resolution or TCP failed.
    #[error("no connection to the SMSP: {cause}")]
    NotConnected { cause: &'static str },
    /// The TLS handshake failed, or the server refused our certificate before any response byte.
    #[error("no TLS session with the SMSP: {cause}")]
    Tls { cause: String },
    /// The SMSP refused the request by its HTTP status, unread.
    #[error("the SMSP refused the request with HTTP {status}")]
    RefusedByStatus { status: u16 },
    /// The connection broke after the first byte was sent.
    #[error("the connection to the SMSP broke")]
    ConnectionLost,
    /// No answer in time.
    #[error("no answer from the SMSP in time")]
    Timeout,
    /// The response is larger than is ever read.
    #[error("the response is over the size limit")]
    TooLarge,
    /// Complete, but not what an SMSP sends: HTTP 202, HTML, an error status without SOAP, another ITK body.
    #[error("the response is not an SMSP answer: {what}")]
    NotAnAnswer { what: &'static str },
    /// Complete, but it cannot be read.
    #[error("the response cannot be read: {why}")]
    Unreadable { why: &'static str },
    /// A response code that is not in the vocabulary, or none. The text is kept only when it has the form of a code.
    #[error("unknown response code {}", .code.as_deref().unwrap_or("(none)"))]
    UnknownCode { code: Option<String> },
    /// A response code that says that the look failed.
    #[error("response code {}", .0.code())]
    Response(ResponseCode),
    /// Code and content contradict each other, or what is counted cannot be read.
    #[error("the answer contradicts itself: {0:?}")]
    Contradictory(Contradiction),
    /// The answer, or a record in it, is about another NHS number, or cannot be tied to the one asked.
    #[error("the answer is not about the child asked for")]
    OtherChild,
    /// The reply names another message than ours, or none where nothing else ties it to ours (docs/adr/0013).
    #[error("the answer relates to another message, or to none")]
    OtherMessage,
    /// A SOAP fault.
    #[error("SOAP fault {fault:?} {}", .code.as_deref().unwrap_or(""))]
    Soap { fault: Fault, code: Option<String> },
    /// MCCI_IN010000UK13: a business error of Spine.
    #[error("MCCI business error {}", .code.as_deref().unwrap_or(""))]
    BusinessError { code: Option<String> },
    /// QUQI_IN010000UK14 that is not "NHS number not found", or a REPC reply with an issue.
    #[error("query act failed {}", .code.as_deref().unwrap_or(""))]
    QueryFailed { code: Option<String> },
    /// The query could not be made: our own fault.
    #[error("internal fault")]
    Internal,
}

impl RegisterErrorKind {
    /// What trace, metric, log, trail and export call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuthorIncomplete { .. } => "author-incomplete",
            Self::NotConnected { .. } => "not-connected",
            Self::Tls { .. } => "tls",
            Self::RefusedByStatus { .. } => "refused",
            Self::ConnectionLost => "connection-lost",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::NotAnAnswer { .. } => "not-an-answer",
            Self::Unreadable { .. } => "unreadable",
            Self::UnknownCode { .. } => "unknown-code",
            Self::Response(code) => code.name(),
            Self::Contradictory(_) => "incomplete",
            Self::OtherChild => "other-child",
            Self::OtherMessage => "other-message",
            Self::Soap { fault, .. } => fault.name(),
            Self::BusinessError { .. } => "business-error",
            Self::QueryFailed { .. } => "query-failed",
            Self::Internal => "internal",
        }
    }

    /// The code that the SMSP answered with, where it could be read and shown.
    #[must_use]
    pub fn response_code(&self) -> Option<&str> {
        match self {
            Self::Response(code) => Some(code.code()),
            Self::UnknownCode { code } | Self::Soap { code, .. } | Self::BusinessError { code } | Self::QueryFailed { code } => {
                code.as_deref()
            }
            _ => None,
        }
    }
}

impl RegisterError {
    #[must_use]
    pub fn new(kind: RegisterErrorKind, phase: Phase, delivery: Delivery) -> Self {
        Self { kind, phase, delivery, contacts: Vec::new() }
    }

    /// A failure to understand a complete response: CP-IS may have heard.
    #[must_use]
    pub fn understanding(kind: RegisterErrorKind) -> Self {
        Self::new(kind, Phase::Understand, Delivery::MaybeDelivered)
    }

    /// The authorities that the caller is told of. Nothing of an answer about another child is shown, its authority's numbers neither.
    #[must_use]
    pub fn named(&self) -> &[LocalAuthority] {
        match self.kind {
            RegisterErrorKind::OtherChild | RegisterErrorKind::OtherMessage => &[],
            _ => &self.contacts,
        }
    }

    /// Whether it tells something of what CP-IS holds: that there is a record, or whom to ring. It is then shown as an answer is, after
    /// an entry on the trail (decisions.md 49).
    #[must_use]
    pub fn tells_of_a_record(&self) -> bool {
        let tells =
            matches!(self.kind, RegisterErrorKind::Contradictory(_) | RegisterErrorKind::Response(ResponseCode::ResponseInvalid));
        tells || !self.named().is_empty()
    }

    /// Whether an authority was told of the look: none where nothing was delivered; where CP-IS may have heard, nobody knows.
    #[must_use]
    pub fn notification_expected(&self) -> Option<bool> {
        (self.delivery == Delivery::NotDelivered).then_some(false)
    }

    #[must_use]
    pub fn with_contacts(mut self, contacts: Vec<LocalAuthority>) -> Self {
        self.contacts = contacts;
        self
    }
}
