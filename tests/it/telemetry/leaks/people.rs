//! The invented people of these tests. Nobody and nothing else here has their names, numbers and addresses.

use crate::common::canaries::Canaries;

pub const CHILD: &str = "9995000105";
/// Also valid, and never asked about.
pub const OTHER_CHILD: &str = "9995000113";
pub const GIVEN: &str = "Zephyrine";
pub const FAMILY: &str = "Quillfeather";
pub const BORN: &str = "2017-03-09";
pub const STREET: &str = "Larkspur Mews";
pub const POSTCODE: &str = "ZZ99 4QF";
pub const AUTHORITY: &str = "Mossgrove Borough Council";
pub const PHONE: &str = "01632960871";
pub const OTHER_PHONE: &str = "01632960872";
/// The clinician who looked before.
pub const EARLIER: [&str; 3] = ["Ottoline", "Bramblewick", "555000919191"];
/// The clinician who asks.
pub const ASKING: [&str; 4] = ["Perpetua", "Thistlewood", "perpetua.thistlewood", "555000828282"];

/// The good answer about [`CHILD`], with all of them in it.
pub const ANSWER: &str = include_str!("answer.xml");

/// What a hostile or careless caller or SMSP may put anywhere.
pub const WORDS: [&str; 8] = [CHILD, OTHER_CHILD, GIVEN, FAMILY, BORN, STREET, AUTHORITY, PHONE];

/// What is looked for, by where it may be.
pub struct Secrets {
    /// Nowhere but in answers and on the wire to the SMSP.
    pub all: Canaries,
    /// The same without what an error may say of an authority.
    pub people: Canaries,
    pub tokens: Canaries,
    /// What the trail's file does not hold in the clear.
    pub on_the_trail: Canaries,
    /// The same where canaries were given as parts of an identity: the trail holds who asked, as given.
    pub beside_identities: Canaries,
}

impl Secrets {
    pub fn new(tokens: &[String]) -> Self {
        let tokens = || tokens.iter().map(String::as_str);
        let child = || [CHILD, OTHER_CHILD, GIVEN, FAMILY, BORN, STREET, POSTCODE, "ZZ994QF"].into_iter();
        let authority = || [AUTHORITY, PHONE, OTHER_PHONE, "Mossgrove"].into_iter();
        let clinicians = || EARLIER.into_iter().chain(ASKING);
        Self {
            all: Canaries::new(child().chain(authority()).chain(clinicians())).and_as_they_are(tokens()),
            people: Canaries::new(child().chain(clinicians())).and_as_they_are(tokens()),
            tokens: Canaries::new([]).and_as_they_are(tokens()),
            on_the_trail: Canaries::new(child().chain(authority()).chain(EARLIER)).and_as_they_are(tokens()),
            beside_identities: Canaries::new(EARLIER.into_iter().chain([OTHER_PHONE, POSTCODE])).and_as_they_are(tokens()),
        }
    }
}
