//! How a document is laid out: compact for machines, or indented for people (`_pretty`). Values and XHTML are never changed.

/// How deep the next line is indented; compact documents have no lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    depth: Option<usize>,
}

impl Layout {
    /// Everything on one line.
    pub const COMPACT: Self = Self { depth: None };
    /// Two spaces for each level.
    pub const INDENTED: Self = Self { depth: Some(0) };

    #[must_use]
    pub fn is_indented(self) -> bool {
        self.depth.is_some()
    }

    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth.map(|depth| depth + 1) }
    }

    /// Starts a line at this level.
    #[inline]
    pub(super) fn line(self, out: &mut Vec<u8>) {
        if let Some(depth) = self.depth {
            out.push(b'\n');
            out.resize(out.len() + 2 * depth, b' ');
        }
    }
}
