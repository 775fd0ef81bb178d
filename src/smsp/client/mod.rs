//! Sends a request to the SMSP over mutual TLS, only once, and returns the answer (decisions.md 6).

mod body;
mod connections;
mod errors;
mod phases;

pub use body::RESPONSE_LIMIT;

#[cfg(test)]
mod tests;

use super::{
    ConnectionOptions, Dialect, PayloadForm, envelope, query,
    response::{self, CorrelatedAnswer, QueryContext, SmspReply},
    tcp,
    tls::{self, CredentialsError, HandshakeCount},
};
use crate::clock;
use crate::cpis::{Answer, AuthorAsSent, Delivery, MessageIds, Phase, Question, RegisterError, RegisterErrorKind, Requester};
use crate::telemetry::spans::{self, Translation};
use connections::{ConnectionLimits, Connector, IdleConnections, SmspConnection};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use phases::{Exchange, QueryBody};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use url::Url;
use zeroize::Zeroize;

const OWN_NAME: &str = concat!("cpis-fhir/", env!("CARGO_PKG_VERSION"));

/// The CP-IS register behind an SMSP. Holds the idle connections.
pub struct Client {
    connector: Connector,
    url: Url,
    /// The path and query of the URL, for the request line.
    target: Uri,
    headers: HeaderMap,
    dialect: Dialect,
    handshakes: HandshakeCount,
}

/// Why a [`Client`] cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the address of the SMSP is not an https URL")]
    Url,
    #[error("the action cannot stand in an HTTP header")]
    Action,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Client {
    /// Prepares the client without connecting. Certificates are read once: for new certificates, make a new client.
    ///
    /// # Errors
    /// [`ClientError`] for the first fault found.
    pub fn new(connection: ConnectionOptions, dialect: Dialect) -> Result<Self, ClientError> {
        Self::with_limits(connection, dialect, ConnectionLimits::default())
    }

    fn with_limits(mut connection: ConnectionOptions, dialect: Dialect, limits: ConnectionLimits) -> Result<Self, ClientError> {
        let url =
            Url::parse(&dialect.url).ok().filter(|url| url.scheme() == "https" && url.has_host()).ok_or(ClientError::Url)?;
        let target = url[url::Position::BeforePath..url::Position::AfterQuery].parse().map_err(|_| ClientError::Url)?;
        let headers = headers(&dialect, &url)?;
        let handshakes = HandshakeCount::default();
        let tls = tls::config(&connection, &handshakes);
        connection.client_key_pem.zeroize();
        let host = tcp::host(&url).ok_or(ClientError::Url)?;
        let connector = Connector {
            name: ServerName::try_from(host.clone()).map_err(|_| ClientError::Url)?,
            host,
            port: tcp::port(&url),
            tls: Arc::new(tls?),
            connect_timeout: connection.connect_timeout,
            idle: IdleConnections::new(limits),
            #[cfg(test)]
            names: Arc::default(),
        };
        Ok(Self { connector, url, target, headers, dialect, handshakes })
    }

    /// The number of full TLS handshakes in which the server requested our certificate.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.handshakes.count()
    }

    /// As [`crate::cpis::Register::author`].
    pub fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        query::author(requester, &self.dialect).map(|author| author.as_sent())
    }

    /// As [`crate::cpis::Register::ask`]. Dropping the future closes its connection: a reply that nobody waits for is never read by the next.
    pub async fn ask(&self, question: &Question, ids: &MessageIds) -> Result<Answer, RegisterError> {
        let document = envelope::request(question, &self.dialect, ids, clock::now())?;
        let exchange = Exchange::begin(question.traceparent.as_ref(), &self.url);
        let outcome = exchange.work().around(self.converse(&exchange, question, document)).await;
        exchange.end(outcome.as_ref().err());
        let understood = outcome.and_then(|(connection, whole)| {
            let understood = self.understand(&whole, connection.is_at_its_first(), question, ids)?;
            let is_good = understood.names_ours && whole.has_one_length;
            Ok((is_good.then_some(connection), understood.answer))
        });
        match understood {
            Ok((Some(connection), answer)) => {
                self.connector.idle.keep(connection);
                Ok(answer)
            }
            Ok((None, answer)) => {
                self.connector.idle.empty();
                Ok(answer)
            }
            Err(failure) => {
                if !matches!(failure.phase, Phase::Build | Phase::Connect) {
                    self.connector.idle.empty();
                }
                Err(failure)
            }
        }
    }

    /// Sends the query and reads the whole reply, on a connection that no other exchange uses meanwhile.
    async fn converse(
        &self,
        exchange: &Exchange,
        question: &Question,
        document: String,
    ) -> Result<(SmspConnection, DecodedReply), RegisterError> {
        let request = self.request(exchange, question, document)?;
        let (connection, reply) = self.connector.send(exchange, request).await?;
        exchange.answered(reply.status(), reply.version());
        let (head, body) = reply.into_parts();
        let body = body::decode(body::read(body).await?, &head.headers)?;
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let has_one_length = body::has_one_length(&head.headers);
        Ok((connection, DecodedReply { status: head.status.as_u16(), content_type, body, has_one_length }))
    }

    fn request(&self, exchange: &Exchange, question: &Question, document: String) -> Result<Request<QueryBody>, RegisterError> {
        let internal = |_| RegisterError::new(RegisterErrorKind::Internal, Phase::Build, Delivery::NotDelivered);
        let mut request = Request::post(self.target.clone()).body(exchange.body(document)).map_err(internal)?;
        request.headers_mut().clone_from(&self.headers);
        if let Some(traceparent) = self.traceparent(exchange, question) {
            request.headers_mut().insert("traceparent", traceparent);
        }
        Ok(request)
    }

    /// The exchange's own span, or the caller's if this service does not trace.
    fn traceparent(&self, exchange: &Exchange, question: &Question) -> Option<HeaderValue> {
        if !self.dialect.send_traceparent {
            return None;
        }
        let asks = || question.traceparent.as_ref().map(|text| text.as_str().to_owned());
        HeaderValue::try_from(exchange.work().traceparent().or_else(asks)?).ok()
    }

    fn understand(
        &self,
        whole: &DecodedReply,
        is_first_reply: bool,
        question: &Question,
        ids: &MessageIds,
    ) -> Result<CorrelatedAnswer, RegisterError> {
        let _translating = spans::translation(Translation::Hl7V3);
        response::understand(
            SmspReply { status: whole.status, content_type: whole.content_type.as_deref(), body: &whole.body },
            QueryContext {
                nhs_number: &question.nhs_number,
                message_id: &ids.message,
                wrapper_id: (self.dialect.payload_form == PayloadForm::Tms).then_some(ids.wrapper.as_str()),
                query_id: &ids.query,
                received: clock::now(),
                is_first_reply,
            },
        )
    }
}

/// A whole reply with a decoded body.
struct DecodedReply {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
    has_one_length: bool,
}

/// The headers that every request carries (wire.md 5.1).
fn headers(dialect: &Dialect, url: &Url) -> Result<HeaderMap, ClientError> {
    let action = if dialect.soap_action_quoted { format!("\"{}\"", dialect.action) } else { dialect.action.clone() };
    let action = HeaderValue::try_from(action).map_err(|_| ClientError::Action)?;
    let authority = HeaderValue::try_from(&url[url::Position::BeforeHost..url::Position::AfterPort]);
    Ok(HeaderMap::from_iter([
        (HOST, authority.map_err(|_| ClientError::Url)?),
        (CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")),
        (ACCEPT, HeaderValue::from_static("text/xml")),
        // Without this header any coding would be acceptable (RFC 9110 12.5.3).
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (USER_AGENT, HeaderValue::from_static(OWN_NAME)),
        (HeaderName::from_static("soapaction"), action),
    ]))
}
