//! How the id of a resource names its part of an answer (decisions.md 27). A change here changes ids and needs a new key.

use super::{AccessNode, Graph, NodeKey, NodeOrigin, PlanNode};
use crate::{
    cpis::{Access, AccessTime, Author, Entry, PlanType, SubjectKind, Unreadable},
    fhir::id::{AnswerPart, IdKeyNumber},
};
use std::cmp::Ordering;

impl Graph<'_> {
    /// The part of a node under one key.
    pub(super) fn part(&self, key: NodeKey, under: IdKeyNumber) -> AnswerPart {
        match key.kind.origin() {
            NodeOrigin::Patient => AnswerPart::EMPTY,
            NodeOrigin::Authority => self.organization_part(key, under),
            NodeOrigin::Access | NodeOrigin::Person | NodeOrigin::System => self.access_part(key, under),
            NodeOrigin::Plan => self.plan_part(key, under),
        }
    }

    fn organization_part(&self, key: NodeKey, under: IdKeyNumber) -> AnswerPart {
        let Some(authority) = self.authority(key) else { return AnswerPart::EMPTY };
        AnswerPart::code(&authority.code)
            .unwrap_or_else(|| self.context.ids.hashed(under, &authority.identity().map(str::as_bytes), 0))
    }

    /// All resources of a plan share it, so the part for new ids is hashed once.
    fn plan_part(&self, key: NodeKey, under: IdKeyNumber) -> AnswerPart {
        let Some(node) = self.plan(key) else { return AnswerPart::EMPTY };
        if under == IdKeyNumber::FIRST {
            return *node.part.get_or_init(|| self.hashed_plan_part(key, node, under));
        }
        self.hashed_plan_part(key, node, under)
    }

    fn hashed_plan_part(&self, key: NodeKey, node: &PlanNode<'_>, under: IdKeyNumber) -> AnswerPart {
        let [form, authority, _] = self.authority_of(node).map_or([""; 3], super::Authority::identity);
        let ordinal = ordinal(self.plan_place(key, node));
        let fields = |rest: [&[u8]; 3]| {
            self.context.ids.hashed(under, &[form.as_bytes(), authority.as_bytes(), rest[0], rest[1], rest[2]], ordinal)
        };
        match node.entry {
            Entry::Plan(plan) => {
                let start = plan.period.start;
                let [high, low] = start.year().to_be_bytes();
                let start = [high, low, start.month().to_be_bytes()[0], start.day().to_be_bytes()[0]];
                fields([&[plan_byte(plan.plan_type)], &start, &[subject_byte(node.patient_kind)]])
            }
            Entry::Unreadable(reason) => fields([&[reason_byte(reason)], b"", b""]),
        }
    }

    fn plan_place(&self, key: NodeKey, node: &PlanNode<'_>) -> usize {
        let before = |index: usize, other: &PlanNode<'_>| match other.compare_end(node) {
            Ordering::Less => true,
            Ordering::Equal => index < key.index,
            Ordering::Greater => false,
        };
        self.plans.iter().enumerate().filter(|(index, other)| other.same_content(node) && before(*index, other)).count()
    }

    fn access_part(&self, key: NodeKey, under: IdKeyNumber) -> AnswerPart {
        let Some(node) = self.access_node(key) else { return AnswerPart::EMPTY };
        let role = ordinal(self.place_in_access(key));
        let place = ordinal(self.access_place(node));
        if let Ok(uuid) = uuid::Uuid::try_parse(node.access.id.as_str()) {
            return AnswerPart::uuid(uuid, role, place);
        }
        let [when, who] = unnamed_access(node.access);
        let fields: [&[u8]; 4] = [node.access.id.as_str().as_bytes(), when.as_bytes(), who.as_bytes(), &role.to_be_bytes()];
        self.context.ids.hashed(under, &fields, place)
    }

    fn access_place(&self, node: &AccessNode<'_>) -> usize {
        let same = |other: &&AccessNode<'_>| {
            other.access.id.as_str().eq_ignore_ascii_case(node.access.id.as_str())
                && (uuid::Uuid::try_parse(node.access.id.as_str()).is_ok()
                    || unnamed_access(other.access) == unnamed_access(node.access))
        };
        self.accesses.iter().take_while(|other| !std::ptr::eq(*other, node)).filter(same).count()
    }
}

/// What distinguishes accesses without a UUID: when, and who.
fn unnamed_access(access: &Access) -> [String; 2] {
    let when = match access.when {
        AccessTime::At(at) => at.to_string(),
        AccessTime::On(date) => date.to_string(),
        AccessTime::Unknown => String::new(),
    };
    let who = match &access.author {
        Author::Person { user_id, name, organisation, .. } => {
            [user_id.as_ref().map_or("", |id| id.as_str()), &name.spoken(), &organisation.code_upper()].join("|")
        }
        Author::System { asid, organisation, .. } => {
            [asid.as_ref().map_or("", |id| id.as_str()), &organisation.code_upper()].join("|")
        }
        Author::Unknown => String::new(),
    };
    [when, who]
}

fn ordinal(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn plan_byte(plan_type: PlanType) -> u8 {
    match plan_type {
        PlanType::ChildProtection => 1,
        PlanType::LookedAfter => 2,
        PlanType::UnbornChildProtection => 3,
    }
}

fn reason_byte(reason: Unreadable) -> u8 {
    match reason {
        Unreadable::UnknownTemplate => 129,
        Unreadable::StartDate => 130,
        Unreadable::EndDate => 131,
        Unreadable::NoPlan => 132,
        Unreadable::MissingRecord => 133,
    }
}

fn subject_byte(kind: Option<SubjectKind>) -> u8 {
    match kind {
        None => 0,
        Some(SubjectKind::Child) => 1,
        Some(SubjectKind::Mother) => 2,
        Some(SubjectKind::Unknown) => 3,
    }
}
