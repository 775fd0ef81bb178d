//! Looks, answers and tables for the tests. Everyone in them is invented, and every text of theirs is a canary.

use cpis_fhir::cpis::*;
use cpis_fhir::lookup::remote::{ClaimResult, RemoteFlight, RemoteLease, RemoteOutcome, RemoteTable, Retention, WantedAge};
use cpis_fhir::lookup::{LookError, LookKey};
use cpis_fhir::secret::KeyMaterial;
use jiff::{Timestamp, civil::date};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::servers::redis::Redis;

pub const CHILD: &str = "9990000018";
pub const OTHER_CHILD: &str = "9990000026";
pub const ANY_AGE: WantedAge = WantedAge::NotOlderThan(Duration::from_mins(5));

/// What must not be found in Redis: anything that shows who looked at whom, and what was found.
pub const CANARIES: [&str; 10] = [
    CHILD,
    "Canaryissuer",
    "Canaryuser",
    "R0260",
    "X26CANARY",
    "emergency-department",
    "Canarychild",
    "Canaryshire",
    "02079460001",
    "request-",
];

pub fn retention() -> Retention {
    Retention {
        share_for: Duration::from_mins(5),
        remember_for: Duration::from_mins(5),
        lock_for: Duration::from_secs(90),
        caller: Duration::from_secs(20),
    }
}

pub fn key(letter: u8) -> KeyMaterial {
    KeyMaterial::new([letter; 32])
}

/// One replica's table, connected.
pub async fn table(redis: &Redis, retention: Retention) -> RemoteTable {
    table_with(redis, &[key(b'k')], retention).await
}

pub async fn table_with(redis: &Redis, keys: &[KeyMaterial], retention: Retention) -> RemoteTable {
    let table = RemoteTable::new(&redis.url(), None, keys, retention, Handle::current()).unwrap();
    connect(&table).await;
    table
}

/// One replica's table that has not been used yet.
pub fn cold_table(redis: &Redis) -> RemoteTable {
    RemoteTable::new(&redis.url(), None, &[key(b'k')], retention(), Handle::current()).unwrap()
}

/// Waits until the table can be used: a busy machine may need more than one attempt.
pub async fn connect(table: &RemoteTable) {
    let began = Instant::now();
    while let Err(error) = table.ready().await {
        assert!(began.elapsed() < Duration::from_secs(20), "still {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn number(digits: &str) -> NhsNumber {
    NhsNumber::parse(digits).unwrap()
}

pub fn look(child: &str) -> LookKey {
    LookKey::of(&Question {
        nhs_number: number(child),
        requester: Requester {
            user: UserIdentity { issuer: "https://Canaryissuer.example".into(), id: "Canaryuser".into() },
            sds_user_id: None,
            role_profile_id: None,
            role: Role { code: "R0260".into(), ..Role::default() },
            name: PersonName::default(),
            organisation: Organisation { ods_code: "X26CANARY".into(), ..Organisation::default() },
            activities: Vec::new(),
            care_setting: CareSetting::EmergencyDepartment,
        },
        traceparent: None,
    })
}

/// A child with a plan; `title` tells answers about one child apart.
pub fn answer(child: &str, title: &str) -> Answer {
    let authority = LocalAuthority {
        organisation: Organisation { name: "Canaryshire County Council".into(), ..Organisation::default() },
        numbers: vec![TelephoneNumber { number: "02079460001".into(), uses: vec![NumberUse::EmergencyDuty] }],
    };
    let subject = Subject {
        kind: SubjectKind::Child,
        nhs_numbers: vec![number(child)],
        local_ids: Vec::new(),
        name: PersonName { given: vec!["Canarychild".into()], ..PersonName::default() },
        birth_date: Some(BirthDate::from(date(2018, 4, 1))),
    };
    let period = Period { start: date(2025, 9, 1), end: None };
    let entries = vec![Entry::Plan(Plan { plan_type: PlanType::ChildProtection, period })];
    Answer {
        about: number(child),
        effective: "2026-01-15T09:30:16Z".parse().unwrap(),
        query_id: title.into(),
        response_id: Text::default(),
        response_code: Some("SMSP-0000".into()),
        holding: Holding::Records(vec![Record { authority: Some(authority), entries, subjects: vec![subject] }]),
        accesses: Vec::new(),
        stale: false,
        notices: Vec::new(),
    }
}

/// An answer that has come just now.
pub fn came(child: &str, title: &str) -> RemoteOutcome {
    RemoteOutcome { outcome: Ok(Arc::new(answer(child, title))), came: Timestamp::now(), origin: None }
}

pub fn unheard() -> LookError {
    LookError::CircuitOpen
}

/// The answer's own title.
pub fn title(kept: &RemoteOutcome) -> &str {
    match &kept.outcome {
        Ok(answer) => answer.query_id.as_str(),
        Err(failure) => panic!("{failure}"),
    }
}

pub async fn claim(table: &RemoteTable, child: &str, request_id: &str) -> ClaimResult {
    table.claim(&look(child), request_id, ANY_AGE).await.unwrap()
}

/// Begins a flight that is this table's own.
pub async fn take(table: &RemoteTable, child: &str, request_id: &str) -> RemoteLease {
    match claim(table, child, request_id).await {
        ClaimResult::Ours(lease) => lease,
        other => panic!("{other:?}"),
    }
}

/// Finds a flight that is another's.
pub async fn find(table: &RemoteTable, child: &str, request_id: &str) -> RemoteFlight {
    match claim(table, child, request_id).await {
        ClaimResult::Elsewhere(flight) => flight,
        other => panic!("{other:?}"),
    }
}
