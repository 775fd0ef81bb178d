use super::*;
use crate::cpis::{CareSetting, NhsNumber, Organisation, PersonName, Question, Requester, Role, UserIdentity};

fn look(number: &str, user: &str) -> LookKey {
    let requester = Requester {
        user: UserIdentity { issuer: "https://issuer.example".into(), id: user.into() },
        sds_user_id: None,
        role_profile_id: None,
        role: Role::default(),
        name: PersonName::default(),
        organisation: Organisation::default(),
        activities: Vec::new(),
        care_setting: CareSetting::default(),
    };
    LookKey::of(&Question { nhs_number: NhsNumber::parse(number).unwrap(), requester, traceparent: None })
}

fn keys(letters: &[u8]) -> StoreKeys {
    let keys: Vec<KeyMaterial> = letters.iter().map(|letter| KeyMaterial::new([*letter; 32])).collect();
    StoreKeys::new(&keys).unwrap()
}

fn plain() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(b"a plan".to_vec())
}

const FIRST: KeyNumber = KeyNumber::FIRST;

#[test]
fn a_value_opens_for_its_own_look_and_purpose_alone() {
    let (keys, look, other) = (keys(b"a"), look("9990000018", "ann"), look("9990000026", "ann"));
    let (token, other_token) = (Token::fresh().unwrap(), Token::fresh().unwrap());
    let sealed = keys.seal(FIRST, &look, Purpose::Outcome(&token), plain()).unwrap();
    assert_eq!(keys.open(FIRST, &look, Purpose::Outcome(&token), &sealed).unwrap(), plain());
    for (look, purpose) in [(&other, Purpose::Outcome(&token)), (&look, Purpose::Outcome(&other_token)), (&look, Purpose::Shared)]
    {
        assert_eq!(keys.open(FIRST, look, purpose, &sealed), Err(OpenError::Closed), "{purpose:?}");
    }
}

#[test]
fn any_changed_or_missing_byte_closes_a_value() {
    let (keys, look) = (keys(b"a"), look("9990000018", "ann"));
    let sealed = keys.seal(FIRST, &look, Purpose::Shared, plain()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(keys.open(FIRST, &look, Purpose::Shared, &changed).is_err(), "byte {at}");
        assert!(keys.open(FIRST, &look, Purpose::Shared, &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_form_is_told_from_another_key() {
    let (keys, look) = (keys(b"a"), look("9990000018", "ann"));
    let mut sealed = keys.seal(FIRST, &look, Purpose::Shared, plain()).unwrap();
    sealed[KEY_ID] ^= 1;
    assert_eq!(keys.open(FIRST, &look, Purpose::Shared, &sealed), Err(OpenError::OtherForm));
    sealed[0] ^= 1;
    assert_eq!(keys.open(FIRST, &look, Purpose::Shared, &sealed), Err(OpenError::Closed));
}

#[test]
fn the_same_value_is_never_sealed_twice_alike() {
    let (keys, look) = (keys(b"a"), look("9990000018", "ann"));
    let seal = || keys.seal(FIRST, &look, Purpose::Shared, plain()).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn keys_keep_their_names_and_values_when_they_are_put_in_another_order() {
    let (before, after, look) = (keys(b"ab"), keys(b"ba"), look("9990000018", "ann"));
    assert_eq!(before.look(KeyNumber(0), &look), after.look(KeyNumber(1), &look));
    assert_ne!(before.look(KeyNumber(0), &look), after.look(KeyNumber(0), &look));
    let sealed = before.seal(KeyNumber(0), &look, Purpose::Shared, plain()).unwrap();
    assert_eq!(after.open(KeyNumber(1), &look, Purpose::Shared, &sealed).unwrap(), plain());
    assert_eq!(after.open(KeyNumber(0), &look, Purpose::Shared, &sealed), Err(OpenError::Closed));
}

#[test]
fn a_pointer_leads_from_its_own_request_alone() {
    let (keys, look, token) = (keys(b"a"), look("9990000018", "ann"), Token::fresh().unwrap());
    let pointer = keys.pointer(FIRST, &look, "Request-1", &token);
    assert_eq!(keys.follow(FIRST, &look, "rEQUEST-1", &pointer), Some(token.clone()), "letter case is no difference");
    assert_eq!(keys.follow(FIRST, &look, "request-2", &pointer), None);
    assert_eq!(keys.follow(FIRST, &self::look("9990000018", "bob"), "request-1", &pointer), None);
    let redirected = [Token::fresh().unwrap().as_str().as_bytes(), &pointer[32..]].concat();
    assert_eq!(keys.follow(FIRST, &look, "request-1", &redirected), None);
    for at in 0..pointer.len() {
        assert_eq!(keys.follow(FIRST, &look, "request-1", &pointer[..at]), None);
    }
}

#[test]
fn every_part_of_a_look_is_in_its_name() {
    let keys = keys(b"a");
    let name = |look: &LookKey| keys.look(FIRST, look);
    assert_eq!(name(&look("9990000018", "ann")), name(&look("9990000018", "ann")));
    assert_ne!(name(&look("9990000018", "ann")), name(&look("9990000026", "ann")));
    assert_ne!(name(&look("9990000018", "ann")), name(&look("9990000018", "bob")));
    assert!(!name(&look("9990000018", "ann")).contains("9990000018"));
}
