//! The access list: times, authors, order.

use super::samples::*;
use crate::cpis::{Access, AccessTime, Author, OrganisationKind};
use crate::smsp::response::times::{calendar_date, moment};
use jiff::civil::date;

fn accesses_of(accesses: &str) -> Vec<Access> {
    read_body(success("1", accesses, &one_record())).unwrap().accesses
}

fn at(text: &str) -> AccessTime {
    AccessTime::At(text.parse().unwrap())
}

#[test]
fn times_are_read_in_every_length_that_is_seen() {
    let table = [
        ("20260115093015", at("2026-01-15T09:30:15Z")),
        ("20260115093015+0000", at("2026-01-15T09:30:15Z")),
        ("20260115093015-0000", at("2026-01-15T09:30:15Z")),
        ("20260115093015+00", at("2026-01-15T09:30:15Z")),
        ("20260615093015+01", at("2026-06-15T08:30:15Z")),
        ("20260615093015+1", at("2026-06-15T08:30:15Z")),
        ("20260615093015+0100", at("2026-06-15T08:30:15Z")),
        ("20260115093015-0530", at("2026-01-15T15:00:15Z")),
        ("20260115093015.25", at("2026-01-15T09:30:15.25Z")),
        ("20260115093015.123456789012+0100", at("2026-01-15T08:30:15.123456789Z")),
        ("202601150930", at("2026-01-15T09:30:00Z")),
        ("202601150930+0100", at("2026-01-15T08:30:00Z")),
        ("2026011509", at("2026-01-15T09:00:00Z")),
        ("20260115093", at("2026-01-15T09:00:00Z")),
        ("2026011509301", at("2026-01-15T09:30:00Z")),
        (" 20260115093015 ", at("2026-01-15T09:30:15Z")),
        ("20260115", AccessTime::On(date(2026, 1, 15))),
        ("20260115+0000", AccessTime::On(date(2026, 1, 15))),
        ("202601150", AccessTime::On(date(2026, 1, 15))),
    ];
    for (text, expected) in table {
        assert_eq!(moment(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_time_is_unknown() {
    let table = [
        "",
        "2026",
        "202601",
        "2026011",
        "20261315",
        "20260230120000",
        "20260115250000",
        "20260115096100",
        "20260115093061",
        "202601150930151",
        "20260115093015.",
        "202601150930.5",
        "20260115093015Z",
        "20260115093015+",
        "20260115093015+01000",
        "20260115093015+010",
        "20260115093015+1500",
        "20260115093015+0160",
        "2026-01-15T09:30:15Z",
        "x20260115",
        "18991231120000",
        "２０２６０１１５",
        "+20260115",
    ];
    for text in table {
        assert_eq!(moment(text), AccessTime::Unknown, "{text}");
    }
}

#[test]
fn dates_keep_their_calendar_day_whatever_follows() {
    for text in
        ["20250901", "202509010000", "202509012359", "20250901235959", "202509010030+0100", "20250901235959.9-0500", "2025090100"]
    {
        assert_eq!(calendar_date(text), Some(date(2025, 9, 1)), "{text}");
    }
    for text in [
        "",
        "2025",
        "202509",
        "20250931",
        "202513010000",
        "202509012400",
        "202509012360",
        "202509010",
        "18250901",
        "2025-09-01",
        "20250901T0000",
    ] {
        assert_eq!(calendar_date(text), None, "{text}");
    }
}

#[test]
fn accesses_are_newest_first_with_dates_and_unknown_times_among_them() {
    let list = [("a", "20250101"), ("b", "nonsense"), ("c", "20250101000001"), ("d", "20241231235959"), ("e", "")];
    let list: String = list.iter().map(|(id, time)| access(id, time, ASKED)).collect();
    let order: Vec<String> = accesses_of(&information_13(&list)).iter().map(|access| access.id.as_str().to_owned()).collect();
    assert_eq!(order, ["c", "a", "d", "b", "e"]);
}

#[test]
fn a_smartcard_user_is_read_in_full() {
    let accesses = accesses_of(&information_13(&access("A-1", "20250101120000", ASKED)));
    let Author::Person { user_id, role_profile_id, role, name, organisation } = &accesses[0].author else { panic!("no person") };
    assert_eq!(user_id.as_ref().unwrap().as_str(), "555000111222");
    assert_eq!(role_profile_id.as_ref().unwrap().as_str(), "555000333444");
    assert_eq!(role.code.as_str(), "R0260");
    assert_eq!(role.code_system.as_str(), "2.16.840.1.113883.2.1.3.2.4.17.196");
    assert_eq!(role.name.as_str(), "General Medical Practitioner");
    assert_eq!(name.spoken(), "Dr Asha Example");
    assert_eq!((organisation.ods_code.as_str(), organisation.kind), ("RX1", OrganisationKind::Organisation));
    assert_eq!(accesses[0].about, Some(number(ASKED)));
}

#[test]
fn a_system_is_read_with_everyone_responsible() {
    let second = "<indirectAuthority><superiorAssignedEntity><code displayName=\"Nurse\"/></superiorAssignedEntity></indirectAuthority><maintaining";
    let author = format!("<author>{}</author>", system_author().replace("<maintaining", second));
    let accesses = accesses_of(&information_13(&access_by("A-1", "20250101120000", ASKED, &author)));
    let Author::System { asid, responsible, organisation } = &accesses[0].author else { panic!("no system") };
    assert_eq!(asid.as_ref().unwrap().as_str(), "200000000777");
    assert_eq!(responsible.len(), 2);
    assert_eq!(responsible[0].name.spoken(), "Ms Kim Sample");
    assert_eq!(responsible[0].role.name.as_str(), "Safeguarding Lead 020 7946 0000");
    assert_eq!(responsible[1].role.name.as_str(), "Nurse");
    assert_eq!((organisation.ods_code.as_str(), organisation.kind), ("RX101", OrganisationKind::Site));
}

#[test]
fn any_other_author_is_unknown_and_the_access_is_kept() {
    for author in ["", "<author/>", "<author><COCT_TP145199GB01.Robot/></author>"] {
        let accesses = accesses_of(&information_13(&access_by("A-1", "20250101120000", ASKED, author)));
        assert_eq!(accesses[0].author, Author::Unknown);
    }
}

#[test]
fn an_empty_query_is_no_access() {
    let list = [
        r#"<pertinentInformation13 xsi:nil="true"/>"#,
        "<pertinentInformation13> </pertinentInformation13>",
        r#"<pertinentInformation13><pertinentCP-ISNHSQuery xsi:nil="true"/></pertinentInformation13>"#,
        &information_13(&access("a", "20250101120000", ASKED)),
    ]
    .concat();
    assert_eq!(accesses_of(&list).len(), 1);
}

#[test]
fn an_access_of_which_little_can_be_read_is_kept() {
    let accesses = accesses_of(
        "<pertinentInformation13><pertinentCP-ISNHSQuery><author/></pertinentCP-ISNHSQuery></pertinentInformation13>",
    );
    assert_eq!(accesses.len(), 1);
    assert_eq!((accesses[0].id.as_str(), accesses[0].when, &accesses[0].about), ("", AccessTime::Unknown, &None));
}
