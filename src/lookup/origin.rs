use crate::audit::Message;
use uuid::Uuid;

/// The look behind an outcome, as its entries name it. Entries of later showings, even at other replicas, refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub look: Uuid,
    pub message: Option<Message>,
}
