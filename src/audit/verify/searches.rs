//! What searches read beside the lines: the definitions of tables, indexes and triggers, and the indexes themselves
//! (decisions.md 65). Lines that are whole are of no use to whoever does not find them.

/// Something by which a search would miss lines, or a line could be changed unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchFault {
    /// A name of ours.
    #[error("{0} is missing from the store")]
    Missing(String),
    #[error("{0} is not as this program made it: searches may miss lines")]
    Changed(String),
    /// Whoever made it chose the name.
    #[error("{0:?} is in the store, and was not made by this program")]
    Stranger(String),
    /// In the database's own words, which hold nothing of a line.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A definition in a store: what it is of, and its text.
pub(in crate::audit) type Definition = (String, String);

/// What is missing, another or too much among `found`. Two of one name are one too many.
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
