//! The request behind a look, as the trail names it (decisions.md 35).

use super::headers::CallerHeaders;
use crate::audit::RequestFacts;
use crate::lookup::{Freshness, Request};

/// What the lookup must know of a request. `interaction` says what was asked for, without parameters: `search Flag`, `read CarePlan`,
/// `page Flag`, `batch Flag,CarePlan`.
pub fn request(caller: &CallerHeaders, interaction: impl Into<String>) -> Request {
    let freshness = match caller.freshness {
        Freshness::Shared => None,
        Freshness::NoCache => Some("no-cache"),
        Freshness::NewLook => Some("new-look"),
    };
    let facts = RequestFacts {
        request_id: caller.request_id.as_deref().map(Into::into),
        correlation_id: caller.correlation_id.as_ref().or(caller.trace_id.as_ref()).map(|id| id.as_str().into()),
        trace_id: caller.traceparent.as_ref().and_then(|parent| parent.as_str().split('-').nth(1)).map(Into::into),
        address: caller.address,
        source_system: None,
        interaction: Some(interaction.into().into()),
        freshness: freshness.map(Into::into),
    };
    // An id that was made here is nobody's to repeat.
    let request_id = caller.request_id.clone().filter(|_| !caller.request_id_was_made);
    Request { facts, request_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_trail_is_told_of_a_request() {
        let caller = CallerHeaders {
            request_id: Some("ABCDEFGH".into()),
            trace_id: Some("abcdefgh-1".into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            freshness: Freshness::NewLook,
            address: Some([192, 0, 2, 1].into()),
            ..CallerHeaders::default()
        };
        let Request { facts, request_id } = request(&caller, "search Flag");
        let said = |text: &Option<crate::cpis::Text>| text.as_ref().map(|text| text.as_str().to_owned());
        assert_eq!(request_id.as_deref(), Some("ABCDEFGH"));
        assert_eq!(said(&facts.request_id).as_deref(), Some("ABCDEFGH"));
        assert_eq!(said(&facts.correlation_id).as_deref(), Some("abcdefgh-1"));
        assert_eq!(said(&facts.trace_id).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(said(&facts.interaction).as_deref(), Some("search Flag"));
        assert_eq!(said(&facts.freshness).as_deref(), Some("new-look"));
        assert_eq!(facts.address, Some([192, 0, 2, 1].into()));
    }

    #[test]
    fn an_id_made_here_is_on_the_trail_but_nobodys_to_repeat() {
        let caller = CallerHeaders::default().with_request_id(|| "made-here".into());
        let Request { facts, request_id } = request(&caller, "search Flag");
        assert!(facts.request_id.is_some());
        assert_eq!(request_id, None);
    }
}
