//! How a document is laid out: compact for machines, or indented for people (`_pretty`). Never inside a value or the XHTML.

/// Where the next line begins, if there are lines at all.
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

    /// Begins a line at this level.
    #[inline]
    pub(super) fn line(self, out: &mut Vec<u8>) {
        if let Some(depth) = self.depth {
            out.push(b'\n');
            out.resize(out.len() + 2 * depth, b' ');
        }
    }
}
