//! What searches depend on besides the lines: the definitions of tables, indexes and triggers, and the indexes themselves
//! (decisions.md 65). Without them, intact lines may not be found.

/// A fault that makes a search miss lines, or lets a line be changed unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchFault {
    /// One of this program's names.
    #[error("{0} is missing from the store")]
    Missing(String),
    #[error("{0} is not as this program made it: searches may miss lines")]
    Changed(String),
    /// Whatever its creator chose.
    #[error("{0:?} is in the store, and was not made by this program")]
    Stranger(String),
    /// The database's message, which contains nothing of a line.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A definition in a store: its object and its text.
pub(in crate::audit) type Definition = (String, String);

/// What is missing, different or unexpected in `found`. A name may occur only once.
pub(in crate::audit) fn compare(mut found: Vec<Definition>, meant: &[Definition]) -> Vec<SearchFault> {
    let mut faults = Vec::new();
    for definition in meant {
        if let Some(at) = found.iter().position(|other| other == definition) {
            found.swap_remove(at);
        } else if let Some(at) = found.iter().position(|(name, _)| *name == definition.0) {
            found.swap_remove(at);
            faults.push(SearchFault::Changed(definition.0.clone()));
        } else {
            faults.push(SearchFault::Missing(definition.0.clone()));
        }
    }
    faults.extend(found.into_iter().map(|(name, _)| SearchFault::Stranger(name)));
    faults
}
