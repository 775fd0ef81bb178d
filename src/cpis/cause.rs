//! What exactly went wrong on the way to CP-IS and back, whichever way the query went. What people read of each is in `upstream`.

/// What the requester lacks for the author of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthorPart {
    SdsUserId,
    UserId,
    JobRoleCode,
    JobRoleName,
    Name,
    OrganisationCode,
    OrganisationName,
    /// Of our own system.
    Asid,
    AsidOfCpis,
}

impl AuthorPart {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SdsUserId => "SDS user id",
            Self::UserId => "user id",
            Self::JobRoleCode => "job role code",
            Self::JobRoleName => "job role name",
            Self::Name => "name",
            Self::OrganisationCode => "organisation code",
            Self::OrganisationName => "organisation name",
            Self::Asid => "ASID",
            Self::AsidOfCpis => "ASID of CP-IS",
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectCause {
    NameNotResolved,
    TimedOut,
    Refused,
    NoRoute,
    Other,
}

/// Why there is no TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsCause {
    /// The server ended it with this alert, such as 48: our certificate is from a CA that it does not know.
    Alert(u8),
    CertificateExpired,
    CertificateNotYetValid,
    UnknownCa,
    OtherName,
    CertificateRevoked,
    NotAServersCertificate,
    CertificateUnacceptable,
    NothingInCommon,
    NotTls,
    NoCertificate,
    ClosedInHandshake,
    ClosedAfterHandshake,
    Other,
}

/// What came instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NonAnswer {
    /// HTTP 202.
    Accepted,
    Html,
    /// An HTTP status other than 200, without an envelope.
    ErrorStatus,
    /// An answer, but under an HTTP status other than 200.
    AnswerUnderErrorStatus,
    /// An envelope with nothing of CP-IS in it.
    EmptyEnvelope,
    /// A receipt of the transport.
    InfrastructureReceipt,
    /// A receipt of the application.
    MessageReceipt,
    /// After a restart it is not known which.
    Forgotten,
}

/// Why a complete reply cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    // The coding of the whole reply.
    NotGzip,
    NotDeflate,
    OtherCoding,
    // XML.
    NotUtf8,
    OtherEncoding,
    Syntax,
    DocumentType,
    ProcessingInstruction,
    Truncated,
    NoRoot,
    TwoRoots,
    TextOutsideRoot,
    ControlCharacter,
    UnknownEntity,
    StartTag,
    ElementName,
    Attribute,
    DuplicateAttribute,
    TooManyAttributes,
    TooManyElements,
    TooDeep,
    LongText,
    // The envelopes around the payload.
    NotAnEnvelope,
    TwoEnvelopes,
    NoBody,
    TwoBodies,
    TwoWrappers,
    TooManyParts,
    TwoInteractions,
    // The payload.
    EncryptedPayload,
    PayloadNotBase64,
    PayloadNotGzip,
    TwoAnswers,
    TooManyRecords,
    NoTimeAndTotals,
    /// After a restart it is not known which.
    Forgotten,
}

/// How an answer contradicts itself (decisions.md 1).
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
    /// Success of the TMS reply with no record in it: Spine reports that in another way (wire.md 3.6).
    EmptySuccess,
    /// Two codes of one answer disagree.
    CodesDisagree,
}

/// Why the query was refused or failed, by a reply that was understood (decisions.md 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The query was found invalid.
    QueryInvalid,
    /// CP-IS answered, and what it said could not be used: a record may exist.
    AnswerUnusable,
    /// Spine is unavailable, and a local store holds nothing.
    LocalStoreOnly,
    /// Spine could not be reached.
    SpineUnreachable,
    /// The credentials of the author are not accepted.
    AuthorRefused,
    /// The system that was asked failed.
    ProviderFailed,
    /// CP-IS failed.
    CpisFailed,
    /// The system that was asked is busy or down for a time.
    Busy,
    /// The query could not be processed.
    NotProcessed,
    /// Our message is at fault.
    MessageInvalid,
    /// Our certificate or ASID is refused.
    AccessDenied,
    /// A business error of Spine.
    BusinessError,
    /// A query that failed for another reason than that there is no such NHS number.
    QueryFailed,
}

impl Rejection {
    pub const ALL: [Self; 13] = [
        Self::QueryInvalid,
        Self::AnswerUnusable,
        Self::LocalStoreOnly,
        Self::SpineUnreachable,
        Self::AuthorRefused,
        Self::ProviderFailed,
        Self::CpisFailed,
        Self::Busy,
        Self::NotProcessed,
        Self::MessageInvalid,
        Self::AccessDenied,
        Self::BusinessError,
        Self::QueryFailed,
    ];
}
