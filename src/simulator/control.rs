//! The control port: shows the simulator's counts over plain HTTP on loopback. It has only test data.

use super::{
    http::{HttpRequest, RequestError, RequestReader},
    provider::Provider,
    reply::{HttpReply, write},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::{sync::Semaphore, task::JoinSet};

const MOST_CONNECTIONS: usize = 32;
const JSON: &str = "application/json";

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, provider: Arc<Provider>) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let provider = Arc::clone(&provider);
                connections.spawn(async move {
                    connection(stream, &provider).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn connection(mut stream: TcpStream, provider: &Provider) {
    let mut reader = RequestReader::new();
    loop {
        let (reply, keep) = match reader.next(&mut stream).await {
            Ok(request) => (route(&request, provider), request.keep_alive),
            Err(RequestError::Gone) => return,
            Err(RequestError::Malformed(why)) => (HttpReply::plain(400, why), false),
            Err(RequestError::TooLarge) => (HttpReply::plain(413, "too large"), false),
        };
        if write(&mut stream, &reply.to_bytes(keep)).await.is_err() || !keep {
            return;
        }
    }
}

fn route(request: &HttpRequest, provider: &Provider) -> HttpReply {
    // A web page could reach this port by DNS rebinding, so only loopback names are served.
    let host = request.header("host").unwrap_or_default();
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
    if !["localhost", "127.0.0.1", "[::1]"].contains(&name) {
        return HttpReply::plain(404, "not served under this name\n");
    }
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/notifications") => json_reply(&notifications(provider)),
        ("GET", "/children") => json_reply(&children(provider)),
        ("GET", "/exchanges") => json_reply(&json!({ "exchanges": provider.exchanges().0 })),
        ("GET", "/exchanges/last") => last_exchange(provider),
        ("GET", "/heard") => json_reply(&json!({ "message_ids": provider.message_ids() })),
        ("POST", "/reset") => {
            provider.reset();
            json_reply(&json!({ "reset": true }))
        }
        (_, "/notifications" | "/children" | "/exchanges" | "/exchanges/last" | "/heard" | "/reset") => {
            HttpReply::plain(405, "another method\n")
        }
        _ => HttpReply::plain(404, "GET /notifications, /children, /exchanges, /exchanges/last, /heard; POST /reset\n"),
    }
}

fn notifications(provider: &Provider) -> Value {
    let counts = provider.counts();
    let state = provider.state();
    let asked = state.histories.children().filter(|(_, history)| history.queries > 0);
    let one =
        |history: &super::history::ChildHistory| json!({ "queries": history.queries, "notifications": history.notifications });
    let children: Map<String, Value> = asked.map(|(number, history)| (number.digits().to_owned(), one(history))).collect();
    json!({
        "notifications": counts.notifications,
        "queries": counts.queries,
        "requests": counts.requests,
        "connections": counts.connections,
        "children": children,
        "authorities": state.histories.authorities(),
    })
}

fn children(provider: &Provider) -> Value {
    let list = provider.scenario.children();
    list.map(|(number, title)| json!({ "nhs_number": number.digits(), "title": title })).collect()
}

fn last_exchange(provider: &Provider) -> HttpReply {
    match provider.exchanges().1 {
        None => HttpReply::plain(404, "there was no exchange yet\n"),
        Some(last) => {
            let text =
                format!("Test data only: this is a rehearsal.\n\n=== Request\n{}\n\n=== Reply\n{}\n", last.request, last.reply);
            HttpReply::plain(200, &text)
        }
    }
}

fn json_reply(value: &Value) -> HttpReply {
    HttpReply::new(200, JSON, format!("{value}\n"))
}
