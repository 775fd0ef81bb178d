//! Times of the phases of one exchange: name resolution and TCP, TLS, sending, waiting, reading.
//!
//! The connector sets the first three; the request's body sets the time when the connection takes it.

use crate::cpis::{RegisterError, RegisterErrorKind, Text};
use crate::telemetry::ExchangePhase;
use crate::telemetry::request::Facts;
use crate::telemetry::spans::{self, Work};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{StatusCode, Version};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};
use url::Url;

/// When the phases of one exchange began. Each is set once.
#[derive(Debug)]
struct PhaseTimes {
    began: Instant,
    began_at: SystemTime,
    connecting: OnceLock<Instant>,
    shaking_hands: OnceLock<Instant>,
    connected: OnceLock<Instant>,
    sent: OnceLock<Instant>,
    answered: OnceLock<Instant>,
}

/// One exchange under way. Drop records the phases reached so far, including when the caller cancels.
pub(super) struct Exchange {
    times: Arc<PhaseTimes>,
    work: Work,
    ended: bool,
}

impl Exchange {
    /// Begins the exchange's span, a child of the one that `traceparent` names.
    pub(super) fn begin(traceparent: Option<&Text>, url: &Url) -> Self {
        let work =
            spans::exchange(traceparent.map(Text::as_str), url.host_str().unwrap_or_default(), url.port_or_known_default());
        let times = PhaseTimes {
            began: Instant::now(),
            began_at: SystemTime::now(),
            connecting: OnceLock::new(),
            shaking_hands: OnceLock::new(),
            connected: OnceLock::new(),
            sent: OnceLock::new(),
            answered: OnceLock::new(),
        };
        Self { times: Arc::new(times), work, ended: false }
    }

    pub(super) fn work(&self) -> &Work {
        &self.work
    }

    /// A new connection is needed: name resolution begins, then TCP.
    pub(super) fn connecting(&self) {
        let _ = self.times.connecting.set(Instant::now());
    }

    /// The TLS handshake begins.
    pub(super) fn shaking_hands(&self) {
        let _ = self.times.shaking_hands.set(Instant::now());
    }

    /// The connection is ready, including TLS.
    pub(super) fn connected(&self) {
        let _ = self.times.connected.set(Instant::now());
    }

    /// The head of the response has arrived. For the span, a status of 400 or more is a failure of the exchange, by OpenTelemetry's
    /// conventions for HTTP clients. What it means for the look depends on the content.
    pub(super) fn answered(&self, status: StatusCode, version: Version) {
        let _ = self.times.answered.set(Instant::now());
        self.work.note("http.response.status_code", i64::from(status.as_u16()));
        self.work.note("network.protocol.version", if version == Version::HTTP_10 { "1.0" } else { "1.1" });
        if status.as_u16() >= 400 {
            self.work.failed(status.as_u16().to_string());
        }
    }

    /// The whole reply has arrived, or there is none. Its meaning is judged elsewhere.
    pub(super) fn end(mut self, failure: Option<&RegisterError>) {
        self.ended = true;
        if let Some(failure) = failure {
            self.work.failed(failure.outcome());
        }
    }

    /// The request's body, which records when it is taken.
    pub(super) fn body(&self, document: String) -> QueryBody {
        QueryBody { bytes: Some(document.into()), times: Arc::clone(&self.times) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // The caller stopped waiting.
        if !self.ended {
            self.work.failed(RegisterErrorKind::Timeout.name());
        }
        let (times, ended) = (&self.times, Instant::now());
        Facts::exchange(ended - times.began);
        for (phase, began, ended) in times.phases(ended) {
            self.work.phase(phase, times.began_at + began.duration_since(times.began), ended.duration_since(began));
        }
    }
}

impl PhaseTimes {
    /// The phases that began. Each lasts until the next, the last until `end`.
    fn phases(&self, end: Instant) -> Vec<(ExchangePhase, Instant, Instant)> {
        let mut begun = Vec::with_capacity(5);
        if let Some(&connecting) = self.connecting.get() {
            begun.push((ExchangePhase::Connect, connecting));
            begun.extend(self.shaking_hands.get().map(|&moment| (ExchangePhase::Tls, moment)));
            begun.extend(self.connected.get().map(|&moment| (ExchangePhase::Send, moment)));
        } else {
            begun.push((ExchangePhase::Send, self.began));
        }
        begun.extend(self.sent.get().map(|&moment| (ExchangePhase::Wait, moment)));
        begun.extend(self.answered.get().map(|&moment| (ExchangePhase::Read, moment)));
        let ends = begun.iter().skip(1).map(|(_, moment)| *moment).chain([end]).collect::<Vec<_>>();
        begun.into_iter().zip(ends).map(|((phase, began), ended)| (phase, began, ended)).collect()
    }
}

/// The document of a query, in one piece of known length.
pub(super) struct QueryBody {
    bytes: Option<Bytes>,
    times: Arc<PhaseTimes>,
}

impl Body for QueryBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        let _ = self.times.sent.set(Instant::now());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The phases with their lengths in milliseconds; `moments` are milliseconds after the start of the exchange.
    fn phases(moments: [Option<u64>; 5], end: u64) -> Vec<(ExchangePhase, u128)> {
        let began = Instant::now();
        let at = |milliseconds: u64| began + Duration::from_millis(milliseconds);
        let [connecting, shaking_hands, connected, sent, answered] =
            moments.map(|moment| moment.map_or_else(OnceLock::new, |moment| OnceLock::from(at(moment))));
        let began_at = SystemTime::now();
        let times = PhaseTimes { began, began_at, connecting, shaking_hands, connected, sent, answered };
        times.phases(at(end)).into_iter().map(|(phase, from, to)| (phase, (to - from).as_millis())).collect()
    }

    #[test]
    fn an_exchange_on_a_new_connection_has_every_phase() {
        let told = phases([Some(0), Some(2), Some(7), Some(8), Some(108)], 110);
        let wanted = [
            (ExchangePhase::Connect, 2),
            (ExchangePhase::Tls, 5),
            (ExchangePhase::Send, 1),
            (ExchangePhase::Wait, 100),
            (ExchangePhase::Read, 2),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn an_exchange_on_a_pooled_connection_connects_to_nothing() {
        let pooled = [(ExchangePhase::Send, 1), (ExchangePhase::Wait, 9), (ExchangePhase::Read, 5)];
        assert_eq!(phases([None, None, None, Some(1), Some(10)], 15), pooled);
    }

    #[test]
    fn an_exchange_that_breaks_off_tells_how_far_it_came() {
        assert_eq!(phases([Some(0), None, None, None, None], 5000), [(ExchangePhase::Connect, 5000)]);
        assert_eq!(phases([Some(0), Some(1), None, None, None], 3), [(ExchangePhase::Connect, 1), (ExchangePhase::Tls, 2)]);
        assert_eq!(phases([None, None, None, Some(1), None], 20_001), [(ExchangePhase::Send, 1), (ExchangePhase::Wait, 20_000)]);
    }
}
