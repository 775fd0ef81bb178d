use crate::{
    cpis::{Answer, LocalId, NhsNumber, Notice, PersonName, Record, Subject},
    fhir::wording,
};
use jiff::civil::Date;

/// The person asked about, as all records of the answer together know them (decisions.md 9).
pub struct AskedAbout<'a> {
    pub number: &'a NhsNumber,
    /// Each name once; more than one when the records disagree.
    pub names: Vec<&'a PersonName>,
    /// Only where the records agree on name and date.
    pub birth_date: Option<Date>,
    /// Ids of local authorities' own systems, each once, with the name of the authority.
    pub local_ids: Vec<(&'a LocalId, Option<&'a str>)>,
    /// Every name, or that there is none.
    pub display: String,
}

impl<'a> AskedAbout<'a> {
    pub(super) fn new(answer: &'a Answer) -> Self {
        let mut asked =
            Self { number: &answer.about, names: Vec::new(), birth_date: None, local_ids: Vec::new(), display: String::new() };
        let mut birth_dates: Vec<Date> = Vec::new();
        for record in answer.records() {
            for subject in matching(record, &answer.about) {
                asked.add_name(&subject.name);
                asked.add_local_ids(record, subject);
                birth_dates.extend(subject.birth_date.map(|birth_date| birth_date.0));
            }
        }
        birth_dates.sort_unstable();
        birth_dates.dedup();
        let disagree = asked.names.len() > 1 || birth_dates.len() > 1 || answer.notices.contains(&Notice::SubjectsDisagree);
        asked.birth_date = birth_dates.first().copied().filter(|_| !disagree);
        let names: Vec<_> = asked.names.iter().map(|name| name.spoken()).collect();
        asked.display = if names.is_empty() { "Name not given".to_owned() } else { names.join(" / ") };
        asked
    }

    fn add_name(&mut self, name: &'a PersonName) {
        let Some(spoken) = wording::spoken(name) else { return };
        if !self.names.iter().any(|known| known.spoken().eq_ignore_ascii_case(&spoken)) {
            self.names.push(name);
        }
    }

    fn add_local_ids(&mut self, record: &'a Record, subject: &'a Subject) {
        let authority = record.authority.as_ref().map(|authority| authority.organisation.name.as_str());
        for id in subject.local_ids.iter().filter(|id| !id.value.as_str().trim().is_empty()) {
            if !self.local_ids.iter().any(|(known, of)| *known == id && *of == authority) {
                self.local_ids.push((id, authority));
            }
        }
    }
}

/// The subjects of a record that are the person asked about: those that carry the number; where no subject carries any number,
/// the only subject there is, since the record itself was tied to the number by its accesses (decisions.md 9).
fn matching<'a>(record: &'a Record, about: &NhsNumber) -> impl Iterator<Item = &'a Subject> {
    let only = match record.subjects.as_slice() {
        [only] if only.nhs_numbers.is_empty() => Some(only),
        _ => None,
    };
    record.subjects.iter().filter(move |subject| subject.nhs_numbers.contains(about)).chain(only)
}

/// The person asked about in one record.
pub(super) fn asked_in<'a>(record: &'a Record, about: &NhsNumber) -> Option<&'a Subject> {
    matching(record, about).next()
}

impl std::fmt::Debug for AskedAbout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AskedAbout(..)")
    }
}
