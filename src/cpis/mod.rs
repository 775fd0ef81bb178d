//! What CP-IS knows, in plain Rust: no I/O, no XML, no JSON.
//!
//! Every other room uses these types. Types that identify a person ([`NhsNumber`], [`Text`], [`BirthDate`]) hide their value in
//! `Debug` and have no `Display`, so that it cannot reach a log, a span or a panic message by accident.

mod access;
mod answer;
mod author;
mod authority;
mod caller_id;
mod cause;
mod error;
mod nhs_number;
mod outcome;
mod plan;
mod question;
mod register;
mod requester;
mod subject;
mod text;
mod time;

pub use access::{Access, Author, Organisation, OrganisationKind, Responsible, Role};
pub use answer::{Answer, Holding, Notice, Record};
pub use author::{AuthorAsSent, AuthorKind};
pub use authority::{LocalAuthority, NumberUse, TelephoneNumber};
pub use caller_id::{CallerId, NotACallerId};
pub use cause::{AuthorPart, ConnectCause, Contradiction, Malformed, NonAnswer, Rejection, TlsCause};
pub use error::{Phase, RegisterError, RegisterErrorKind};
pub use nhs_number::{NhsNumber, NotAnNhsNumber};
pub use outcome::Delivery;
pub use plan::{Entry, Period, Plan, PlanStatus, PlanType, Unreadable};
pub use question::{MessageIds, Question};
pub use register::{AskFuture, Credentials, ProbeError, ProbeFuture, Register, RenewalError};
pub use requester::{CareSetting, Requester, SdsId, UserIdentity};
pub use subject::{BirthDate, DatePrecision, LocalId, PersonName, Subject, SubjectKind};
pub use text::Text;
pub use time::AccessTime;
