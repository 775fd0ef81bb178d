use crate::cpis::{Answer, BirthDate, Entry, LocalId, NhsNumber, Notice, PersonName, PlanType, Record, Subject, SubjectKind};

/// The person asked about, from all records of the answer together (decisions.md 9).
pub struct PatientNode<'a> {
    pub number: &'a NhsNumber,
    /// Each name once; more than one if the records disagree.
    pub names: Vec<&'a PersonName>,
    /// Only if the records agree on name and date.
    pub birth_date: Option<BirthDate>,
    /// Ids from local authorities' own systems, each once, with the name of the authority.
    pub local_ids: Vec<(&'a LocalId, Option<&'a str>)>,
    /// Every name, or a text that none was given.
    pub display: String,
}

impl<'a> PatientNode<'a> {
    pub(super) fn new(answer: &'a Answer) -> Self {
        let mut patient =
            Self { number: &answer.about, names: Vec::new(), birth_date: None, local_ids: Vec::new(), display: String::new() };
        let mut birth_dates = Vec::new();
        for record in answer.records() {
            for subject in matching(record, &answer.about) {
                patient.add_name(&subject.name);
                patient.add_local_ids(record, subject);
                birth_dates.extend(subject.birth_date);
            }
        }
        let disagree = patient.names.len() > 1 || answer.notices.contains(&Notice::SubjectsDisagree);
        patient.birth_date = BirthDate::agreed(birth_dates.into_iter()).unwrap_or_default().filter(|_| !disagree);
        let names: Vec<_> = patient.names.iter().map(|name| name.spoken()).collect();
        patient.display = if names.is_empty() { "Name not given".to_owned() } else { names.join(" / ") };
        patient
    }

    fn add_name(&mut self, name: &'a PersonName) {
        let Some(spoken) = name.display_name() else { return };
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

/// The subjects of a record that are the person asked about: those with the number asked about. A record with one subject and no number
/// at all also matches, because its accesses tie it to the number (decisions.md 9).
fn matching<'a>(record: &'a Record, about: &NhsNumber) -> impl Iterator<Item = &'a Subject> {
    let only = match record.subjects.as_slice() {
        [only] if only.nhs_numbers.is_empty() => Some(only),
        _ => None,
    };
    record.subjects.iter().filter(move |subject| subject.nhs_numbers.contains(about)).chain(only)
}

/// Whether the person asked about is the child or the mother in one entry of a record. If the record names them as both, the kind of plan
/// decides: an unborn plan is about the mother, any other about the child (decisions.md 52).
pub(super) fn patient_kind(record: &Record, entry: &Entry, about: &NhsNumber) -> Option<SubjectKind> {
    let of_mother = matches!(entry, Entry::Plan(plan) if plan.plan_type == PlanType::UnbornChildProtection);
    let rank = |kind: &SubjectKind| (*kind == SubjectKind::Unknown, (*kind == SubjectKind::Mother) != of_mother);
    matching(record, about).map(|subject| subject.kind).min_by_key(rank)
}

impl std::fmt::Debug for PatientNode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientNode(..)")
    }
}
