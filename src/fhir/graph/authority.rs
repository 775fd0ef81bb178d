use crate::cpis::{LocalAuthority, NumberUse, OrganisationKind, Record};

/// One local authority, merged from all records that name it (one Organization for each ODS code).
pub struct Authority<'a> {
    pub kind: OrganisationKind,
    /// The ODS code in upper case; empty if the answer gives none.
    pub code: String,
    /// The first name given; empty if the answer gives none.
    pub name: &'a str,
    /// Other spellings in the same answer.
    pub other_names: Vec<&'a str>,
    /// The numbers of all records, each once for each purpose.
    pub numbers: Vec<ContactNumber<'a>>,
}

/// A number or another address, for one purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContactNumber<'a> {
    /// Without the URL scheme that gives its medium.
    pub number: &'a str,
    pub medium: Medium,
    pub purpose: ContactPurpose,
}

impl ContactNumber<'_> {
    /// The words before the number.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match (self.purpose, self.medium) {
            (ContactPurpose::Other, Medium::Telephone | Medium::Fax | Medium::Text)
            | (ContactPurpose::OfficeHours | ContactPurpose::EmergencyDuty, _) => self.purpose.label(),
            (ContactPurpose::Other, Medium::Email | Medium::Web) => "Other contact",
        }
    }
}

/// The medium of a number, by its URL scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Telephone,
    Email,
    Fax,
    /// A text message.
    Text,
    Web,
}

impl Medium {
    /// The medium, and the address without the scheme. A web address keeps its scheme.
    fn of(given: &str) -> (Self, &str) {
        let Some((scheme, rest)) = given.split_once(':') else { return (Self::Telephone, given) };
        let rest = rest.trim_start();
        match scheme.to_ascii_lowercase().as_str() {
            _ if rest.is_empty() => (Self::Telephone, given),
            "mailto" => (Self::Email, rest.split_once('?').map_or(rest, |(address, _)| address)),
            "fax" | "x-text-fax" => (Self::Fax, rest),
            "sms" => (Self::Text, rest),
            "http" | "https" => (Self::Web, given),
            _ => (Self::Telephone, given),
        }
    }

    /// `ContactPoint.system` (R4).
    #[must_use]
    pub fn system(self) -> &'static str {
        match self {
            Self::Telephone => "phone",
            Self::Email => "email",
            Self::Fax => "fax",
            Self::Text => "sms",
            Self::Web => "url",
        }
    }

    /// The words after the label; empty for a telephone number.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Telephone => "",
            Self::Email => " (e-mail)",
            Self::Fax => " (fax)",
            Self::Text => " (text message)",
            Self::Web => " (web)",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactPurpose {
    OfficeHours,
    EmergencyDuty,
    /// Another use, or none given.
    Other,
}

impl ContactPurpose {
    /// The words before the number; the same as [`NumberUse::label`].
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::OfficeHours => NumberUse::OfficeHours.label(),
            Self::EmergencyDuty => NumberUse::EmergencyDuty.label(),
            Self::Other => "Other number",
        }
    }
}

impl From<&NumberUse> for ContactPurpose {
    fn from(number_use: &NumberUse) -> Self {
        match number_use {
            NumberUse::OfficeHours => Self::OfficeHours,
            NumberUse::EmergencyDuty => Self::EmergencyDuty,
            NumberUse::Other(_) => Self::Other,
        }
    }
}

impl<'a> Authority<'a> {
    /// The authority as one record names it.
    #[must_use]
    pub fn new(authority: &'a LocalAuthority) -> Self {
        let organisation = &authority.organisation;
        let name = organisation.name.as_str().trim();
        let mut new =
            Self { kind: organisation.kind, code: organisation.code_upper(), name, other_names: Vec::new(), numbers: Vec::new() };
        new.add_numbers(authority);
        new
    }

    fn is(&self, authority: &LocalAuthority) -> bool {
        let code = authority.organisation.ods_code.as_str().trim();
        if !self.code.is_empty() || !code.is_empty() {
            return self.code.eq_ignore_ascii_case(code);
        }
        let name = authority.organisation.name.as_str().trim();
        // Without code and name, only the numbers can distinguish two authorities.
        self.name == name && (!name.is_empty() || contact_numbers(authority).all(|number| self.numbers.contains(&number)))
    }

    fn merge(&mut self, authority: &'a LocalAuthority) {
        let name = authority.organisation.name.as_str().trim();
        if self.name.is_empty() {
            self.name = name;
        } else if !name.is_empty() && name != self.name && !self.other_names.contains(&name) {
            self.other_names.push(name);
        }
        self.add_numbers(authority);
    }

    fn add_numbers(&mut self, authority: &'a LocalAuthority) {
        for number in contact_numbers(authority) {
            if !self.numbers.contains(&number) {
                self.numbers.push(number);
            }
        }
    }

    /// The name to show: its name, else its code, else a text that none was given.
    pub fn display(&self) -> String {
        match (self.name, self.code.as_str()) {
            ("", "") => "Local authority (name not given)".to_owned(),
            ("", code) => ["Local authority ", code].concat(),
            (name, _) => name.to_owned(),
        }
    }

    /// What identifies it inside ids.
    pub(super) fn identity(&self) -> [&str; 3] {
        match (self.code.as_str(), self.name) {
            ("", "") => ["number", self.numbers.first().map_or("", |number| number.number), ""],
            ("", name) => ["name", name, ""],
            (code, _) => ["code", code, ""],
        }
    }
}

/// One entry for each number and use (decisions.md 16).
fn contact_numbers(authority: &LocalAuthority) -> impl Iterator<Item = ContactNumber<'_>> {
    authority.numbers.iter().flat_map(|telephone| {
        let (medium, number) = Medium::of(telephone.number.as_str().trim());
        let unnamed = telephone.uses.is_empty().then_some(ContactPurpose::Other);
        let purposes = telephone.uses.iter().map(ContactPurpose::from).chain(unnamed);
        purposes.filter(move |_| !number.is_empty()).map(move |purpose| ContactNumber { number, medium, purpose })
    })
}

/// Every authority once, and for each record the index of its authority.
pub(super) fn collect(records: &[Record]) -> (Vec<Authority<'_>>, Vec<Option<usize>>) {
    let mut authorities: Vec<Authority<'_>> = Vec::new();
    let of_record = records.iter().map(|record| {
        let named = record.authority.as_ref().filter(|authority| authority.is_readable())?;
        if let Some(index) = authorities.iter().position(|known| known.is(named)) {
            authorities[index].merge(named);
            return Some(index);
        }
        authorities.push(Authority::new(named));
        Some(authorities.len() - 1)
    });
    let of_record = of_record.collect();
    (authorities, of_record)
}

impl std::fmt::Debug for ContactNumber<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContactNumber({:?}, ..)", self.purpose)
    }
}

impl std::fmt::Debug for Authority<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({} numbers)", self.numbers.len())
    }
}
