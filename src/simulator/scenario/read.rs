//! Parses the text of a scenario and collects every fault.

use super::{
    Scenario, ScenarioError,
    behaviour::Behaviour,
    child::{Child, NumberReference, RelativeAccess, RelativeEntry, RelativeRecord, RelativeSubject},
    file,
    relative::{RelativeDate, RelativeTime, duration},
};
use crate::{
    cpis::{
        Author, LocalAuthority, LocalId, NhsNumber, NumberUse, Organisation, OrganisationKind, PersonName, PlanType, Responsible,
        Role, SubjectKind, TelephoneNumber, Text, Unreadable,
    },
    simulator::answer::{FaultReply, StatedTotal},
};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashSet};

const JOB_ROLES: &str = "2.16.840.1.113883.2.1.3.2.4.17.196";
const MOST_GENERATED: u32 = 200;

pub(super) fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let file: file::ScenarioFile = toml::from_str(text).map_err(|error| ScenarioError { faults: vec![line_of(text, &error)] })?;
    let mut parser = ScenarioParser::default();
    for (key, value) in file.authorities {
        if let Some(authority) = parser.parse(&format!("authorities.{key}"), value) {
            parser.authorities.insert(key, read_authority(authority));
        }
    }
    for (section, is_system, values) in [("people", false, file.people), ("systems", true, file.systems)] {
        for (key, value) in values {
            let place = format!("{section}.{key}");
            if let Some(person) = parser.parse(&place, value) {
                let author = parser.author(&place, person, is_system);
                if parser.authors.insert(key, author).is_some() {
                    parser.fault(&place, "this key is used twice");
                }
            }
        }
    }
    let mut children = Vec::new();
    for (at, value) in file.children.into_iter().enumerate() {
        let place = format!("children[{at}]");
        if let Some(child) = parser.parse(&place, value) {
            children.extend(parser.child(&place, child));
        }
    }
    if !parser.faults.is_empty() {
        return Err(ScenarioError { faults: parser.faults });
    }
    let mut scenario = Scenario::new(children);
    scenario.default = file.default;
    scenario.same_author_once = file.same_author_once;
    let contract = &mut scenario.contract;
    file.contract.action.into_iter().for_each(|action| contract.action = action);
    file.contract.profile_ids.into_iter().for_each(|ids| contract.profile_ids = ids);
    file.contract.interaction_id.into_iter().for_each(|id| contract.interaction_id = id);
    Ok(scenario)
}

fn line_of(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

/// The fault with that name in a scenario file.
pub(in crate::simulator) fn fault_named(name: &str) -> Option<FaultReply> {
    Some(match name {
        "client-1000" => FaultReply::Client(1000),
        "client-2200" => FaultReply::Client(2200),
        "client-3000" => FaultReply::Client(3000),
        "server-2100" => FaultReply::Server(2100),
        "server-2200" => FaultReply::Server(2200),
        "server-3000" => FaultReply::Server(3000),
        "version-mismatch" => FaultReply::VersionMismatch,
        "must-understand" => FaultReply::MustUnderstand,
        "no-detail" => FaultReply::NoDetail,
        "spine-101" => FaultReply::Spine(101),
        "spine-300" => FaultReply::Spine(300),
        "soap12-1000" => FaultReply::Soap12(1000),
        "soap12-2100" => FaultReply::Soap12(2100),
        _ => return None,
    })
}

#[derive(Default)]
struct ScenarioParser {
    faults: Vec<String>,
    authorities: BTreeMap<String, LocalAuthority>,
    authors: BTreeMap<String, Author>,
    numbers: HashSet<NhsNumber>,
}

impl ScenarioParser {
    fn fault(&mut self, place: &str, what: &str) {
        self.faults.push(format!("{place}: {what}"));
    }

    fn parse<T: DeserializeOwned>(&mut self, place: &str, value: toml::Value) -> Option<T> {
        value.try_into().map_err(|error: toml::de::Error| self.fault(place, error.message())).ok()
    }

    /// The value, or a fault.
    fn need<T>(&mut self, value: Option<T>, place: &str, what: &str) -> Option<T> {
        if value.is_none() {
            self.fault(place, what);
        }
        value
    }

    fn author(&mut self, place: &str, person: file::PersonTable, is_system: bool) -> Author {
        let twelve = |id: &Option<String>| id.as_ref().is_some_and(|id| crate::cpis::SdsId::parse(id).is_some());
        if is_system && !twelve(&person.asid) || !is_system && !twelve(&person.user_id) {
            self.fault(place, if is_system { "asid must have 12 digits" } else { "user_id must have 12 digits" });
        }
        if person.role_profile_id.is_some() && !twelve(&person.role_profile_id) {
            self.fault(place, "role_profile_id must have 12 digits");
        }
        let part = |part: Option<String>| part.map(Text::from).into_iter().collect();
        let name = PersonName {
            prefix: part(person.prefix),
            given: part(person.given),
            family: part(person.family),
            suffix: Vec::new(),
        };
        let role = Role { code: person.role_code.into(), code_system: JOB_ROLES.into(), name: person.role_name.into() };
        let organisation =
            Organisation { kind: kind(person.site), ods_code: person.ods.into(), name: person.organisation.into() };
        if is_system {
            Author::System { asid: person.asid.map(Text::from), responsible: vec![Responsible { role, name }], organisation }
        } else {
            let role_profile_id = person.role_profile_id.map(Text::from);
            Author::Person { user_id: person.user_id.map(Text::from), role_profile_id, role, name, organisation }
        }
    }

    fn child(&mut self, place: &str, child: file::ChildTable) -> Option<Child> {
        let number = self.number(&child.nhs_number, place, "nhs_number");
        if let Some(number) = &number
            && !self.numbers.insert(number.clone())
        {
            self.fault(place, "nhs_number is used twice");
        }
        if child.title.trim().is_empty() {
            self.fault(place, "title must not be empty");
        }
        let records = child.records.into_iter().enumerate();
        let records = records.map(|(at, record)| self.record(&format!("{place}.records[{at}]"), record)).collect();
        let mut accesses = Vec::new();
        if let Some(generated) = child.generated_accesses {
            self.generate(&format!("{place}.generated_accesses"), &generated, &mut accesses);
        }
        for (at, access) in child.accesses.into_iter().enumerate() {
            accesses.extend(self.access(&format!("{place}.accesses[{at}]"), &access));
        }
        let behaviour = self.behaviour(&format!("{place}.behaviour"), child.behaviour);
        Some(Child { nhs_number: number?, title: child.title, records, accesses, behaviour })
    }

    fn number(&mut self, text: &str, place: &str, key: &str) -> Option<NhsNumber> {
        self.need(NhsNumber::parse(text).ok(), place, &format!("{key} must be ten digits that pass modulus 11"))
    }

    fn reference(&mut self, text: &str, place: &str, key: &str) -> Option<NumberReference> {
        if text == "asked" { Some(NumberReference::Asked) } else { self.number(text, place, key).map(NumberReference::Other) }
    }

    fn record(&mut self, place: &str, record: file::RecordTable) -> RelativeRecord {
        let authority = record.authority.and_then(|key| {
            let known = self.authorities.get(&key).cloned();
            self.need(known, place, "authority is not a key of authorities")
        });
        if record.plans.is_empty() {
            self.fault(place, "plans must hold at least one entry (use unreadable = \"no-plan\" for none)");
        }
        let plans = record.plans.into_iter().enumerate();
        let entries = plans.filter_map(|(at, plan)| self.entry(&format!("{place}.plans[{at}]"), &plan)).collect();
        let subjects = record.subjects.into_iter().enumerate();
        let subjects = subjects.map(|(at, subject)| self.subject(&format!("{place}.subjects[{at}]"), subject)).collect();
        RelativeRecord { authority, subjects, entries }
    }

    fn entry(&mut self, place: &str, plan: &file::PlanTable) -> Option<RelativeEntry> {
        match (plan.kind, &plan.start, plan.unreadable) {
            (None, None, Some(why)) if plan.end.is_none() => Some(RelativeEntry::Unreadable(unreadable(why))),
            (Some(plan_type), Some(start), None) => {
                let start = self.day(start, place, "start");
                let end = match &plan.end {
                    Some(end) => Some(self.day(end, place, "end")?),
                    None => None,
                };
                Some(RelativeEntry::Plan { plan_type: plan_type_of(plan_type), start: start?, end })
            }
            _ => {
                self.fault(place, "a plan has type and start, or unreadable alone");
                None
            }
        }
    }

    fn day(&mut self, text: &str, place: &str, key: &str) -> Option<RelativeDate> {
        self.need(RelativeDate::parse(text), place, &format!("{key} must be today, -200d, +6w, -7y or YYYY-MM-DD"))
    }

    fn subject(&mut self, place: &str, subject: file::SubjectTable) -> RelativeSubject {
        let kind = match subject.kind {
            file::SubjectKindName::Child => SubjectKind::Child,
            file::SubjectKindName::Mother => SubjectKind::Mother,
            file::SubjectKindName::Unknown => SubjectKind::Unknown,
        };
        let born = subject.born.and_then(|born| self.day(&born, place, "born"));
        let nhs_numbers = subject.nhs_numbers.iter().filter_map(|text| self.reference(text, place, "nhs_numbers")).collect();
        let given = subject.given.into_iter().map(Text::from).collect();
        let name = PersonName { given, family: subject.family.map(Text::from).into_iter().collect(), ..PersonName::default() };
        let local =
            |id: file::LocalIdTable| LocalId { value: id.value.into(), assigning_authority: id.assigning_authority.into() };
        RelativeSubject { kind, nhs_numbers, local_ids: subject.local_ids.into_iter().map(local).collect(), name, born }
    }

    fn access(&mut self, place: &str, access: &file::AccessTable) -> Option<RelativeAccess> {
        let when = RelativeTime::parse(&access.when);
        let when = self.need(when, place, "when must be -20m, -36h, -3d, an RFC 3339 time or YYYY-MM-DD");
        let author = self.who(&access.by, place);
        let about = self.reference(access.about.as_deref().unwrap_or("asked"), place, "about");
        Some(RelativeAccess { when: when?, author: author?, about: about? })
    }

    fn who(&mut self, key: &str, place: &str) -> Option<Author> {
        let known = self.authors.get(key).cloned();
        self.need(known, place, "by is not a key of people or systems")
    }

    fn generate(&mut self, place: &str, generated: &file::GeneratedAccesses, accesses: &mut Vec<RelativeAccess>) {
        if generated.by.is_empty() || generated.count > MOST_GENERATED {
            self.fault(place, "by must name somebody and count must be at most 200");
            return;
        }
        let authors: Vec<Author> = generated.by.iter().filter_map(|key| self.who(key, place)).collect();
        let oldest_first = (1..=generated.count).rev();
        accesses.extend(oldest_first.zip(authors.iter().cycle()).map(|(n, author)| RelativeAccess {
            when: RelativeTime::Ago(SignedDuration::from_hours(i64::from(n) * i64::from(generated.every_hours))),
            author: author.clone(),
            about: NumberReference::Asked,
        }));
    }

    fn behaviour(&mut self, place: &str, from: file::BehaviourTable) -> Behaviour {
        let fault = from.fault.and_then(|name| self.need(fault_named(&name), place, "fault is not a known fault"));
        let answers_about = from.answers_about.and_then(|text| self.number(&text, place, "answers_about"));
        if from.http_status.is_some_and(|status| !(200..=599).contains(&status)) {
            self.fault(place, "http_status must be from 200 to 599");
        }
        let mut time = |text: Option<String>, key: &str| {
            text.and_then(|text| self.need(duration(&text), place, &format!("{key} must be a duration such as 250ms, 20s or 5m")))
        };
        let delay = time(from.delay, "delay").unwrap_or_default();
        let drip_interval = time(from.drip_interval, "drip_interval");
        Behaviour {
            code: from.code,
            total_records: total(from.total_records),
            total_accesses: total(from.total_accesses),
            hides_accesses: from.hides_accesses,
            reply: from.reply,
            fault,
            http_status: from.http_status,
            relates_to: from.relates_to,
            answers_about,
            transport: from.transport,
            delay,
            drip_interval,
            reaches_cpis: from.reaches_cpis,
        }
    }
}

fn read_authority(authority: file::AuthorityTable) -> LocalAuthority {
    let uses = |codes: &str| {
        let one = |code: &str| match code {
            "WP" => NumberUse::OfficeHours,
            "EC" => NumberUse::EmergencyDuty,
            other => NumberUse::Other(other.into()),
        };
        codes.split_whitespace().map(one).collect()
    };
    let number = |n: file::NumberTable| TelephoneNumber { uses: uses(&n.uses), number: n.number.into() };
    LocalAuthority {
        organisation: Organisation { kind: kind(authority.site), ods_code: authority.ods.into(), name: authority.name.into() },
        numbers: authority.numbers.into_iter().map(number).collect(),
    }
}

fn kind(is_site: bool) -> OrganisationKind {
    if is_site { OrganisationKind::Site } else { OrganisationKind::Organisation }
}

fn total(text: Option<String>) -> StatedTotal {
    match text {
        None => StatedTotal::True,
        Some(text) if text == "absent" => StatedTotal::Absent,
        Some(text) => StatedTotal::Says(text),
    }
}

fn plan_type_of(plan_type: file::PlanTypeName) -> PlanType {
    match plan_type {
        file::PlanTypeName::ChildProtection => PlanType::ChildProtection,
        file::PlanTypeName::LookedAfter => PlanType::LookedAfter,
        file::PlanTypeName::UnbornChildProtection => PlanType::UnbornChildProtection,
    }
}

fn unreadable(why: file::UnreadableName) -> Unreadable {
    match why {
        file::UnreadableName::UnknownTemplate => Unreadable::UnknownTemplate,
        file::UnreadableName::StartDate => Unreadable::StartDate,
        file::UnreadableName::EndDate => Unreadable::EndDate,
        file::UnreadableName::NoPlan => Unreadable::NoPlan,
        file::UnreadableName::MissingRecord => Unreadable::MissingRecord,
    }
}
