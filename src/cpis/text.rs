use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A piece of free text that came from CP-IS or from a caller: a name, a telephone number, a job title.
///
/// It may identify a person, so `Debug` shows only whether it is empty, and there is no `Display`; call [`Text::as_str`] to show
/// it. It serialises as the text itself, for the trail. Texts of 24 bytes or less live inside the value, without an allocation.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(CompactString);

impl Text {
    /// The text itself, for an answer or the wire, never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(CompactString::new(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(CompactString::from(text))
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "Text(empty)" } else { "Text(..)" })
    }
}
