//! The phases of an exchange with the SMSP.

/// The phases of an exchange, in order. Connect and Tls occur only if a connection had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangePhase {
    /// Waiting for a permit.
    Queue,
    /// Name resolution and TCP.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Until the connection took the whole request.
    Send,
    /// Until the head of the response arrived.
    Wait,
    /// Until the body of the response arrived.
    Read,
}

impl ExchangePhase {
    /// The label of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Read => "read",
        }
    }

    /// The name of the span.
    pub(super) fn span_name(self) -> &'static str {
        match self {
            Self::Queue => "smsp.queue",
            Self::Connect => "smsp.connect",
            Self::Tls => "smsp.tls",
            Self::Send => "smsp.send",
            Self::Wait => "smsp.wait",
            Self::Read => "smsp.read",
        }
    }
}
