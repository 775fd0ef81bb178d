//! What is told of an exchange with the SMSP.

/// The parts of an exchange, in order. Connecting and TLS only where a connection had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmspPhase {
    /// Waiting for a place among the exchanges in flight.
    Queue,
    /// Name resolution and TCP.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Until the whole request was handed to the connection.
    Send,
    /// Until the head of the response had come.
    Wait,
    /// Until the body of the response had come.
    Read,
}

impl SmspPhase {
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
