//! Scenarios: the children that the simulated register knows, and how it answers queries about each.

mod behaviour;
mod child;
mod file;
mod read;
mod relative;

pub(super) use behaviour::{Behaviour, RelatesTo, ReplyShape, Transport};
pub(super) use child::Child;
pub(super) use read::fault_named;

use super::contract::Contract;
use crate::cpis::NhsNumber;
use std::collections::HashMap;

const BUILT_IN: &str = include_str!("../built_in.toml");

/// A set of children and rules for the simulator.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub(super) default: DefaultAnswer,
    /// CP-IS lists the same author once in 24 hours for the same child (wire.md 1.4).
    pub(super) same_author_once: bool,
    pub(super) contract: Contract,
    children: Vec<Child>,
    by_number: HashMap<NhsNumber, usize>,
}

/// The answer about a valid number that the scenario does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DefaultAnswer {
    #[default]
    NoRecord,
    /// The first child's records, about the number asked, as in NHS Digital's simulator (wire.md 5.12).
    Record,
}

/// All faults of a scenario's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scenario has {} fault(s): {}", .faults.len(), .faults.join("; "))]
pub struct ScenarioError {
    /// One line each; children are named by their position in the file.
    pub faults: Vec<String>,
}

impl Scenario {
    /// The default scenario of `cpis-fhir demo` and `simulate`; `built_in.toml` describes every child.
    #[must_use]
    pub fn built_in() -> Self {
        // A test parses it. If it were ever unreadable, an empty register would be harmless.
        Self::from_toml(BUILT_IN).unwrap_or_else(|_| Self::new(Vec::new()))
    }

    /// Reads a scenario. `built_in.toml` is the reference for the format.
    ///
    /// # Errors
    /// [`ScenarioError`] with every fault of the text.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        read::read(text)
    }

    /// The children in the order of the file, each with a title for people.
    pub fn children(&self) -> impl Iterator<Item = (&NhsNumber, &str)> {
        self.children.iter().map(|child| (&child.nhs_number, child.title.as_str()))
    }

    /// The child with that number. With `default = "record"`, every number has one.
    pub(super) fn child(&self, number: &NhsNumber) -> Option<&Child> {
        let named = self.named(number);
        if self.default == DefaultAnswer::Record { named.or(self.children.first()) } else { named }
    }

    /// The child with that number, if the file names it.
    pub(super) fn named(&self, number: &NhsNumber) -> Option<&Child> {
        self.by_number.get(number).and_then(|at| self.children.get(*at))
    }

    pub(super) fn all(&self) -> &[Child] {
        &self.children
    }

    fn new(children: Vec<Child>) -> Self {
        let by_number = children.iter().enumerate().map(|(at, child)| (child.nhs_number.clone(), at)).collect();
        Self { default: DefaultAnswer::default(), same_author_once: true, contract: Contract::default(), children, by_number }
    }
}

#[cfg(test)]
mod tests;
