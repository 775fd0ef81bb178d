//! A service that is watched: everything that it logs, exports, answers, asks for and leaves behind is kept, and searched after
//! its end.
//!
//! Every request has a trace of its own. A request of which no line, span or record was seen is a failure: what was not heard was
//! not searched.

use super::super::collector::{Collector, Manner, Received, attribute, borrowed, hex};
use super::people::{self, Secrets};
use crate::common::{Got, Service, client};
use cpis_fhir::simulator::certificates::Certificates;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub struct Watch {
    pub service: Service,
    pub http: reqwest::Client,
    collector: Collector,
    steps: Mutex<Vec<Step>>,
    tokens: Mutex<Vec<String>>,
    temporary: tempfile::TempDir,
}

/// A request and what came of it.
struct Step {
    what: String,
    /// `None` where no telemetry of its own is to be expected: a head that could not be read.
    trace: Option<String>,
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// What else must have been seen, and where else to look.
#[derive(Default)]
pub struct Ending<'a> {
    /// Who was asked by the service, and every request line and header of it.
    pub asked: Vec<(&'a str, Vec<u8>)>,
    /// Names of spans of which there must be at least one.
    pub spans: &'a [&'a str],
    /// Values of `outcome` that the log must have.
    pub outcomes: &'a [&'a str],
    /// Words that the log must have.
    pub lines: &'a [&'a str],
    /// Canaries were given as parts of an identity, which the trail holds in the clear.
    pub identities: bool,
}

impl Watch {
    /// With everything turned on that an operator can turn on.
    pub async fn open(certificates: &Certificates, smsp_url: &str, settings: &[(String, String)]) -> Self {
        Self::open_by(|all| Service::start(certificates, smsp_url, all), settings).await
    }

    /// The same of a service that is started in another way.
    pub async fn open_by(start: impl FnOnce(&[(&str, &str)]) -> Service, settings: &[(String, String)]) -> Self {
        let collector = Collector::start(Manner::Takes).await;
        let temporary = tempfile::tempdir().unwrap();
        let mut all = collector.variables();
        let turned_on = [
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("TMPDIR", &temporary.path().display().to_string()),
            ("SMSP__CONNECT_TIMEOUT", "2s"),
            ("SMSP__TIMEOUT", "4s"),
            ("SMSP__LATE_TIMEOUT", "4s"),
            // Nothing is dropped however slow the machine is: what was not exported was not searched.
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100000"),
            ("OTEL_BLRP_MAX_QUEUE_SIZE", "100000"),
            ("SMSP__BREAKER__FAILURES", "1000"),
            ("LIMITS__REQUESTS_PER_SECOND", "100000"),
        ];
        all.extend(turned_on.map(|(key, value)| (key.to_owned(), value.to_owned())));
        all.extend_from_slice(settings);
        let service = start(&borrowed(&all));
        Self { service, http: client(), collector, steps: Mutex::default(), tokens: Mutex::default(), temporary }
    }

    pub fn fhir(&self, path_and_query: &str) -> String {
        format!("{}/FHIR/R4/{path_and_query}", self.service.public)
    }

    /// The canary child's flags, asked for anew.
    pub async fn look(&self, what: &str) -> Got {
        self.get(what, &format!("Flag?patient={}", people::CHILD), &[("CPIS-New-Look", "true")]).await
    }

    pub async fn get(&self, what: &str, path_and_query: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = self.http.get(self.fhir(path_and_query));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(what, request).await
    }

    /// Sends it as a request of a trace of its own.
    pub async fn send(&self, what: &str, request: reqwest::RequestBuilder) -> Got {
        let trace = self.new_trace();
        let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
        let got = Got::read(request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"))).await;
        self.note(what, Some(trace), &got);
        got
    }

    /// Sends bytes and reads until the service closes. A head that cannot be read has no telemetry.
    pub async fn raw(&self, what: &str, bytes: &[u8]) -> u16 {
        let address = self.service.public.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut said = Vec::new();
        let reading = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_end(&mut said));
        let _ = reading.await.unwrap_or_else(|_| panic!("{what}: the connection stays open"));
        let status = String::from_utf8_lossy(&said).split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        self.steps.lock().unwrap().push(Step { what: what.to_owned(), trace: None, status, head: said, body: Vec::new() });
        status
    }

    /// A token that is nobody's to repeat, neither whole nor in its parts.
    pub fn token(&self, token: &str) -> String {
        let parts = token.split(['.', ' ']).chain([token]).filter(|part| part.len() >= 16);
        // The beginning is enough: the log also reports what was cut short.
        let beginnings = parts.map(|part| part[..part.len().min(32)].to_owned());
        self.tokens.lock().unwrap().extend(beginnings);
        token.to_owned()
    }

    fn new_trace(&self) -> String {
        format!("1eaf{:028x}", self.steps.lock().unwrap().len() + 1)
    }

    fn note(&self, what: &str, trace: Option<String>, got: &Got) {
        let head = format!("{:?}", got.headers).into_bytes();
        let step = Step { what: what.to_owned(), trace, status: got.status, head, body: got.text.clone().into_bytes() };
        self.steps.lock().unwrap().push(step);
    }

    /// Ends the service, and searches everything that came of it.
    pub async fn end(mut self, ending: &Ending<'_>) {
        for path in ["_status", "health/ready", "health/live"] {
            let got = Got::read(self.http.get(format!("{}/{path}", self.service.admin)).send().await.unwrap()).await;
            self.note(path, None, &got);
        }
        let scrape = self.http.get(format!("{}/metrics", self.service.admin));
        let open = scrape.try_clone().unwrap().header("Accept", "application/openmetrics-text");
        let page = scrape.send().await.unwrap().text().await.unwrap();
        let open = open.send().await.unwrap().text().await.unwrap();
        assert!(open.ends_with("# EOF\n"), "{open}");
        let process = Path::new("/proc").join(self.service.process_id().to_string());
        let (command, environment) = (std::fs::read(process.join("cmdline")), std::fs::read(process.join("environ")));
        assert_eq!(tokio::task::block_in_place(|| self.service.stop()), Some(0), "{}", self.service.said());
        let log = self.service.said();
        let secrets = Secrets::new(&self.tokens.lock().unwrap());
        self.heard_all(&log, &page, ending);

        secrets.all.assert_none("the log", log.as_bytes());
        secrets.all.assert_none("the page of metrics", page.as_bytes());
        secrets.all.assert_none("the page of metrics with exemplars", open.as_bytes());
        let (raw, decoded) = self.collector.look(|received| (received.raw.concat(), exported(received)));
        secrets.all.assert_none("what was exported, as it came", &raw);
        secrets.all.assert_none("what was exported", decoded.as_bytes());
        secrets.all.assert_none("the command line", &command.unwrap());
        secrets.all.assert_none("the environment", &environment.unwrap());
        for (whom, heads) in &ending.asked {
            assert!(!heads.is_empty(), "{whom} was asked nothing");
            secrets.all.assert_none(&format!("what {whom} was asked by"), heads);
        }
        for step in self.steps.lock().unwrap().iter() {
            step.assert_tells_nothing(&secrets);
        }
        let files = files(self.service.folder()).into_iter().chain(files(self.temporary.path()));
        for (path, bytes) in files {
            // User names stand on the trail in the clear (docs/audit.md); numbers, the child and its authority do not.
            let canaries = match (path.contains("audit"), ending.identities) {
                (false, _) => &secrets.all,
                (true, false) => &secrets.on_the_trail,
                (true, true) => &secrets.beside_identities,
            };
            canaries.assert_none(&path, &bytes);
        }
    }

    fn heard_all(&self, log: &str, page: &str, ending: &Ending<'_>) {
        let steps = self.steps.lock().unwrap();
        let (spans, records) = self.collector.look(|received| (received.spans(), received.records()));
        let of_trace = |id: &[u8], trace: &str| hex(id) == trace;
        for (step, trace) in steps.iter().filter_map(|step| Some((step, step.trace.as_deref()?))) {
            let what = &step.what;
            let lines: Vec<Value> =
                log.lines().filter(|line| line.contains(trace)).filter_map(|line| serde_json::from_str(line).ok()).collect();
            let told = lines.iter().any(|line| line["target"] == "cpis_fhir::request" && line["status"] == step.status);
            assert!(told, "no line of the log tells of {what}: {lines:?}");
            let is_server = |span: &&Span| of_trace(&span.trace_id, trace) && span.kind() == SpanKind::Server;
            let server = spans.iter().find(is_server).unwrap_or_else(|| panic!("no span tells of {what}"));
            assert_eq!(attribute(&server.attributes, "http.response.status_code"), Some(step.status.to_string()), "{what}");
            assert!(
                records.iter().any(|record| of_trace(&record.trace_id, trace)),
                "no record of the log was exported of {what}"
            );
        }
        let traced = steps.iter().filter(|step| step.trace.is_some()).count();
        assert!(traced > 0, "nothing was asked");
        let counted: f64 =
            page.lines().filter(|line| line.starts_with("http_server_request_duration_seconds_count")).map(value).sum();
        assert!(
            counted >= f64::from(u32::try_from(traced).unwrap()),
            "{counted} requests of {traced} are on the page of metrics"
        );
        assert!(page.len() > 4000, "the page of metrics is short: {page}");
        let metrics = self.collector.look(Received::metric_names);
        assert!(metrics.iter().any(|name| name == "http.server.request.duration"), "{metrics:?}");
        for name in ending.spans {
            assert!(spans.iter().any(|span| span.name == *name), "no span {name} was seen");
        }
        let outcomes: BTreeSet<&str> = log.split(r#""outcome":""#).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for outcome in ending.outcomes {
            assert!(outcomes.contains(outcome), "no outcome {outcome} was seen: {outcomes:?}");
        }
        for words in ending.lines {
            assert!(log.contains(words), "no line says {words}");
        }
    }
}

impl Step {
    fn assert_tells_nothing(&self, secrets: &Secrets) {
        let place = |part: &str| format!("the {part} that answers ({}) {}", self.status, self.what);
        secrets.all.assert_none(&place("head"), &self.head);
        if self.status >= 400 || self.trace.is_none() {
            secrets.people.assert_none(&place("body"), &self.body);
            // A failure names the numbers to ring, and is meant to (decisions.md 16).
            if !(self.status == 502 && String::from_utf8_lossy(&self.body).contains("CP-IS named this authority: ring ")) {
                secrets.all.assert_none(&place("body"), &self.body);
            }
            return;
        }
        secrets.tokens.assert_none(&place("body"), &self.body);
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let mut links = String::new();
        addresses(&json, &mut links);
        secrets.all.assert_none(&place("links of the body"), links.as_bytes());
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        for outcome in entries.iter().filter(|entry| entry["search"]["mode"] == "outcome") {
            secrets.people.assert_none(&place("remarks"), outcome.to_string().as_bytes());
        }
    }
}

fn exported(received: &Received) -> String {
    format!("{:?}\n{:?}\n{:?}", received.traces, received.metrics, received.logs)
}

fn value(line: &str) -> f64 {
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Everything in `json` that is an address, or a part of one.
fn addresses(json: &Value, into: &mut String) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| addresses(item, into)),
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Value::String(text)) = (["url", "fullUrl", "reference", "id"].contains(&name.as_str()), member) {
                    into.push_str(text);
                    into.push('\n');
                }
                addresses(member, into);
            }
        }
        _ => {}
    }
}

/// Every file under `folder`, with what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}
