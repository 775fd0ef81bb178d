//! The errors of a failed exchange: how far it got, and whether CP-IS may have received the query (decisions.md 5, 19, 31).
//!
//! A case that cannot be distinguished counts as maybe delivered. A server that closes or resets a connection after the request was
//! written looks the same if it
//! - refuses our certificate under TLS 1.3 without an alert, or with an alert that the reset destroyed on its way,
//! - closed an idle connection at the moment when we used it again,
//! - or read the request, passed it on and died.
//!
//! A fatal alert that is not about us or our certificate may come after the request was read, so it counts as the last case. So does any
//! alert on a connection that has brought a reply before: that server had accepted us.

use crate::{
    cpis::{ConnectCause, Delivery, Phase, RegisterError, RegisterErrorKind, TlsCause},
    smsp::tls,
};
use std::{error::Error, io};

fn unconnected(kind: RegisterErrorKind) -> RegisterError {
    RegisterError::new(kind, Phase::Connect, Delivery::NotDelivered)
}

pub(super) fn not_resolved() -> RegisterError {
    unconnected(RegisterErrorKind::Unreachable(ConnectCause::NameNotResolved))
}

pub(super) fn no_connection_in_time() -> RegisterError {
    unconnected(RegisterErrorKind::Unreachable(ConnectCause::TimedOut))
}

/// TCP failed.
pub(super) fn no_connection(kind: io::ErrorKind) -> RegisterError {
    let cause = match kind {
        io::ErrorKind::ConnectionRefused => ConnectCause::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectCause::NoRoute,
        io::ErrorKind::TimedOut => ConnectCause::TimedOut,
        _ => ConnectCause::Other,
    };
    unconnected(RegisterErrorKind::Unreachable(cause))
}

/// The TLS handshake failed.
pub(super) fn no_session(error: &io::Error) -> RegisterError {
    if let Some(error) = find::<rustls::Error>(error) {
        return unconnected(RegisterErrorKind::Insecure(tls::cause(error)));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            unconnected(RegisterErrorKind::Insecure(TlsCause::ClosedInHandshake))
        }
        kind => no_connection(kind),
    }
}

/// A new connection ended before a byte of the request was written; `end` is the error of the connection's task.
///
/// Under TLS 1.3 our side of the handshake ends before the server checks our certificate. Its alert may then end the connection before the
/// request.
pub(super) fn unsent(error: Option<&hyper::Error>, end: Option<&hyper::Error>) -> RegisterError {
    let alert = [error, end].into_iter().flatten().find_map(|error| find::<rustls::Error>(error));
    let cause = match alert {
        Some(alert @ rustls::Error::AlertReceived(_)) => tls::cause(alert),
        _ => TlsCause::ClosedAfterHandshake,
    };
    RegisterError::new(RegisterErrorKind::Insecure(cause), Phase::Exchange, Delivery::NotDelivered)
}

/// The first request of a connection was written, at least in part, and no reply came.
pub(super) fn lost_first(error: &hyper::Error) -> RegisterError {
    match find::<rustls::Error>(error) {
        Some(alert @ rustls::Error::AlertReceived(about)) if tls::refuses_us(*about) => {
            RegisterError::new(RegisterErrorKind::Insecure(tls::cause(alert)), Phase::Exchange, Delivery::NotDelivered)
        }
        _ => lost(),
    }
}

/// A request was written, at least in part, and no reply came.
pub(super) fn lost() -> RegisterError {
    RegisterError::new(RegisterErrorKind::ConnectionLost, Phase::Exchange, Delivery::MaybeDelivered)
}

/// The response broke off after it had begun.
pub(super) fn in_reply() -> RegisterError {
    RegisterError::new(RegisterErrorKind::ConnectionLost, Phase::Read, Delivery::MaybeDelivered)
}

/// The first error of type `T` in the chain. An `io::Error` hides its inner error from `source`, so this looks inside.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let chain =
        std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        });
    chain.into_iter().find_map(|error| error.downcast_ref())
}
