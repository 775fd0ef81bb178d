//! Estimates the memory of an answer, so that the table can be bounded in bytes.

use super::remote::HeapBytes as _;
use crate::cpis::Answer;

/// A look without its key, its ids and its answer: its part of the table, and what the allocator loses between such parts. Measured
/// by `tests/it/memory.rs`.
pub(super) const LOOK: usize = 2560;
/// A request id.
pub(super) const ID: usize = 384;
/// What a look needs while it is in flight: its task, the message, the reply and the answer that is being read.
pub(super) const IN_FLIGHT: usize = 32 * 1024;

/// Bytes of `answer` and everything that it owns, plus half of that for the allocator.
pub(super) fn weight(answer: &Answer) -> usize {
    let bytes = size_of::<Answer>() + answer.heap_bytes();
    bytes + bytes / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::{Author, Holding, Record};
    use crate::fhir::samples;

    #[test]
    fn a_long_text_anywhere_counts() {
        let mut answer = samples::large();
        let before = weight(&answer);
        let long = "x".repeat(100_000);
        let Holding::Records(records) = &mut answer.holding else { panic!("the sample has records") };
        records[0].authority.as_mut().unwrap().numbers[0].number = long.as_str().into();
        assert!(weight(&answer) >= before + 99_000);
        records_of(&mut answer)[0].subjects[0].name.family.push(long.as_str().into());
        assert!(weight(&answer) >= before + 199_000);
        let Author::Person { role, .. } = &mut answer.accesses[0].author else {
            panic!("the sample's first access is a person's")
        };
        role.name = long.as_str().into();
        assert!(weight(&answer) >= before + 298_000);
    }

    fn records_of(answer: &mut Answer) -> &mut Vec<Record> {
        match &mut answer.holding {
            Holding::Records(records) => records,
            Holding::NoRecord => panic!("the sample has records"),
        }
    }

    #[test]
    fn an_answer_of_a_few_kilobytes_weighs_a_few_kilobytes() {
        let weighed = weight(&samples::large());
        assert!((4_000..60_000).contains(&weighed), "{weighed}");
    }
}
