//! A service with a trail on disk, before an SMSP that follows a script: what a test kills and starts again.

use crate::common::clock::MovedClock;
use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Got, Service, client};
use cpis_fhir::audit::Event;
use std::path::PathBuf;

/// An X-Request-ID, and another.
pub const ID: &str = "6f1c2a44-0b7e-4f0a-9d55-0c8f1a2b3c4d";
pub const OTHER_ID: &str = "0a9b8c7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d";

/// What a request may come with.
pub const WITH_AND_WITHOUT_AN_ID: [Option<&str>; 2] = [Some(ID), None];

pub struct Place {
    pub smsp: Scripted,
    pub trail: TrailFolder,
    pub clock: MovedClock,
    pub service: Service,
    settings: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

impl Place {
    /// Every query is answered with a record.
    pub async fn answered() -> Self {
        Self::with(&[], found).await
    }

    pub async fn with(settings: &[(&'static str, &str)], script: impl Fn(&Query) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::on(TrailFolder::sqlite(), settings, script).await
    }

    pub async fn on(
        trail: TrailFolder,
        settings: &[(&'static str, &str)],
        script: impl Fn(&Query) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let smsp = Scripted::start(script).await;
        let clock = MovedClock::new();
        let mut all = trail.settings();
        all.push(clock.setting());
        // Ids and links of before a restart are known after it.
        std::fs::write(trail.file("id.key"), "d".repeat(64)).unwrap();
        all.push(("FHIR__ID_KEY_FILE", trail.file("id.key").display().to_string()));
        all.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let service = start(&smsp, &all);
        Self { smsp, trail, clock, service, settings: all, http: client() }
    }

    /// Ends the service as a power cut would, and starts it again.
    pub fn kill_and_start(&mut self) {
        self.service.kill();
        self.start();
    }

    /// Stops the service as an operator does, and starts it again.
    pub fn stop_and_start(&mut self) {
        assert_eq!(self.service.stop(), Some(0));
        self.start();
    }

    pub fn start(&mut self) {
        self.service = start(&self.smsp, &self.settings);
    }

    pub async fn look(&self, id: Option<&str>) -> Got {
        self.look_with(id, &[]).await.unwrap()
    }

    /// `Err` where the connection broke before there was an answer.
    pub async fn look_with(&self, id: Option<&str>, headers: &[(&str, &str)]) -> Result<Got, reqwest::Error> {
        let id = id.map(|id| ("X-Request-ID", id));
        self.get(&format!("{}/FHIR/R4/Flag?patient={GOOD_CHILD}", self.service.public), id, headers).await
    }

    /// `GET` of a whole URL.
    pub async fn follow(&self, url: &str) -> Got {
        self.get(url, None, &[]).await.unwrap()
    }

    async fn get(&self, url: &str, id: Option<(&str, &str)>, headers: &[(&str, &str)]) -> Result<Got, reqwest::Error> {
        let mut request = self.http.get(url);
        for (name, value) in id.into_iter().chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Got { status, headers, text: response.text().await? })
    }

    /// Queries that the SMSP received whole.
    pub fn queries(&self) -> usize {
        self.smsp.queries().len()
    }

    pub fn window_file(&self) -> PathBuf {
        self.trail.file("audit.db.window")
    }

    /// The entries of one event on the trail.
    pub async fn count(&self, event: Event) -> usize {
        self.trail.told().await.iter().filter(|told| told.entry.event == event).count()
    }
}

fn start(smsp: &Scripted, settings: &[(&str, String)]) -> Service {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Service::start(&smsp.certificates, &smsp.url, &settings)
}

/// A record with one plan.
pub fn found(query: &Query) -> Vec<Step> {
    vec![Step::Send(scripted::http_ok(&scripted::found(query)))]
}

/// Nothing that an SMSP sends.
pub fn a_page(_: &Query) -> Vec<Step> {
    vec![Step::Send(scripted::http("502 Bad Gateway", "text/html", "<h1>Bad gateway</h1>"))]
}

/// Seconds.
pub fn age(got: &Got) -> u64 {
    got.header("Age").unwrap_or_else(|| panic!("no Age: {} {:?}", got.text, got.headers)).parse().unwrap()
}
