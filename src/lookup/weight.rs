//! Estimates the memory of an answer, so that the table can be bounded in bytes.

use crate::cpis::{
    Access, Answer, Author, Holding, LocalAuthority, LocalId, Notice, NumberUse, Organisation, PersonName, Record, Responsible,
    Role, Subject, TelephoneNumber, Text,
};
use std::mem::size_of;

/// A look without its key, its ids and its answer: its part of the table, and what the allocator loses between such parts. Measured
/// by `tests/it/memory.rs`.
pub(super) const LOOK: usize = 2560;
/// A request id.
pub(super) const ID: usize = 384;
/// What a look needs while it is in flight: its task, the message, the reply and the answer that is being read.
pub(super) const IN_FLIGHT: usize = 32 * 1024;

/// A text of at most this many bytes needs no allocation.
const INLINE: usize = size_of::<Text>();

/// Bytes of `answer` and everything that it owns, plus half of that for the allocator.
pub(super) fn weight(answer: &Answer) -> usize {
    let owned = owned(answer);
    owned + owned / 2
}

fn owned(answer: &Answer) -> usize {
    let Answer { about: _, effective: _, query_id, response_id, response_code, holding, accesses, stale: _, notices } = answer;
    let records = match holding {
        Holding::NoRecord => 0,
        Holding::Records(records) => records.capacity() * size_of::<Record>() + sum(records, record),
    };
    size_of::<Answer>()
        + text(query_id)
        + text(response_id)
        + optional(response_code.as_ref())
        + records
        + accesses.capacity() * size_of::<Access>()
        + sum(accesses, access)
        + notices.capacity() * size_of::<Notice>()
}

fn sum<T>(items: &[T], each: impl Fn(&T) -> usize) -> usize {
    items.iter().map(each).sum()
}

fn text(text: &Text) -> usize {
    let length = text.as_str().len();
    if length > INLINE { length } else { 0 }
}

fn texts(all: &Vec<Text>) -> usize {
    all.capacity() * size_of::<Text>() + sum(all, text)
}

fn optional(given: Option<&Text>) -> usize {
    given.map_or(0, text)
}

fn record(record: &Record) -> usize {
    let Record { authority, entries, subjects } = record;
    authority.as_ref().map_or(0, local_authority)
        + entries.capacity() * size_of::<crate::cpis::Entry>()
        + subjects.capacity() * size_of::<Subject>()
        + sum(subjects, subject)
}

fn local_authority(authority: &LocalAuthority) -> usize {
    let LocalAuthority { organisation: of, numbers } = authority;
    organisation(of) + numbers.capacity() * size_of::<TelephoneNumber>() + sum(numbers, telephone)
}

fn telephone(telephone: &TelephoneNumber) -> usize {
    let TelephoneNumber { number, uses } = telephone;
    let others = sum(uses, |of| match of {
        NumberUse::Other(other) => text(other),
        NumberUse::OfficeHours | NumberUse::EmergencyDuty => 0,
    });
    text(number) + uses.capacity() * size_of::<NumberUse>() + others
}

fn subject(subject: &Subject) -> usize {
    let Subject { kind: _, nhs_numbers, local_ids, name: called, birth_date: _ } = subject;
    nhs_numbers.capacity() * size_of::<crate::cpis::NhsNumber>()
        + local_ids.capacity() * size_of::<LocalId>()
        + sum(local_ids, |LocalId { value, assigning_authority }| text(value) + text(assigning_authority))
        + name(called)
}

fn name(name: &PersonName) -> usize {
    let PersonName { prefix, given, family, suffix } = name;
    texts(prefix) + texts(given) + texts(family) + texts(suffix)
}

fn organisation(organisation: &Organisation) -> usize {
    let Organisation { kind: _, ods_code, name } = organisation;
    text(ods_code) + text(name)
}

fn role(role: &Role) -> usize {
    let Role { code, code_system, name } = role;
    text(code) + text(code_system) + text(name)
}

fn access(access: &Access) -> usize {
    let Access { id, when: _, author, about: _ } = access;
    let author = match author {
        Author::Unknown => 0,
        Author::Person { user_id, role_profile_id, role: as_what, name: called, organisation: of } => {
            optional(user_id.as_ref()) + optional(role_profile_id.as_ref()) + role(as_what) + name(called) + organisation(of)
        }
        Author::System { asid, responsible, organisation: of } => {
            optional(asid.as_ref())
                + responsible.capacity() * size_of::<Responsible>()
                + sum(responsible, |person| role(&person.role) + name(&person.name))
                + organisation(of)
        }
    };
    text(id) + author
}

#[cfg(test)]
mod tests {
    use super::*;
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
