//! Which parts of which types are written, in their order. The compiler holds the list against the types: a part that is
//! added to a type does not build until it stands here.

use super::{Coded, Input};
use crate::audit::{Message, TrailUnavailable};
use crate::cpis::{
    Access, AccessTime, Answer, Author, BirthDate, Contradiction, DatePrecision, Delivery, Entry, Fault, Holding, LocalAuthority,
    LocalId, NhsNumber, Notice, NumberUse, Organisation, OrganisationKind, Period, PersonName, Phase, Plan, PlanType, Record,
    RegisterError, RegisterErrorKind, ResponseCode, Responsible, Role, Subject, SubjectKind, TelephoneNumber, Text, Unreadable,
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
        0 AuthorIncomplete { missing: Vec<&'static str> },
        1 NotConnected { cause: &'static str },
        2 Tls { cause: String },
        3 RefusedByStatus { status: u16 },
        4 ConnectionLost,
        5 Timeout,
        6 TooLarge,
        7 NotAnAnswer { what: &'static str },
        8 Unreadable { why: &'static str },
        9 UnknownCode { code: Option<String> },
        10 Response(code: ResponseCode),
        11 Contradictory(what: Contradiction),
        12 OtherChild,
        13 OtherMessage,
        14 Soap { fault: Fault, code: Option<String> },
        15 BusinessError { code: Option<String> },
        16 QueryFailed { code: Option<String> },
        17 Internal,
    }
    enum Phase { 0 Build, 1 Connect, 2 Exchange, 3 Read, 4 Understand }
    enum Delivery { 0 NotDelivered, 1 MaybeDelivered }
    enum ResponseCode {
        0 InputInvalid,
        1 ResponseInvalid,
        2 LocalStoreOnly,
        3 SpineUnreachable,
        4 AuthorCredentials,
        5 ProviderFailure,
        6 CpisFailure,
    }
    enum Fault { 0 Retryable, 1 NotRetryable, 2 InvalidMessage, 3 AccessDenied }
    enum Contradiction {
        0 NoMatchWithContent,
        1 TotalUnreadable,
        2 NothingReadable,
        3 ContentBeyondTotal,
        4 EmptySuccess,
        5 CodesDisagree,
    }
}
