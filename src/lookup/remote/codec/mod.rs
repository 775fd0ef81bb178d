//! Answers and failures as bytes, for the sharing table and the window's file.
//!
//! No type that holds an NHS number can serialise itself, so that none is written anywhere by accident: what is written is listed
//! in `shapes`, part by part. The form is positional and does not describe itself. Its [`fingerprint`], made of that list,
//! is stored in front of it: bytes of another version of the list are never read as this one's.

mod heap;
mod shapes;
#[cfg(test)]
mod tests;

pub(in crate::lookup) use heap::HeapBytes;

use crate::audit::TrailUnavailable;
use crate::cpis::{NhsNumber, Text};
use aws_lc_rs::digest;
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::LazyLock;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Raise it when the meaning of a part changes and the list does not.
const VERSION: u8 = 3;

/// A value that can be written as bytes.
pub(super) trait Coded: Sized {
    fn write(&self, out: &mut Vec<u8>);
    /// `None` if the bytes are not such a value.
    fn read(input: &mut Input<'_>) -> Option<Self>;
}

/// Bytes that are being read, from the front.
pub(super) struct Input<'a>(&'a [u8]);

/// Four bytes that differ where the form differs: the version and the list of every part that is written.
pub(super) fn fingerprint() -> [u8; 4] {
    static FINGERPRINT: LazyLock<[u8; 4]> = LazyLock::new(|| {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[VERSION]);
        // Compilers may lay the list out differently.
        let list: Vec<u8> = shapes::SHAPES.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        context.update(&list);
        let mut fingerprint = [0; 4];
        fingerprint.copy_from_slice(&context.finish().as_ref()[..4]);
        fingerprint
    });
    *FINGERPRINT
}

pub(super) fn encode(value: &impl Coded) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(4096));
    value.write(&mut out);
    out
}

/// Reads a value that fills `bytes` to the end.
pub(super) fn decode<T: Coded>(bytes: &[u8]) -> Option<T> {
    let mut input = Input(bytes);
    let value = T::read(&mut input)?;
    input.0.is_empty().then_some(value)
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::read(self)?;
        std::str::from_utf8(self.take(length.try_into().ok()?)?).ok()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Coded for $number {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn read(input: &mut Input<'_>) -> Option<Self> {
                input.array().map(Self::from_be_bytes)
            }
        }
    )* };
}

numbers!(u16, u32, u64, i16, i64, i128);

impl Coded for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        u64::read(input)?.try_into().ok()
    }
}

impl Coded for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.byte()
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        match input.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // A text of 4 GiB cannot come out of an answer that is limited to a few MiB.
    u32::try_from(text.len()).unwrap_or(u32::MAX).write(out);
    out.extend_from_slice(text.as_bytes());
}

impl Coded for Text {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self.as_str(), out);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.text().map(Self::from)
    }
}

impl Coded for String {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.text().map(str::to_owned)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Some(if bool::read(input)? { Some(T::read(input)?) } else { None })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for value in self {
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let length = usize::read(input)?;
        // Every value takes at least a byte, so a length beyond the input is refused before memory is allocated for it.
        if length > input.0.len() {
            return None;
        }
        (0..length).map(|_| T::read(input)).collect()
    }
}

impl Coded for TrailUnavailable {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Input<'_>) -> Option<Self> {
        Some(Self)
    }
}

impl Coded for Uuid {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        input.array().map(Self::from_bytes)
    }
}

impl Coded for NhsNumber {
    fn write(&self, out: &mut Vec<u8>) {
        self.to_u64().write(out);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Self::from_u64(u64::read(input)?).ok()
    }
}

impl Coded for Date {
    fn write(&self, out: &mut Vec<u8>) {
        self.year().write(out);
        out.extend([self.month().unsigned_abs(), self.day().unsigned_abs()]);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let year = i16::read(input)?;
        let [month, day] = input.array()?;
        Self::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
    }
}

impl Coded for Timestamp {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_nanosecond().write(out);
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Self::from_nanosecond(i128::read(input)?).ok()
    }
}
