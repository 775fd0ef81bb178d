//! The HTTP door: routes, headers, limits, and every error as an OperationOutcome.
//!
//! Every request goes through [`dispatch`](dispatch::dispatch) once its head is parsed; a request that is not ours to answer goes no further.

mod audit;
mod batch;
mod body;
mod caller;
mod children;
mod conformance;
mod connection;
mod cors;
mod descriptors;
mod dispatch;
mod headers;
pub mod health;
mod lookup_span;
mod media;
mod options;
pub mod problem;
mod rate;
mod read;
mod refusals;
mod request_context;
mod response;
pub mod routes;
mod search;
mod server;
pub mod tls;

pub use connection::ENDINGS;
pub use options::{
    AdminOptions, BatchLimits, FhirOptions, HandlingPolicy, Limits, Options, ScheduledCare, ServerOptions, ServerTls,
};
pub use server::{Bound, ServeError, bind};

use crate::access::{Access, Identity};
use crate::audit::{Inquiry, Trail};
use crate::fhir::id::IdKeys;
use crate::lookup::Lookups;
use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use children::Children;
use conformance::ConformanceDocuments;
use headers::CallerHeaders;
use health::RegisterHealth;
use rate::Rates;
use refusals::Refusals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every request needs.
pub struct App {
    pub options: Options,
    pub access: Access,
    pub lookups: Lookups,
    pub trail: Trail,
    ids: ArcSwap<IdKeys>,
    pub register_health: RegisterHealth,
    pub documents: ConformanceDocuments,
    rates: Rates,
    children: Children,
    refusals: Refusals,
    /// Where there is a trail: its search on the admin listener.
    pub inquiry: Option<Inquiry>,
    /// Its connections read it too.
    draining: Arc<AtomicBool>,
}

impl App {
    pub fn new(
        options: Options,
        access: Access,
        lookups: Lookups,
        trail: Trail,
        ids: IdKeys,
        register_health: RegisterHealth,
    ) -> Self {
        let documents = ConformanceDocuments::new(&options, access.options());
        let limits = options.limits;
        let rates = Rates::new(limits.requests_per_second);
        let children = Children::new(limits.children_per_user, limits.children_window);
        Self {
            options,
            access,
            lookups,
            trail,
            ids: ArcSwap::from_pointee(ids),
            register_health,
            documents,
            rates,
            children,
            refusals: Refusals::default(),
            inquiry: None,
            draining: Arc::default(),
        }
    }

    /// With the search of the trail on the admin listener.
    #[must_use]
    pub fn with_inquiry(mut self, inquiry: Inquiry) -> Self {
        self.inquiry = Some(inquiry);
        self
    }

    /// The keys of ids, as they are now.
    fn ids(&self) -> Arc<IdKeys> {
        self.ids.load_full()
    }

    /// Makes ids with these keys from now on.
    pub fn renew_ids(&self, ids: IdKeys) {
        self.ids.store(Arc::new(ids));
    }

    /// Puts counted refusals on the trail that are not there yet.
    pub async fn settle_refusals(&self) {
        self.refusals.settle(&self.trail).await;
    }

    /// From now on the service is not ready, and every answer closes its connection. Further requests are still answered.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The kinds of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// FHIR and health.
    Public,
    /// Health, metrics and the trail's search.
    Admin,
}

/// A request of somebody who may ask, on its way to its handler.
#[derive(Clone, Copy)]
struct AdmittedRequest<'r> {
    app: &'r App,
    request: &'r HttpRequest,
    caller: &'r CallerHeaders,
    identity: &'r Identity,
}
