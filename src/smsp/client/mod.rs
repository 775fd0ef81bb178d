//! Sends a request to the SMSP over mutual TLS and brings back its answer: once, never again (decisions.md 6).

mod failing;
mod names;
mod phases;

pub(in crate::smsp) use phases::handshake_begins;

#[cfg(test)]
mod tests;

use super::{
    Connection, Dialect, envelope, query, response,
    tls::{self, CredentialsError, Handshakes},
};
use crate::clock;
use crate::cpis::{Answer, Asking, AuthorAsSent, Delivery, Failure, FailureKind, MessageIds, Phase, Question, Register};
use crate::telemetry::spans::{self, Translation};
use phases::{Exchange, Timed};
use reqwest::{
    Response, Url,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use std::time::Duration;
use zeroize::Zeroize;

/// A response over this many bytes is not read on. The largest plausible answer is far below it.
pub const RESPONSE_LIMIT: usize = 2 * 1024 * 1024;

/// How long an idle connection is kept: shorter than the shortest keep-alive that servers have by default (5 s), so that they do
/// not close it under a request, which would leave the outcome of a look unknown.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Idle connections kept; as many as lookups in flight by default (settings.md, `smsp.max_in_flight`).
const POOL_SIZE: usize = 64;

const TCP_KEEPALIVE: Duration = Duration::from_secs(20);

const USER_AGENT: &str = concat!("cpis-fhir/", env!("CARGO_PKG_VERSION"));

/// The CP-IS register behind an SMSP. Cheap to share; holds the pool of connections.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    dialect: Dialect,
    handshakes: Handshakes,
}

/// Why a [`Client`] cannot be made of its settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the address of the SMSP is not an https URL")]
    Url,
    #[error("the action cannot stand in an HTTP header")]
    Action,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

impl Client {
    /// Prepares the client; connects to nothing yet. Certificates are read once: to follow a change on disk, make a new one.
    ///
    /// # Errors
    /// [`ClientError`], which names the first fault found.
    pub fn new(mut connection: Connection, dialect: Dialect) -> Result<Self, ClientError> {
        let url =
            Url::parse(&dialect.url).ok().filter(|url| url.scheme() == "https" && url.has_host()).ok_or(ClientError::Url)?;
        let handshakes = Handshakes::default();
        let tls = tls::config(&connection, &handshakes);
        connection.client_key_pem.zeroize();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls?)
            .default_headers(headers(&dialect)?)
            .user_agent(USER_AGENT)
            .dns_resolver(names::SystemNames)
            .connector_layer(Timed::layer())
            .connect_timeout(connection.connect_timeout)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_SIZE)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .build()
            .map_err(|error| ClientError::Http(error.without_url()))?;
        Ok(Self { http, url, dialect, handshakes })
    }

    /// How many full TLS handshakes there were in which our certificate was asked for.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.handshakes.count()
    }

    /// One exchange. Dropping the future closes its connection: a reply that nobody waits for is never read by the next.
    async fn ask_once(&self, question: &Question, ids: &MessageIds) -> Result<Answer, Failure> {
        let document = envelope::request(question, &self.dialect, ids, clock::now())?;
        let exchange = Exchange::begin(question.traceparent.as_ref(), &self.url);
        let outcome = exchange.around(self.converse(&exchange, question, document)).await;
        exchange.end(outcome.as_ref().err());
        let (status, content_type, body) = outcome?;
        let _translating = spans::translation(Translation::Hl7V3);
        response::read(
            response::Reply { status, content_type: content_type.as_deref(), body: &body },
            response::Asked {
                nhs_number: &question.nhs_number,
                message_id: &ids.message,
                query_id: &ids.query,
                received: clock::now(),
            },
        )
    }

    /// Sends the query and reads the whole reply: its status, its media type, its body.
    async fn converse(
        &self,
        exchange: &Exchange,
        question: &Question,
        document: String,
    ) -> Result<(u16, Option<String>, Vec<u8>), Failure> {
        let request = self.request(exchange, question, document)?;
        let mut reply = self.http.execute(request).await.map_err(|error| failing::before_reply(&error))?;
        let status = reply.status().as_u16();
        exchange.answered(reply.status(), reply.version());
        let body = read_body(&mut reply).await?;
        let content_type = reply.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok((status, content_type.map(str::to_owned), body))
    }

    fn request(&self, exchange: &Exchange, question: &Question, document: String) -> Result<reqwest::Request, Failure> {
        let mut request = self.http.post(self.url.clone()).body(exchange.body(document));
        if let Some(traceparent) = self.traceparent(exchange, question) {
            request = request.header("traceparent", traceparent);
        }
        request.build().map_err(|_| Failure::new(FailureKind::Internal, Phase::Build, Delivery::NotDelivered))
    }

    /// Of the exchange's own span, or of whoever asks where this service traces nothing.
    fn traceparent(&self, exchange: &Exchange, question: &Question) -> Option<HeaderValue> {
        if !self.dialect.send_traceparent {
            return None;
        }
        let asks = || question.traceparent.as_ref().map(|text| text.as_str().to_owned());
        HeaderValue::try_from(exchange.work().traceparent().or_else(asks)?).ok()
    }
}

impl Register for Client {
    fn author(&self, question: &Question) -> Result<AuthorAsSent, Failure> {
        query::author(&question.requester, &self.dialect).map(|author| author.as_sent())
    }

    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> Asking<'a> {
        Box::pin(self.ask_once(question, ids))
    }
}

/// The headers that every request carries (wire.md 5.1).
fn headers(dialect: &Dialect) -> Result<HeaderMap, ClientError> {
    let action = if dialect.soap_action_quoted { format!("\"{}\"", dialect.action) } else { dialect.action.clone() };
    let action = HeaderValue::try_from(action).map_err(|_| ClientError::Action)?;
    Ok(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")),
        (ACCEPT, HeaderValue::from_static("text/xml")),
        (HeaderName::from_static("soapaction"), action),
    ]))
}

/// Reads the body, but never more than [`RESPONSE_LIMIT`] and the piece that crosses it.
async fn read_body(reply: &mut Response) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::new(FailureKind::TooLarge, Phase::Read, Delivery::MaybeDelivered);
    let announced = reply.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let announced = announced.unwrap_or_default();
    if announced > RESPONSE_LIMIT {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(piece) = reply.chunk().await.map_err(|_| failing::in_reply())? {
        if body.len() + piece.len() > RESPONSE_LIMIT {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
