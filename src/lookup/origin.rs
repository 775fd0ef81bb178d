use crate::audit::Message;
use uuid::Uuid;

/// The look that asked, as its entries have it: for the entries of those who are shown its outcome later, elsewhere too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub look: Uuid,
    pub message: Option<Message>,
}
