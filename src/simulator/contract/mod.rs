//! The provider's checks of a request, rule by rule: wire.md 2.2 to 2.6, 5.1, 5.2 and 5.4.

mod author;
mod envelope;
mod header;
mod identity;
mod payload;
mod shape;
mod violation;

pub(super) use violation::{Violation, ViolationKind};

use super::{http::HttpRequest, tree};
use crate::cpis::{Author, NhsNumber};
use jiff::Timestamp;

/// The provider's choices that wire.md section 6 leaves open.
#[derive(Debug, Clone)]
pub(super) struct Contract {
    /// `SOAPAction`, `wsa:Action` and `@service`.
    pub action: String,
    pub profile_ids: Vec<String>,
    /// Empty accepts any or none.
    pub interaction_id: String,
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            action: "urn:nhs-itk:services:201005:sendRecvDistEnvelope".to_owned(),
            profile_ids: vec!["urn:nhs-en:profile:CP-ISNHSQuery-v2-0".to_owned()],
            interaction_id: "urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0".to_owned(),
        }
    }
}

/// A request that meets every rule.
#[derive(Debug, Clone)]
pub(super) struct AcceptedRequest {
    /// ODS code of the sender, for the reply's address list.
    pub sender_ods: String,
    pub query_id: String,
    /// The id of the TMS wrapper, or the query's.
    pub query_message: String,
    pub nhs_number: NhsNumber,
    pub author: Author,
}

/// The result of the check, with the facts that are known even of a refused request.
#[derive(Debug)]
pub(super) struct RequestCheck {
    /// `wsa:MessageID` without its prefix, if there is one.
    pub message_id: Option<String>,
    pub tracking_id: Option<String>,
    /// Every id of the request: none may be used again.
    pub ids: Vec<String>,
    pub outcome: Result<AcceptedRequest, Violation>,
}

/// Checks one request. `client` is the subject CN of the client's certificate.
pub(super) fn check(request: &HttpRequest, client: &str, contract: &Contract, now: Timestamp) -> RequestCheck {
    let mut checked = RequestCheck { message_id: None, tracking_id: None, ids: Vec::new(), outcome: Err(Violation::invalid("")) };
    checked.outcome = check_into(&mut checked, request, client, contract, now);
    checked
}

fn check_into(
    checked: &mut RequestCheck,
    request: &HttpRequest,
    client: &str,
    contract: &Contract,
    now: Timestamp,
) -> Result<AcceptedRequest, Violation> {
    let body = std::str::from_utf8(&request.body).map_err(|_| Violation::invalid("the body must be UTF-8"))?;
    let root = tree::read(body).map_err(|error| Violation::invalid(error.0))?;
    envelope::collect_ids(&root, checked);
    header::transport(request, contract)?;
    let (header, envelope) = envelope::soap(&root)?;
    header::check(header, request, client, contract, now)?;
    let (sender_ods, payload) = envelope::distribution(envelope, contract)?;
    let query = payload::check(payload)?;
    all_different(&checked.ids)?;
    identity::check(envelope)?;
    Ok(AcceptedRequest {
        sender_ods,
        query_id: query.id,
        query_message: query.message,
        nhs_number: query.nhs_number?,
        author: query.author,
    })
}

fn all_different(ids: &[String]) -> Result<(), Violation> {
    let mut sorted: Vec<String> = ids.iter().map(|id| id.to_ascii_uppercase()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Violation::invalid("MessageID, timestamp id, manifest id, tracking id and query id must all differ"));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
