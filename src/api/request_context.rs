//! A request as the trail records it (decisions.md 35).

use super::AdmittedRequest;
use super::headers::CallerHeaders;
use crate::audit::{RequestFacts, Seal};
use crate::cpis::CallerId;
use crate::lookup::{Freshness, Request};
use actix_web::HttpRequest;

/// What a lookup must know of a request. `interaction` says what was asked for, without parameters: `search Flag`, `read
/// CarePlan`,
/// `page Flag`, `batch Flag,CarePlan`.
pub(super) fn request(admitted: AdmittedRequest<'_>, interaction: impl Into<String>) -> Request {
    let AdmittedRequest { app, request, caller, identity } = admitted;
    let source_system = identity.source_system.clone();
    let seal = app.trail.seal();
    let facts = RequestFacts { source_system, ..of(request, caller, seal, interaction) };
    // No caller knows an id that was made here.
    let request_id = caller.request_id.as_ref().filter(|_| !caller.request_id_was_made);
    let on_record = request_id.map(|id| seal.all_kept(id)).unwrap_or_default();
    Request { facts, request_id: request_id.map(CallerId::normal), on_record }
}

/// The facts of any request, without who asks.
pub(super) fn of(request: &HttpRequest, caller: &CallerHeaders, seal: &Seal, interaction: impl Into<String>) -> RequestFacts {
    let freshness = match caller.freshness {
        Freshness::Shared => None,
        Freshness::NoCache => Some("no-cache"),
        Freshness::NewLook => Some("new-look"),
    };
    RequestFacts {
        request_id: caller.request_id.as_ref().map(|id| seal.kept(id).into()),
        correlation_id: caller.correlation_id.as_ref().or(caller.trace_id.as_ref()).map(|id| seal.kept(id).into()),
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
    use crate::secret::KeyMaterial;
    use actix_web::test::TestRequest;

    #[test]
    fn what_the_trail_is_told_of_a_request() {
        let caller = CallerHeaders {
            request_id: CallerId::parse("ABCDEFGH").ok(),
            trace_id: CallerId::parse("gateway:7#1").ok(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            freshness: Freshness::NewLook,
            ..CallerHeaders::default()
        };
        let request = TestRequest::default().peer_addr("[::ffff:192.0.2.1]:4711".parse().unwrap()).to_http_request();
        let seal = Seal::new(&[KeyMaterial::new([7; 32])]).unwrap();
        let facts = of(&request, &caller, &seal, "search Flag");
        let said = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
        assert_eq!(said(&facts.request_id).as_deref(), Some("ABCDEFGH"));
        assert_eq!(said(&facts.correlation_id), caller.trace_id.as_ref().map(|id| seal.kept(id)));
        assert!(!said(&facts.correlation_id).unwrap().contains("gateway"));
        assert_eq!(said(&facts.trace_id).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(said(&facts.interaction).as_deref(), Some("search Flag"));
        assert_eq!(said(&facts.freshness).as_deref(), Some("new-look"));
        assert_eq!(facts.address, Some([192, 0, 2, 1].into()));
    }
}
