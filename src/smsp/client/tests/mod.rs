mod exchanges;
mod handshakes;
mod pool;
mod server;

use super::*;
use crate::smsp::{
    query::sample,
    tls::certificates::{CertificatePair, TestCa, connection},
};
use rustls::version::{TLS12, TLS13};
use server::{Server, Step};
use std::time::Duration;

/// One CA, and a certificate for each end.
struct World {
    ca: TestCa,
    server: CertificatePair,
    client: CertificatePair,
}

impl World {
    fn new() -> Self {
        let ca = TestCa::new("Example CA");
        let (server, client) = (ca.issue(&["127.0.0.1", "localhost"]), ca.issue(&["cpis-client.example"]));
        Self { ca, server, client }
    }

    async fn serve(&self, script: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> (Server, Client) {
        let server = Server::start(server::config(&self.server, &self.ca, &TLS13), script).await;
        let client = self.client(&server);
        (server, client)
    }

    fn client(&self, server: &Server) -> Client {
        self.client_with(server, ConnectionLimits::default())
    }

    fn client_with(&self, server: &Server, limits: ConnectionLimits) -> Client {
        let dialect = to(&format!("https://{}/cpis", server.address));
        Client::with_limits(connection(&self.ca, &self.client), dialect, limits).unwrap()
    }
}

impl Client {
    fn name_is(&self, names: connections::NameResolution) {
        *self.connector.names.lock().unwrap() = names;
    }
}

fn to(url: &str) -> Dialect {
    Dialect { url: url.to_owned(), ..sample::dialect() }
}

async fn ask(client: &Client) -> Result<Answer, RegisterError> {
    client.ask(&sample::question(sample::local_user()), &MessageIds::fresh()).await
}

/// Whether the whole reply reached the reader, whatever the result.
fn understood(result: &Result<Answer, RegisterError>) -> bool {
    result.as_ref().err().is_none_or(|failure| failure.phase == Phase::Understand)
}

fn failed(result: Result<Answer, RegisterError>) -> (RegisterErrorKind, Phase, Delivery) {
    let failure = result.unwrap_err();
    (failure.kind, failure.phase, failure.delivery)
}

const LOST_BEFORE_REPLY: (RegisterErrorKind, Phase, Delivery) =
    (RegisterErrorKind::ConnectionLost, Phase::Exchange, Delivery::MaybeDelivered);
const LOST_IN_REPLY: (RegisterErrorKind, Phase, Delivery) =
    (RegisterErrorKind::ConnectionLost, Phase::Read, Delivery::MaybeDelivered);
const TOO_LARGE: (RegisterErrorKind, Phase, Delivery) = (RegisterErrorKind::TooLarge, Phase::Read, Delivery::MaybeDelivered);
