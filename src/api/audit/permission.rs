//! Who may search the trail over HTTP (decisions.md 35, 57).
//!
//! With `access.allow.audit_roles`: a person known to the access room who has one of these roles. Without it, in a demonstration:
//! only this machine; otherwise the route does not exist. The listener itself requires a client certificate of
//! `admin.tls.client_ca` before it reads a request; that identifies a system and not a person, and gives no further right here.

use crate::api::App;
use crate::api::caller;
use crate::api::problem::Problem;
use crate::audit::Who;
use actix_web::HttpRequest;
use std::net::IpAddr;

/// The caller may not search.
#[derive(Debug)]
pub struct SearchRefusal {
    /// As far as it is known.
    pub who: Option<Who>,
    pub problem: Problem,
}

impl SearchRefusal {
    pub fn new(who: Option<Who>, problem: Problem) -> Box<Self> {
        Box::new(Self { who, problem })
    }
}

/// Who searches.
///
/// # Errors
/// [`SearchRefusal`], which belongs on the trail unless it is 429: a caller who may not search is limited by the rate of their
/// address.
pub async fn may_search(request: &HttpRequest, app: &App) -> Result<Who, Box<SearchRefusal>> {
    if !app.access.options().allow.audit_roles.is_empty() {
        return by_role(request, app).await;
    }
    if app.access.options().is_demo() && is_of_this_machine(request) {
        return Ok(Who { issuer: Some("loopback".into()), ..Who::default() });
    }
    let within_rate = app.rates.stranger(request.peer_addr().map(|peer| peer.ip()));
    let problem = within_rate.map_or_else(Problem::throttled, |()| Problem::trail_refused());
    Err(SearchRefusal::new(None, problem))
}

/// A person known to the access room, with a role for it.
async fn by_role(request: &HttpRequest, app: &App) -> Result<Who, Box<SearchRefusal>> {
    let identity = caller::identify(request, app).await.map_err(|problem| SearchRefusal::new(None, problem))?;
    let who = Who::from(&identity.requester);
    if app.access.may_search_trail(&identity) {
        return Ok(who);
    }
    Err(SearchRefusal::new(Some(who), Problem::trail_refused()))
}

/// Headers by which a proxy says that it forwards a request.
const OF_A_PROXY: [&str; 5] = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"];

/// The request began on this machine: no proxy forwarded it, and no foreign web page made a browser here send it.
fn is_of_this_machine(request: &HttpRequest) -> bool {
    let headers = request.headers();
    request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !OF_A_PROXY.iter().any(|name| headers.contains_key(*name))
        && !headers.contains_key("Origin")
        && headers.get("Host").and_then(|host| host.to_str().ok()).is_none_or(is_local_name)
}

/// `localhost`, `127.0.0.1`, `[::1]`, with or without a port: not another name that points here.
fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn is_local(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::post().uri("/audit/_search").peer_addr(peer.parse().unwrap());
        for &(name, value) in headers {
            request = request.insert_header((name, value));
        }
        is_of_this_machine(&request.to_http_request())
    }

    #[test]
    fn this_machine_is_known_by_its_address_alone() {
        for peer in ["127.0.0.1:5000", "127.9.9.9:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            assert!(is_local(peer, &[]), "{peer}");
        }
        for peer in ["192.0.2.1:5000", "10.0.0.1:5000", "[2001:db8::1]:5000", "0.0.0.0:5000"] {
            assert!(!is_local(peer, &[]), "{peer}");
        }
    }

    #[test]
    fn a_proxy_on_this_machine_does_not_make_its_callers_local() {
        for name in OF_A_PROXY {
            assert!(!is_local("127.0.0.1:5000", &[(name, "192.0.2.1")]), "{name}");
        }
    }

    #[test]
    fn a_web_page_of_elsewhere_cannot_use_a_browser_here() {
        for host in ["localhost:9090", "127.0.0.1:9090", "[::1]:9090", "LOCALHOST"] {
            assert!(is_local("127.0.0.1:5000", &[("Host", host)]), "{host}");
        }
        for host in ["evil.example:9090", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]:9090", "localhost.evil.example"] {
            assert!(!is_local("127.0.0.1:5000", &[("Host", host)]), "{host}");
        }
        assert!(!is_local("127.0.0.1:5000", &[("Origin", "http://127.0.0.1:9090")]));
    }
}
