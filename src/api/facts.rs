//! A request as the trail names it (decisions.md 35).

use super::Asking;
use super::headers::CallerHeaders;
use crate::audit::RequestFacts;
use crate::lookup::{Freshness, Request};
use actix_web::HttpRequest;

/// What a lookup must know of a request. `interaction` says what was asked for, without parameters: `search Flag`, `read CarePlan`,
/// `page Flag`, `batch Flag,CarePlan`.
pub(super) fn request(asking: Asking<'_>, interaction: impl Into<String>) -> Request {
    let Asking { request, caller, identity, .. } = asking;
    let source_system = identity.source_system.clone();
    let facts = RequestFacts { source_system, ..of(request, caller, interaction) };
    // An id that was made here is nobody's to repeat.
    let request_id = caller.request_id.clone().filter(|_| !caller.request_id_was_made);
    Request { facts, request_id }
}

/// What any request says of itself, whoever asks.
pub(super) fn of(request: &HttpRequest, caller: &CallerHeaders, interaction: impl Into<String>) -> RequestFacts {
    let freshness = match caller.freshness {
        Freshness::Shared => None,
        Freshness::NoCache => Some("no-cache"),
        Freshness::NewLook => Some("new-look"),
    };
    RequestFacts {
        request_id: caller.request_id.as_deref().map(Into::into),
        correlation_id: caller.correlation_id.as_ref().or(caller.trace_id.as_ref()).map(|id| id.as_str().into()),
        trace_id: caller.traceparent.as_ref().and_then(|parent| parent.as_str().split('-').nth(1)).map(Into::into),
        address: request.peer_addr().map(|peer| peer.ip().to_canonical()),
        source_system: None,
        interaction: Some(interaction.into().into()),
        freshness: freshness.map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::Text;
    use actix_web::test::TestRequest;

    #[test]
    fn what_the_trail_is_told_of_a_request() {
        let caller = CallerHeaders {
            request_id: Some("ABCDEFGH".into()),
            trace_id: Some("abcdefgh-1".into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            freshness: Freshness::NewLook,
            ..CallerHeaders::default()
        };
        let request = TestRequest::default().peer_addr("[::ffff:192.0.2.1]:4711".parse().unwrap()).to_http_request();
        let facts = of(&request, &caller, "search Flag");
        let said = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
        assert_eq!(said(&facts.request_id).as_deref(), Some("ABCDEFGH"));
        assert_eq!(said(&facts.correlation_id).as_deref(), Some("abcdefgh-1"));
        assert_eq!(said(&facts.trace_id).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(said(&facts.interaction).as_deref(), Some("search Flag"));
        assert_eq!(said(&facts.freshness).as_deref(), Some("new-look"));
        assert_eq!(facts.address, Some([192, 0, 2, 1].into()));
    }
}
