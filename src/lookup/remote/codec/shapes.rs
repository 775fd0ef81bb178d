//! Which parts of which types are written, in their order, and counted. The compiler compares the list with the types: a part that is added to a
//! type does not build until it is listed here.

use super::{Coded, HeapBytes, Input};
use crate::audit::{Message, TrailUnavailable};
use crate::cpis::{
    Access, AccessTime, Answer, Author, AuthorPart, BirthDate, ConnectCause, Contradiction, DatePrecision, Delivery, Entry,
    Holding, LocalAuthority, LocalId, Malformed, NhsNumber, NonAnswer, Notice, NumberUse, Organisation, OrganisationKind, Period,
    PersonName, Phase, Plan, PlanType, Record, RegisterError, RegisterErrorKind, Rejection, Responsible, Role, Subject,
    SubjectKind, TelephoneNumber, Text, TlsCause, Unreadable,
};
use crate::lookup::{LookError, Origin};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

macro_rules! shape {
    (struct $name:ident { $($part:ident: $type:ty),* $(,)? }) => {
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let Self { $($part),* } = self;
                $( <$type as Coded>::write($part, out); )*
            }

            fn read(input: &mut Input<'_>) -> Option<Self> {
                Some(Self { $( $part: <$type as Coded>::read(input)? ),* })
            }
        }

        impl HeapBytes for $name {
            fn heap_bytes(&self) -> usize {
                let Self { $($part),* } = self;
                0 $( + <$type as HeapBytes>::heap_bytes($part) )*
            }
        }
    };
    (enum $name:ident { $($tag:literal $variant:ident $(($($value:ident: $held:ty),*))? $({ $($part:ident: $type:ty),* })?),* $(,)? }) => {
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $(($($value),*))? $({ $($part),* })? => {
                        out.push($tag);
                        $( $( <$held as Coded>::write($value, out); )* )?
                        $( $( <$type as Coded>::write($part, out); )* )?
                    } )*
                }
            }

            fn read(input: &mut Input<'_>) -> Option<Self> {
                match input.byte()? {
                    $( $tag => Some(Self::$variant
                        $(($( <$held as Coded>::read(input)? ),*))?
                        $({ $( $part: <$type as Coded>::read(input)? ),* })?), )*
                    _ => None,
                }
            }
        }

        impl HeapBytes for $name {
            fn heap_bytes(&self) -> usize {
                match self {
                    $( Self::$variant $(($($value),*))? $({ $($part),* })? => {
                        0 $( $( + <$held as HeapBytes>::heap_bytes($value) )* )? $( $( + <$type as HeapBytes>::heap_bytes($part) )* )?
                    } )*
                }
            }
        }
    };
}

macro_rules! shapes {
    ($( $keyword:ident $name:ident { $($parts:tt)* } )*) => {
        /// The list itself.
        pub(super) const SHAPES: &str = concat!($( stringify!($keyword $name { $($parts)* }), "\n" ),*);
        $( shape! { $keyword $name { $($parts)* } } )*
    };
}

shapes! {
    struct Origin { look: Uuid, message: Option<Message> }
    struct Message { message_id: Text, tracking_id: Text, payload_id: Text, query_id: Text, response_id: Option<Text> }
    struct Answer {
        about: NhsNumber,
        effective: Timestamp,
        query_id: Text,
        response_id: Text,
        response_code: Option<Text>,
        holding: Holding,
        accesses: Vec<Access>,
        stale: bool,
        notices: Vec<Notice>,
    }
    enum Holding { 0 NoRecord, 1 Records(records: Vec<Record>) }
    struct Record { authority: Option<LocalAuthority>, entries: Vec<Entry>, subjects: Vec<Subject> }
    enum Entry { 0 Plan(plan: Plan), 1 Unreadable(why: Unreadable) }
    struct Plan { plan_type: PlanType, period: Period }
    enum PlanType { 0 ChildProtection, 1 LookedAfter, 2 UnbornChildProtection }
    struct Period { start: Date, end: Option<Date> }
    enum Unreadable { 0 UnknownTemplate, 1 StartDate, 2 EndDate, 3 NoPlan, 4 MissingRecord }
    enum Notice {
        0 ForeignAccesses { left_out: usize },
        1 SubjectsDisagree,
        2 AccessCountDiffers { said: u64, found: usize },
        3 MoreRecordsThanCounted { said: u64, found: usize },
        4 EffectiveTimeUnreadable,
    }
    struct LocalAuthority { organisation: Organisation, numbers: Vec<TelephoneNumber> }
    struct TelephoneNumber { number: Text, uses: Vec<NumberUse> }
    enum NumberUse { 0 OfficeHours, 1 EmergencyDuty, 2 Other(code: Text) }
    struct Organisation { kind: OrganisationKind, ods_code: Text, name: Text }
    enum OrganisationKind { 0 Organisation, 1 Site }
    struct Subject {
        kind: SubjectKind,
        nhs_numbers: Vec<NhsNumber>,
        local_ids: Vec<LocalId>,
        name: PersonName,
        birth_date: Option<BirthDate>,
    }
    struct BirthDate { first: Date, precision: DatePrecision }
    enum DatePrecision { 0 Year, 1 Month, 2 Day }
    enum SubjectKind { 0 Child, 1 Mother, 2 Unknown }
    struct LocalId { value: Text, assigning_authority: Text }
    struct PersonName { prefix: Vec<Text>, given: Vec<Text>, family: Vec<Text>, suffix: Vec<Text> }
    struct Access { id: Text, when: AccessTime, author: Author, about: Option<NhsNumber> }
    enum AccessTime { 0 At(at: Timestamp), 1 On(date: Date), 2 Unknown }
    enum Author {
        0 Person {
            user_id: Option<Text>,
            role_profile_id: Option<Text>,
            role: Role,
            name: PersonName,
            organisation: Organisation
        },
        1 System { asid: Option<Text>, responsible: Vec<Responsible>, organisation: Organisation },
        2 Unknown,
    }
    struct Responsible { role: Role, name: PersonName }
    struct Role { code: Text, code_system: Text, name: Text }
    enum LookError {
        0 Register(error: RegisterError),
        1 Trail(error: TrailUnavailable),
        2 Withheld,
        3 Overloaded,
        4 CircuitOpen,
        5 NoLongerHeld,
        6 BeforeRestart,
        7 TableUnavailable,
        8 Broken { delivery: Delivery },
    }
    struct RegisterError { kind: RegisterErrorKind, phase: Phase, delivery: Delivery, contacts: Vec<LocalAuthority> }
    enum RegisterErrorKind {
        0 AuthorIncomplete { missing: Vec<AuthorPart> },
        1 Unreachable(cause: ConnectCause),
        2 Insecure(cause: TlsCause),
        3 RefusedByStatus { status: u16 },
        4 ConnectionLost,
        5 Timeout,
        6 TooLarge,
        7 NotAnAnswer(what: NonAnswer),
        8 Unreadable(why: Malformed),
        9 UnknownCode { code: Option<String> },
        10 Contradictory(what: Contradiction),
        11 OtherChild,
        12 OtherMessage,
        13 Rejected { reason: Rejection, code: Option<String> },
        14 Internal,
    }
    enum Phase { 0 Build, 1 Connect, 2 Exchange, 3 Read, 4 Understand }
    enum Delivery { 0 NotDelivered, 1 MaybeDelivered }
    enum AuthorPart {
        0 SdsUserId,
        1 UserId,
        2 JobRoleCode,
        3 JobRoleName,
        4 Name,
        5 OrganisationCode,
        6 OrganisationName,
        7 Asid,
        8 AsidOfCpis,
    }
    enum ConnectCause {
        0 NameNotResolved,
        1 TimedOut,
        2 Refused,
        3 NoRoute,
        4 Other,
    }
    enum TlsCause {
        0 Alert(number: u8),
        1 CertificateExpired,
        2 CertificateNotYetValid,
        3 UnknownCa,
        4 OtherName,
        5 CertificateRevoked,
        6 NotAServersCertificate,
        7 CertificateUnacceptable,
        8 NothingInCommon,
        9 NotTls,
        10 NoCertificate,
        11 ClosedInHandshake,
        12 ClosedAfterHandshake,
        13 Other,
    }
    enum NonAnswer {
        0 Accepted,
        1 Html,
        2 ErrorStatus,
        3 AnswerUnderErrorStatus,
        4 EmptyEnvelope,
        5 InfrastructureReceipt,
        6 MessageReceipt,
        7 Forgotten,
    }
    enum Malformed {
        0 NotGzip,
        1 NotDeflate,
        2 OtherCoding,
        3 NotUtf8,
        4 OtherEncoding,
        5 Syntax,
        6 DocumentType,
        7 ProcessingInstruction,
        8 Truncated,
        9 NoRoot,
        10 TwoRoots,
        11 TextOutsideRoot,
        12 ControlCharacter,
        13 UnknownEntity,
        14 StartTag,
        15 ElementName,
        16 Attribute,
        17 DuplicateAttribute,
        18 TooManyAttributes,
        19 TooManyElements,
        20 TooDeep,
        21 LongText,
        22 NotAnEnvelope,
        23 TwoEnvelopes,
        24 NoBody,
        25 TwoBodies,
        26 TwoWrappers,
        27 TooManyParts,
        28 TwoInteractions,
        29 EncryptedPayload,
        30 PayloadNotBase64,
        31 PayloadNotGzip,
        32 TwoAnswers,
        33 TooManyRecords,
        34 NoTimeAndTotals,
        35 Forgotten,
    }
    enum Contradiction {
        0 NoMatchWithContent,
        1 TotalUnreadable,
        2 NothingReadable,
        3 ContentBeyondTotal,
        4 EmptySuccess,
        5 CodesDisagree,
    }
    enum Rejection {
        0 QueryInvalid,
        1 AnswerUnusable,
        2 LocalStoreOnly,
        3 SpineUnreachable,
        4 AuthorRefused,
        5 ProviderFailed,
        6 CpisFailed,
        7 Busy,
        8 NotProcessed,
        9 MessageInvalid,
        10 AccessDenied,
        11 BusinessError,
        12 QueryFailed,
    }
}
