//! How much memory a value owns, part by part as `shapes` lists them.

use crate::audit::TrailUnavailable;
use crate::cpis::{NhsNumber, Text};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

/// The memory of a value besides itself.
pub(in crate::lookup) trait HeapBytes {
    /// Bytes, without what the allocator adds.
    fn heap_bytes(&self) -> usize;
}

macro_rules! owns_nothing {
    ($($plain:ty),* $(,)?) => { $(
        impl HeapBytes for $plain {
            fn heap_bytes(&self) -> usize {
                0
            }
        }
    )* };
}

owns_nothing!(bool, u8, u16, u64, usize, Date, NhsNumber, Timestamp, TrailUnavailable, Uuid);

impl HeapBytes for Text {
    /// A text that fits into the value itself owns nothing.
    fn heap_bytes(&self) -> usize {
        let length = self.as_str().len();
        if length > size_of::<Self>() { length } else { 0 }
    }
}

impl HeapBytes for String {
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl<T: HeapBytes> HeapBytes for Option<T> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::heap_bytes)
    }
}

impl<T: HeapBytes> HeapBytes for Vec<T> {
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::heap_bytes).sum::<usize>()
    }
}
