//! What a failed exchange means: how far it came, and whether CP-IS may have heard (decisions.md 5, 19, 31).
//!
//! What cannot be told apart counts as maybe delivered. A server that closes or resets a connection on which the request was
//! written looks the same whether it
//! - refuses our certificate under TLS 1.3 without an alert, or with one that the reset destroyed on its way,
//! - closed an idle connection in the very moment in which we used it again,
//! - or read the request, passed it on and died.
//!
//! A fatal alert that is not about us or our certificate may come after the request was read, so it counts as the last.

use super::names::NotResolved;
use crate::{
    cpis::{Delivery, Failure, FailureKind, Phase},
    smsp::tls,
};
use std::{error::Error, io};

/// No response had begun.
pub(super) fn before_reply(error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        return Failure::new(connecting(error), Phase::Connect, Delivery::NotDelivered);
    }
    if error.is_builder() {
        return Failure::new(FailureKind::Internal, Phase::Build, Delivery::NotDelivered);
    }
    if let Some(cause) = refusal(error) {
        return Failure::new(FailureKind::Tls { cause }, Phase::Exchange, Delivery::NotDelivered);
    }
    Failure::new(FailureKind::ConnectionLost, Phase::Exchange, Delivery::MaybeDelivered)
}

/// The response had begun and broke off.
pub(super) fn in_reply() -> Failure {
    Failure::new(FailureKind::ConnectionLost, Phase::Read, Delivery::MaybeDelivered)
}

/// Why the server refused us before it read the request, when that is certain.
///
/// Under TLS 1.3 our side of the handshake is over before the server judges our certificate. Its alert then comes while the
/// request is on its way, or ends the connection before a byte of the request was written.
fn refusal(error: &reqwest::Error) -> Option<String> {
    let unsent = is_unsent(error);
    match find::<rustls::Error>(error) {
        Some(alert @ rustls::Error::AlertReceived(about)) if unsent || tls::refuses_us(*about) => Some(tls::cause(alert)),
        _ => unsent.then(|| "the server closed the connection right after the handshake".to_owned()),
    }
}

/// Whether the request was given back by the connection with no byte of it written.
///
/// hyper-util tells this only by the words of its error. Should they change, such a failure is taken for maybe delivered, and
/// the test with the refused certificate fails.
fn is_unsent(error: &reqwest::Error) -> bool {
    chain(error).any(|error| error.to_string() == "client error (Canceled)")
}

fn connecting(error: &reqwest::Error) -> FailureKind {
    if let Some(error) = find::<rustls::Error>(error) {
        return FailureKind::Tls { cause: tls::cause(error) };
    }
    if find::<NotResolved>(error).is_some() {
        return FailureKind::NotConnected { cause: "the name cannot be resolved" };
    }
    if error.is_timeout() {
        return FailureKind::NotConnected { cause: "no connection in time" };
    }
    // The innermost: layers above wrap it in errors of kind `Other`.
    match chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).last().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => FailureKind::NotConnected { cause: "connection refused" },
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            FailureKind::NotConnected { cause: "no route to the host" }
        }
        // These cannot come of opening a TCP connection: the server went away during the handshake.
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            FailureKind::Tls { cause: "the server closed the connection during the handshake".to_owned() }
        }
        _ => FailureKind::NotConnected { cause: "connection failed" },
    }
}

/// The first error of type `T` in the chain.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and what caused it, outermost first. An `io::Error` hides what it wraps from `source`, so that is looked into.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    })
}
