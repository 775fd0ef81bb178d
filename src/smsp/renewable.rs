//! A register behind an SMSP whose certificates can be renewed while queries are under way.
//!
//! A query ends on the client that started it. The next query uses the new client and a new connection.

use super::client::{Client, ClientError};
use super::probe::SmspProbe;
use super::{ConnectionOptions, Dialect};
use crate::cpis::{
    AskFuture, AuthorAsSent, Credentials, MessageIds, ProbeError, ProbeFuture, Question, Register, RegisterError, RenewalError,
    Requester,
};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The register behind an SMSP, with its newest certificates.
pub struct RenewableRegister {
    current: ArcSwap<Current>,
    /// What the next client is made of besides its credentials. The lock also serialises renewals.
    dialect: Mutex<Dialect>,
    connect_timeout: Duration,
}

struct Current {
    client: Client,
    probe: SmspProbe,
}

impl Current {
    fn new(connection: ConnectionOptions, dialect: &Dialect) -> Result<Self, ClientError> {
        let probe = SmspProbe::new(&connection, &dialect.url)?;
        Ok(Self { client: Client::new(connection, dialect.clone())?, probe })
    }
}

impl RenewableRegister {
    /// # Errors
    /// As [`Client::new`].
    pub fn new(connection: ConnectionOptions, dialect: Dialect) -> Result<Self, ClientError> {
        let connect_timeout = connection.connect_timeout;
        let current = Current::new(connection, &dialect)?;
        Ok(Self { current: ArcSwap::from_pointee(current), dialect: Mutex::new(dialect), connect_timeout })
    }
}

impl Register for RenewableRegister {
    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        self.current.load().client.author(requester)
    }

    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> AskFuture<'a> {
        let current = self.current.load_full();
        Box::pin(async move { current.client.ask(question, ids).await })
    }

    fn probe(&self) -> ProbeFuture {
        let probe = self.current.load().probe.clone();
        Box::pin(async move { probe.shake_hands().await.map_err(ProbeError) })
    }

    fn renew(&self, credentials: Credentials) -> Result<(), RenewalError> {
        let Credentials { ca_pem, client_cert_pem, client_key_pem, username } = credentials;
        let connection = ConnectionOptions { ca_pem, client_cert_pem, client_key_pem, connect_timeout: self.connect_timeout };
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        let username = username.unwrap_or_else(|| dialect.username.clone());
        let renewed = Dialect { username, ..dialect.clone() };
        let current = Current::new(connection, &renewed).map_err(|error| RenewalError(error.to_string()))?;
        self.current.store(Arc::new(current));
        *dialect = renewed;
        Ok(())
    }
}
