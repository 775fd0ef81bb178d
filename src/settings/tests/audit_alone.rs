//! What commands about the trail read: only `audit.*`.

use super::{Fixture, key_line};
use crate::settings::load_audit;

#[test]
fn the_trail_needs_no_certificate_no_smsp_and_no_issuer() {
    let fixture = Fixture::new();
    let alone: Vec<_> = fixture.env().into_iter().filter(|(name, _)| name.starts_with("CPIS_FHIR__AUDIT__")).collect();
    assert_eq!(load_audit(None, alone.clone()).unwrap().chain_keys[0].bytes(), &[0xaa; 32]);
    // Faults in other settings do not matter either.
    let faulty =
        [("CPIS_FHIR__SMSP__URL".to_owned(), "nonsense".to_owned()), ("CPIS_FHIR__ACCESS__MODES".to_owned(), "demo".to_owned())];
    assert!(load_audit(None, alone.into_iter().chain(faulty)).is_ok());
}

#[test]
fn keys_must_be_named_since_a_random_one_reads_nothing() {
    let fixture = Fixture::demo();
    let message = load_audit(None, fixture.env()).unwrap_err().to_string();
    assert!(message.contains("2 faults"), "{message}");
    for key in ["audit.chain_key_file", "audit.encryption_key_file"] {
        assert!(message.contains(&format!("- {key} (")), "{message}");
    }
}

#[test]
fn a_mistyped_name_is_still_told_since_it_may_have_meant_another_trail() {
    let fixture = Fixture::new();
    let typo = ("CPIS_FHIR__AUDTI__STORE".to_owned(), "sqlite:elsewhere.db".to_owned());
    let message = load_audit(None, fixture.env().into_iter().chain([typo])).unwrap_err().to_string();
    assert!(message.contains("1 fault ") && message.contains("audti"), "{message}");
    let faulty = Fixture::new().with_file("audit.chain_key_file", "short.key", &key_line('a')[1..]);
    assert!(load_audit(None, faulty.env()).unwrap_err().to_string().contains("audit.chain_key_file"));
}
