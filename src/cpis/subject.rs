use super::{NhsNumber, Text};
use jiff::civil::Date;

/// A person that a record is about: the child, or the mother of an unborn child (wire.md 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: SubjectKind,
    /// Every well-formed NHS number among the subject's ids; usually one, sometimes none.
    pub nhs_numbers: Vec<NhsNumber>,
    /// Ids of the local authority's own system.
    pub local_ids: Vec<LocalId>,
    pub name: PersonName,
    pub birth_date: Option<BirthDate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    Child,
    Mother,
    /// A subject template that is neither; its ids are still compared.
    Unknown,
}

/// An identifier of the local authority, root 2.16.840.1.113883.2.1.3.2.4.18.24.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalId {
    pub value: Text,
    pub assigning_authority: Text,
}

/// A name in parts, as given but trimmed. Any part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonName {
    pub prefix: Vec<Text>,
    pub given: Vec<Text>,
    pub family: Vec<Text>,
    pub suffix: Vec<Text>,
}

impl PersonName {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts().next().is_none()
    }

    /// The name as it is spoken: prefix, given names, family name, suffix.
    #[must_use]
    pub fn spoken(&self) -> String {
        let mut spoken = String::new();
        for part in self.parts() {
            if !spoken.is_empty() {
                spoken.push(' ');
            }
            spoken.push_str(part.as_str());
        }
        spoken
    }

    /// The name as it is spoken, unless it is blank.
    #[must_use]
    pub fn display_name(&self) -> Option<String> {
        Some(self.spoken()).filter(|spoken| !spoken.trim().is_empty())
    }

    fn parts(&self) -> impl Iterator<Item = &Text> {
        [&self.prefix, &self.given, &self.family, &self.suffix].into_iter().flatten().filter(|part| !part.is_empty())
    }
}

/// A date of birth as precisely as it was given. `Debug` never shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BirthDate {
    /// The first day that it may be.
    pub first: Date,
    pub precision: DatePrecision,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatePrecision {
    Year,
    Month,
    Day,
}

impl BirthDate {
    /// Whether both may be the same day.
    #[must_use]
    pub fn agrees_with(self, other: Self) -> bool {
        let (one, two) = (self.first, other.first);
        match self.precision.min(other.precision) {
            DatePrecision::Year => one.year() == two.year(),
            DatePrecision::Month => (one.year(), one.month()) == (two.year(), two.month()),
            DatePrecision::Day => one == two,
        }
    }

    /// The most precise of the dates, if all may be the same day.
    pub fn agreed(mut dates: impl Iterator<Item = Self>) -> Result<Option<Self>, Disagreement> {
        let first = dates.next();
        dates.try_fold(first, |best, date| match best {
            Some(best) if !best.agrees_with(date) => Err(Disagreement),
            Some(best) if best.precision >= date.precision => Ok(Some(best)),
            _ => Ok(Some(date)),
        })
    }

    /// As FHIR writes a date: `2018`, `2018-04` or `2018-04-01`.
    #[must_use]
    pub fn iso(self) -> String {
        let mut text = self.first.to_string();
        text.truncate(match self.precision {
            DatePrecision::Year => 4,
            DatePrecision::Month => 7,
            DatePrecision::Day => 10,
        });
        text
    }
}

/// Dates of birth that cannot be the same day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement;

impl From<Date> for BirthDate {
    fn from(day: Date) -> Self {
        Self { first: day, precision: DatePrecision::Day }
    }
}

impl std::fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BirthDate(..)")
    }
}
