//! One answer as one consistent graph of resources (fhir.md 1). Every endpoint shows a view of it.
//!
//! The nodes are light: they borrow from the answer, make ids on first use, and build resources only when those are shown. So a search
//! pays only for what it shows.

mod authority;
mod edge;
mod id_part;
mod patient;
mod plan;

use super::resource_type::NodeOrigin;
pub use super::resource_type::ResourceType;
pub use authority::{Authority, ContactNumber, ContactPurpose, Medium};
pub use edge::Edge;
pub(in crate::fhir) use edge::PATIENT;
pub use patient::PatientNode;
pub use plan::PlanNode;

use super::id::{IdContent, IdKeyNumber, IdKeys};
use crate::cpis::{Access, Answer, Author};
use jiff::civil::Date;
use std::{cell::OnceCell, ops::Range};

/// What the resources depend on besides the answer.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub ids: &'a IdKeys,
    /// The date in England on which the answer is shown ([`crate::clock::today`], decisions.md 37).
    pub today: Date,
    /// Whether the look notified the local authority (decisions.md 40).
    pub unscheduled: bool,
}

/// One resource of a [`Graph`]; valid only with that graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeKey {
    pub kind: ResourceType,
    index: usize,
}

/// The clients that a resource is shaped for (decisions.md 29c).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResourceShape {
    #[default]
    Standard,
    /// `/PatientFlag`: the England code comes first and the England-*-Flag profiles are named.
    PatientFlag,
}

/// The graph of one answer.
pub struct Graph<'a> {
    pub(super) answer: &'a Answer,
    pub(super) context: Context<'a>,
    /// The answer's effective time, as every `meta` gives it.
    pub(super) last_updated: String,
    plans: Vec<PlanNode<'a>>,
    authorities: Vec<Authority<'a>>,
    patient: PatientNode<'a>,
    accesses: Vec<AccessNode<'a>>,
    /// For each PractitionerRole, the index of its access and the position of the person in it: 0 is the author, then the
    /// responsible people.
    roles: Vec<(usize, u16)>,
    /// For each Device, the index of its access.
    devices: Vec<usize>,
    /// One cell for each node, by type and then by index.
    ids: Vec<OnceCell<String>>,
}

/// One access, with its Device and PractitionerRoles.
struct AccessNode<'a> {
    access: &'a Access,
    device: Option<usize>,
    roles: Range<usize>,
}

impl<'a> Graph<'a> {
    /// The nodes of `answer` in their default order (decisions.md 24): placeholders, then active, planned and ended plans, each group with
    /// the newest start first; accesses with the newest first.
    #[must_use]
    pub fn new(answer: &'a Answer, context: &Context<'a>) -> Self {
        let (authorities, of_record) = authority::collect(answer.records());
        let mut graph = Self {
            answer,
            context: *context,
            last_updated: answer.effective.to_string(),
            plans: plan::collect(answer, &of_record, context.today),
            authorities,
            patient: PatientNode::new(answer),
            accesses: Vec::with_capacity(answer.accesses.len()),
            roles: Vec::with_capacity(answer.accesses.len()),
            devices: Vec::new(),
            ids: Vec::new(),
        };
        graph.collect_accesses();
        let nodes = ResourceType::ALL.into_iter().map(|kind| graph.count(kind)).sum();
        graph.ids.resize_with(nodes, OnceCell::new);
        graph
    }

    fn collect_accesses(&mut self) {
        let mut accesses: Vec<&Access> = self.answer.accesses.iter().collect();
        accesses.sort_by_key(|access| std::cmp::Reverse(access.when.sort_key()));
        for (index, access) in accesses.into_iter().enumerate() {
            let start = self.roles.len();
            let mut device = None;
            match &access.author {
                Author::Person { .. } => self.roles.push((index, 0)),
                Author::System { responsible, .. } => {
                    device = Some(self.devices.len());
                    self.devices.push(index);
                    self.roles.extend((1..=u16::MAX).take(responsible.len()).map(|place| (index, place)));
                }
                Author::Unknown => {}
            }
            self.accesses.push(AccessNode { access, device, roles: start..self.roles.len() });
        }
    }

    /// Every resource of one type, in the default order.
    pub fn of_type(&self, kind: ResourceType) -> impl ExactSizeIterator<Item = NodeKey> + use<> {
        (0..self.count(kind)).map(move |index| NodeKey { kind, index })
    }

    fn count(&self, kind: ResourceType) -> usize {
        match kind.origin() {
            NodeOrigin::Plan => self.plans.len(),
            NodeOrigin::Authority => self.authorities.len(),
            NodeOrigin::Patient => 1,
            NodeOrigin::Access => self.accesses.len(),
            NodeOrigin::Person => self.roles.len(),
            NodeOrigin::System => self.devices.len(),
        }
    }

    /// The resource's id. It depends only on the resource's content, not on the rest of the answer.
    #[must_use]
    pub fn id(&self, key: NodeKey) -> &str {
        let before: usize = ResourceType::ALL.into_iter().take_while(|kind| *kind != key.kind).map(|kind| self.count(kind)).sum();
        self.ids[before + key.index]
            .get_or_init(|| self.context.ids.seal(key.kind, &self.answer.about, &self.part(key, IdKeyNumber::FIRST)))
    }

    /// The resource that an id means, if this answer holds it. Finds ids made with an older key too.
    #[must_use]
    pub fn find(&self, id: &IdContent) -> Option<NodeKey> {
        if id.nhs_number != self.answer.about {
            return None;
        }
        self.of_type(id.kind).find(|key| self.part(*key, id.key) == id.part)
    }

    /// The plan that a resource is made for.
    #[must_use]
    pub fn plan(&self, key: NodeKey) -> Option<&PlanNode<'a>> {
        if key.kind.is_per_plan() { self.plans.get(key.index) } else { None }
    }

    /// The access that a resource is made for or belongs to.
    #[must_use]
    pub fn access(&self, key: NodeKey) -> Option<&'a Access> {
        self.access_node(key).map(|node| node.access)
    }

    /// The local authority that a resource is made for.
    #[must_use]
    pub fn authority(&self, key: NodeKey) -> Option<&Authority<'a>> {
        if key.kind.origin() == NodeOrigin::Authority { self.authorities.get(key.index) } else { None }
    }

    /// The local authority of a plan, if it is known.
    #[must_use]
    pub fn authority_of(&self, plan: &PlanNode<'a>) -> Option<&Authority<'a>> {
        self.authorities.get(plan.authority?)
    }

    /// Every local authority of the answer.
    #[must_use]
    pub fn authorities(&self) -> &[Authority<'a>] {
        &self.authorities
    }

    /// The person whom the answer is about.
    #[must_use]
    pub fn patient(&self) -> &PatientNode<'a> {
        &self.patient
    }

    /// The position of a PractitionerRole in its access: 0 is the author, then the responsible people.
    pub(super) fn place_in_access(&self, key: NodeKey) -> usize {
        if key.kind.origin() == NodeOrigin::Person { self.roles.get(key.index).map_or(0, |role| usize::from(role.1)) } else { 0 }
    }

    fn access_node(&self, key: NodeKey) -> Option<&AccessNode<'a>> {
        let index = match key.kind.origin() {
            NodeOrigin::Access => key.index,
            NodeOrigin::Person => self.roles.get(key.index)?.0,
            NodeOrigin::System => *self.devices.get(key.index)?,
            NodeOrigin::Plan | NodeOrigin::Authority | NodeOrigin::Patient => return None,
        };
        self.accesses.get(index)
    }
}

/// Shows only the size: no personal data.
impl std::fmt::Debug for Graph<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph({} plans, {} accesses)", self.plans.len(), self.accesses.len())
    }
}

#[cfg(test)]
mod tests;
