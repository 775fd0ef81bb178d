/// The part of an answer that an id means, named by its content (decisions.md 27). At most 25 bytes.
///
/// The Patient's part is empty; [`super::IdKeys`] and the constructors here make the others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerPart {
    bytes: [u8; Self::MAX],
    length: u8,
}

impl AnswerPart {
    /// 48 bytes of a token less version, SIV, kind and NHS number.
    pub const MAX: usize = 25;
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX], length: 0 };

    /// The first byte distinguishes the forms, so a code can never equal a hash.
    const CODE: u8 = 1;
    const HASH: u8 = 2;
    const UUID: u8 = 3;

    /// A short code that is enough to name its part, such as an ODS code; `None` if it is empty or longer than 24 bytes.
    #[must_use]
    pub fn code(code: &str) -> Option<Self> {
        (!code.is_empty()).then(|| Self::joined(&[&[Self::CODE], code.as_bytes()])).flatten()
    }

    /// A hash, and the position among equal parts.
    pub(super) fn hash(hash: [u8; 16], ordinal: u16) -> Self {
        Self::joined(&[&[Self::HASH], &hash, &ordinal.to_be_bytes()]).unwrap_or(Self::EMPTY)
    }

    /// A UUID, its role, and the position among equal parts.
    #[must_use]
    pub fn uuid(uuid: uuid::Uuid, role: u16, ordinal: u16) -> Self {
        Self::joined(&[&[Self::UUID], uuid.as_bytes(), &role.to_be_bytes(), &ordinal.to_be_bytes()]).unwrap_or(Self::EMPTY)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::joined(&[bytes])
    }

    fn joined(pieces: &[&[u8]]) -> Option<Self> {
        let mut part = Self::EMPTY;
        let mut end = 0;
        for piece in pieces {
            part.bytes.get_mut(end..end + piece.len())?.copy_from_slice(piece);
            end += piece.len();
        }
        part.length = u8::try_from(end).ok()?;
        Some(part)
    }
}

impl std::fmt::Debug for AnswerPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerPart(..)")
    }
}
