use super::{NhsNumber, Text};

/// An id that a caller gave a request, or a group of them: `X-Request-ID`, `X-Correlation-ID`, `TraceID` (decisions.md 66).
///
/// 8 to 128 visible ASCII characters without `"`, `'`, `<`, `>`, `,`, `;` and `\`, without an NHS number in them. Two ids that
/// differ only in letter case are the same. Echoed as it came; in a log or the trail only by [`crate::audit::Seal::kept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerId(Text);

/// The text is no such id. Says nothing about the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotACallerId {
    Malformed,
    HoldsNhsNumber,
}

impl NotACallerId {
    /// The rest of a sentence that begins with the name of a header.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => {
                "is 8 to 128 visible ASCII characters without quotes, commas, semicolons, backslashes, < and >; best a UUID"
            }
            Self::HoldsNhsNumber => "must not hold ten digits that could be an NHS number; send a UUID",
        }
    }
}

impl CallerId {
    /// # Errors
    /// [`NotACallerId`].
    pub fn parse(text: &str) -> Result<Self, NotACallerId> {
        let well_formed = (8..=128).contains(&text.len()) && text.bytes().all(is_allowed);
        if !well_formed {
            return Err(NotACallerId::Malformed);
        }
        if !is_hexadecimal(text) && holds_nhs_number(text) {
            return Err(NotACallerId::HoldsNhsNumber);
        }
        Ok(Self(text.into()))
    }

    /// As it came: for the caller's own answer, never for a log.
    #[must_use]
    pub fn as_received(&self) -> &str {
        self.0.as_str()
    }

    /// What two spellings of one id have in common.
    #[must_use]
    pub fn normal(&self) -> String {
        self.0.as_str().to_ascii_lowercase()
    }

    /// Whether it is 8 to 64 of `[A-Za-z0-9-]`, a form that reveals nothing, so that a log may hold it as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let text = self.0.as_str();
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"'<>,;\\".contains(&byte)
}

/// 32 hexadecimal digits, or a UUID, plain, in braces or as a URN. In these, ten digits in a row are a coincidence.
fn is_hexadecimal(text: &str) -> bool {
    const URN: &str = "urn:uuid:";
    let text = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let text = match text.split_at_checked(URN.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(URN) => rest,
        _ => text,
    };
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = || text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex);
    (text.len() == 32 && is_hex(text)) || is_uuid()
}

/// Ten digits anywhere that pass the check of an NHS number: in a row, whatever is around them, or as people write them, in groups
/// of three, three and four with anything but letters and digits between. Other groups are dates, times and counters.
fn holds_nhs_number(text: &str) -> bool {
    let is_number = |digits: &[u8]| std::str::from_utf8(digits).is_ok_and(|digits| NhsNumber::parse(digits).is_ok());
    let in_a_row = text.as_bytes().windows(10).any(|ten| ten.iter().all(u8::is_ascii_digit) && is_number(ten));
    in_a_row || in_groups(text).any(|digits| is_number(digits.as_bytes()))
}

/// The ten digits of every three groups that could be a written NHS number.
fn in_groups(text: &str) -> impl Iterator<Item = String> {
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let of_three = |parts: &[&str]| {
        let [first, second, third] = *parts else { return None };
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        // Letters may come before the first group and after the last.
        let first = first.get(first.len().checked_sub(3)?..)?;
        let third = third.get(..4)?;
        let is_number = second.len() == 3 && [first, second, third].into_iter().all(is_digits);
        is_number.then(|| [first, second, third].concat())
    };
    parts.windows(3).filter_map(of_three).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(of: u64) -> String {
        (of..=9_999_999_999).map(|of| format!("{of:010}")).find(|digits| NhsNumber::parse(digits).is_ok()).unwrap()
    }

    #[test]
    fn ids_of_gateways_are_accepted_as_they_are() {
        for id in [
            "60E0B220-8136-4CA5-AE46-1D97EF59D068",
            "0123456789abcdef0123456789abcdef",
            "urn:uuid:60e0b220-8136-4ca5-ae46-1d97ef59d068",
            "{60E0B220-8136-4CA5-AE46-1D97EF59D068}",
            "60e0b220-8136-4ca5-ae46-1d97ef59d068#17",
            "Root=1-67891233-abcdef01234f678912abcdef",
            "|7dd1e4a7f3b2.e1_",
            "rrt-015f1f2a-b-de-12345-678901-1",
            "http://gw.example/req/abc?n=1&m=2",
            "abcdefgh",
            &"~".repeat(128),
        ] {
            assert_eq!(CallerId::parse(id).unwrap().as_received(), id);
        }
    }

    #[test]
    fn other_text_is_no_id() {
        for id in [
            "",
            "short67",
            "with space",
            "a,bcdefgh",
            "semi;colon",
            "quo\"tation",
            "apos'trophe",
            "<markup>",
            "back\\slash",
            "Zoë-1234",
        ]
        .into_iter()
        .chain([&*"x".repeat(129), "tab\tabcd", "line\nabcd", "del\u{7f}abcde"])
        {
            assert_eq!(CallerId::parse(id), Err(NotACallerId::Malformed), "{id}");
        }
    }

    #[test]
    fn an_nhs_number_is_found_wherever_it_stands() {
        for id in [
            "9990000018",
            "999-000-0018",
            "child9990000018",
            "child9991011099",
            "bed9990000018face",
            "child-9990000018",
            "9990000018-2",
            "x9990000018x",
            "req-999-000-0018-1",
            "nhs:999:000:0018",
            "a.999..000__0018.b",
            "id999-000-0018b",
            "{9990000018}",
            "urn:nhs:9990000018",
            "urn:uuid:9990000018",
            "19990000018000",
            "60e0b220-8136-4ca5-ae46-1d97ef59d068#9990000018",
            "a9990000018bcdef0123456789abcde",
            "4444444444",
        ] {
            assert_eq!(CallerId::parse(id), Err(NotACallerId::HoldsNhsNumber), "{id}");
        }
    }

    #[test]
    fn letter_case_is_no_difference() {
        let [one, other] = ["urn:UUID:60E0B220-8136-4CA5-AE46-1D97EF59D068", "urn:uuid:60e0b220-8136-4ca5-ae46-1d97ef59d068"]
            .map(|id| CallerId::parse(id).unwrap());
        assert_eq!(one.normal(), other.normal());
        assert_ne!(one, other);
    }

    #[test]
    fn only_what_has_the_form_of_a_plain_id_is_plain() {
        for (id, is_plain) in [
            ("abcdefgh", true),
            (&*"a-1".repeat(21), true),
            (&*"a".repeat(65), false),
            ("abcd_efgh", false),
            ("a:bcdefgh", false),
        ] {
            assert_eq!(CallerId::parse(id).unwrap().is_plain(), is_plain, "{id}");
        }
    }

    proptest! {
        #[test]
        fn a_uuid_is_never_refused(bytes in any::<[u8; 16]>(), digits in "[0-9]{32}", form in 0..5) {
            let of = |hex: &str| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            for uuid in [uuid::Uuid::from_bytes(bytes).to_string(), of(&digits)] {
                let written = match form {
                    0 => uuid,
                    1 => uuid.to_uppercase(),
                    2 => uuid.replace('-', ""),
                    3 => format!("urn:uuid:{uuid}"),
                    _ => format!("{{{uuid}}}"),
                };
                prop_assert!(CallerId::parse(&written).is_ok(), "{}", written);
            }
        }

        #[test]
        fn no_id_that_is_taken_shows_an_nhs_number(
            before in "[!-~]{0,24}", after in "[!-~]{0,24}", of in 0_u64..9_999_999_000, between in "[^0-9A-Za-z,;<>'\"\\\\ ]{0,2}"
        ) {
            prop_assume!(between.is_ascii());
            let number = number(of);
            let written = [&number[..3], &number[3..6], &number[6..]].join(&between);
            // Letters may touch it; digits may only if it is in a row.
            let apart = if between.is_empty() { "" } else { "x" };
            let id = format!("{before}{apart}{written}{apart}{after}");
            prop_assume!(!is_hexadecimal(&id));
            prop_assert!(CallerId::parse(&id).is_err(), "{}", id);
        }
    }
}
