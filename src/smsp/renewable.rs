//! The SMSP with certificates that may be renewed while queries are under way.
//!
//! A query ends on the client with which it began. The next one goes out on the new one, on a connection of its own.

use super::client::{Client, ClientError};
use super::probe::Probe;
use super::{Connection, Dialect};
use crate::cpis::{AskFuture, AuthorAsSent, MessageIds, Question, Register, RegisterError, Requester};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};

/// The register behind an SMSP, and the probe of it, both with the certificates that were given last.
pub struct Renewable {
    now: ArcSwap<Now>,
    /// What the next client is made of, and who makes it.
    dialect: Mutex<Dialect>,
}

struct Now {
    client: Client,
    probe: Probe,
}

impl Now {
    fn new(connection: Connection, dialect: &Dialect) -> Result<Self, ClientError> {
        let probe = Probe::new(&connection, &dialect.url)?;
        Ok(Self { client: Client::new(connection, dialect.clone())?, probe })
    }
}

impl Renewable {
    /// # Errors
    /// As [`Client::new`].
    pub fn new(connection: Connection, dialect: Dialect) -> Result<Self, ClientError> {
        let now = Now::new(connection, &dialect)?;
        Ok(Self { now: ArcSwap::from_pointee(now), dialect: Mutex::new(dialect) })
    }

    /// From now on queries go out on `connection`, in the name of `username` where there is one.
    ///
    /// # Errors
    /// As [`Client::new`]; then everything is as it was.
    pub fn renew(&self, connection: Connection, username: Option<String>) -> Result<(), ClientError> {
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        let username = username.unwrap_or_else(|| dialect.username.clone());
        let renewed = Dialect { username, ..dialect.clone() };
        self.now.store(Arc::new(Now::new(connection, &renewed)?));
        *dialect = renewed;
        Ok(())
    }

    /// The probe with the certificates of now.
    pub fn probe(&self) -> Probe {
        self.now.load().probe.clone()
    }
}

impl Register for Renewable {
    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        self.now.load().client.author(requester)
    }

    fn ask<'a>(&'a self, question: &'a Question, ids: &'a MessageIds) -> AskFuture<'a> {
        let now = self.now.load_full();
        Box::pin(async move { now.client.ask(question, ids).await })
    }
}
