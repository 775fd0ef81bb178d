use zeroize::Zeroize;

/// A well-formed NHS number: ten digits whose check digit is right by modulus 11 (wire.md 8.1).
///
/// It never prints itself: `Debug` is redacted, there is no `Display`, and the digits are wiped when the value is dropped.
/// Repeated-digit numbers are accepted (decisions.md 9).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NhsNumber([u8; 10]);

/// The text was not an NHS number. Does not hold the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnNhsNumber {
    #[error("an NHS number has ten digits")]
    NotTenDigits,
    #[error("the check digit of the NHS number is wrong")]
    WrongCheckDigit,
}

impl NhsNumber {
    /// Reads ten digits; spaces and hyphens between them are ignored.
    ///
    /// # Errors
    /// [`NotAnNhsNumber`] when there are not exactly ten digits, another character is among them, or the check digit is wrong.
    pub fn parse(text: &str) -> Result<Self, NotAnNhsNumber> {
        let mut number = Self([0; 10]);
        let mut found = 0;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' if found < 10 => {
                    number.0[found] = byte;
                    found += 1;
                }
                b' ' | b'-' => {}
                _ => return Err(NotAnNhsNumber::NotTenDigits),
            }
        }
        if found != 10 {
            return Err(NotAnNhsNumber::NotTenDigits);
        }
        if number.check_digit_is_right() { Ok(number) } else { Err(NotAnNhsNumber::WrongCheckDigit) }
    }

    /// The ten digits, for the wire, an answer or the trail, never for a log.
    #[must_use]
    pub fn digits(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The number as an integer below 10^10, for compact encodings.
    #[must_use]
    pub fn to_u64(&self) -> u64 {
        self.0.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
    }

    /// The inverse of [`NhsNumber::to_u64`].
    ///
    /// # Errors
    /// As [`NhsNumber::parse`].
    pub fn from_u64(number: u64) -> Result<Self, NotAnNhsNumber> {
        let mut digits = format!("{number:010}");
        let parsed = Self::parse(&digits);
        digits.zeroize();
        parsed
    }

    fn check_digit_is_right(&self) -> bool {
        let weighted: u32 = self.0[..9].iter().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        let check = match 11 - weighted % 11 {
            11 => 0,
            check => check, // 10 never equals a digit, so such a number is refused
        };
        check == u32::from(self.0[9] - b'0')
    }
}

impl Drop for NhsNumber {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NhsNumber(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_test_numbers_of_the_999_range_are_accepted() {
        for text in ["9990000018", "9990000026", "999 000 0034", "999-000-0042", "9990000212", "9449310394"] {
            assert!(NhsNumber::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn repeated_digits_pass_modulus_11() {
        for digit in b'0'..=b'9' {
            assert!(NhsNumber::parse(&String::from_utf8(vec![digit; 10]).unwrap()).is_ok());
        }
    }

    #[test]
    fn a_wrong_check_digit_is_refused() {
        assert_eq!(NhsNumber::parse("1234567895"), Err(NotAnNhsNumber::WrongCheckDigit));
        // A remainder of 1 would need check digit 10: no tenth digit makes 999000014x valid.
        for last in 0..10 {
            assert_eq!(NhsNumber::parse(&format!("999000014{last}")), Err(NotAnNhsNumber::WrongCheckDigit));
        }
    }

    #[test]
    fn anything_but_ten_digits_is_refused() {
        for text in ["", "999000001", "99900000180", "999000001X", "9990000018;", "９990000018", "+9990000018"] {
            assert_eq!(NhsNumber::parse(text), Err(NotAnNhsNumber::NotTenDigits), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_never_shows_itself(n in 0u64..10_000_000_000) {
            if let Ok(number) = NhsNumber::from_u64(n) {
                let shown = format!("{number:?} {number:#?} {:?}", Some(&number));
                prop_assert!(!shown.contains(number.digits()));
                prop_assert!(!shown.bytes().any(|b| b.is_ascii_digit()));
                prop_assert_eq!(number.to_u64(), n);
            }
        }

        #[test]
        fn every_change_of_one_digit_is_noticed(n in 0u64..10_000_000_000, place in 0usize..10, add in 1u8..10) {
            if let Ok(number) = NhsNumber::from_u64(n) {
                let mut digits: Vec<u8> = number.digits().bytes().collect();
                digits[place] = b'0' + (digits[place] - b'0' + add) % 10;
                prop_assert!(NhsNumber::parse(std::str::from_utf8(&digits).unwrap()).is_err());
            }
        }
    }
}
