//! Panics whose messages hold everything that must not get out. The real binary has none to provoke, so this is a service of the
//! same parts, with a register and a probe that panic, in a process of its own.

use super::people::{CHILD, FAMILY, GIVEN, OTHER_CHILD, WORDS};
use super::watch::{Ending, Watch};
use crate::common::Service;
use crate::common::children::numbers;
use actix_web::web;
use cpis_fhir::access::Access;
use cpis_fhir::api::{self, App, health::RegisterHealth};
use cpis_fhir::audit;
use cpis_fhir::cpis::{
    AskFuture, AuthorAsSent, AuthorKind, CareSetting, Credentials, MessageIds, ProbeFuture, Question, Register, RegisterError,
    RegisterErrorKind, RenewalError, Requester,
};
use cpis_fhir::fhir::id::IdKeys;
use cpis_fhir::lookup::{Lookups, Patience, Rules};
use cpis_fhir::simulator::certificates::Certificates;
use cpis_fhir::{settings, telemetry};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const CHILD_PROCESS: &str = "telemetry::leaks::panics::a_service_of_parts_that_panic";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_tells_its_place_and_nothing_of_its_message() {
    let certificates = Certificates::generate("cpis-client.test").unwrap();
    let start = |all: &[(&str, &str)]| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", CHILD_PROCESS, "--nocapture", "--test-threads=1"]);
        Service::start_by(command, &certificates, "https://localhost:1/smsp", all)
    };
    let watch = Watch::open_by(start, &[("RUST_TEST_PANICS".to_owned(), "1".to_owned())]).await;
    for (at, number) in [CHILD, OTHER_CHILD, &numbers(3)[2]].into_iter().enumerate() {
        let path = format!("Flag?patient={number}");
        let setting = if number == OTHER_CHILD { "maternity" } else { "ambulance" };
        let headers = [("User-Agent", GIVEN), ("CPIS-New-Look", "true"), ("CPIS-Care-Setting", setting)];
        let got = watch.get(&format!("panic {at}"), &path, &headers).await;
        assert_eq!((got.status, got.issue().as_str()), (500, "exception"), "{at}: {}", got.text);
        assert!(!got.says_no_record());
    }
    // One inside the request's own task: the probe's.
    let status = watch.http.get(format!("{}/_status?{FAMILY}={CHILD}", watch.service.public)).header("Cookie", FAMILY);
    let got = status.send().await.unwrap();
    assert_eq!(got.status().as_u16(), 500);
    let body = got.text().await.unwrap();
    assert!(body.contains("A fault inside this service") && WORDS.iter().all(|word| !body.contains(word)), "{body}");
    let page = watch.http.get(format!("{}/metrics", watch.service.admin)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("\ncpis_panics_total 4\n"), "{page}");
    let lines = &["cpis_fhir::panic", "leaks/panics.rs", r#""message":"panic""#];
    watch.end(&Ending { spans: &["lookup", "access"], outcomes: &["internal"], lines, ..Ending::default() }).await;
}

/// Not a test: what the one above starts.
#[test]
#[ignore = "the child process of a test"]
fn a_service_of_parts_that_panic() {
    if std::env::var_os("RUST_TEST_PANICS").is_none() {
        return;
    }
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("CPIS_FHIR__"));
    let settings = settings::load(None, environment).unwrap();
    let telemetry = telemetry::start(settings.log);
    telemetry::silence_panic_messages();
    let core = tokio::runtime::Runtime::new().unwrap();
    let trail = core.block_on(audit::open(&settings.audit, core.handle().clone())).unwrap().trail;
    let rules = settings.lookup.rules;
    let rules = Rules { patience: Patience { connect: Duration::from_secs(1), ..rules.patience }, ..rules };
    let lookups = Lookups::new(Arc::new(Panicking), trail.clone(), rules, core.handle().clone());
    let access = Access::start(settings.access.clone(), core.handle()).unwrap();
    let ids = IdKeys::new(settings.id_keys.iter().map(|key| *key.bytes()).collect()).unwrap();
    let health = RegisterHealth::new(Arc::new(Panicking), core.handle().clone());
    let app = web::Data::new(App::new(settings.api.clone(), access, lookups, trail, ids, health));
    actix_web::rt::System::new().block_on(async move {
        let bound = api::bind(&app).unwrap();
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        tracing::info!(target: "cpis_fhir::test", public = %bound.public_address, admin = %bound.admin_address, "ready");
        let handles = bound.handles();
        let serving = actix_web::rt::spawn(bound.run());
        term.recv().await;
        for handle in handles {
            handle.stop(true).await;
        }
        serving.await.unwrap().unwrap();
    });
    drop((core, telemetry));
}

/// Panics with what it is asked about, in another way for each child; for maternity before anything is asked.
struct Panicking;

impl Register for Panicking {
    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        assert_ne!(requester.care_setting, CareSetting::Maternity, "the author of {}: {requester:?}", WORDS.join(" "));
        Ok(AuthorAsSent {
            template: AuthorKind::Person,
            id: "555000111222".into(),
            role_profile_id: None,
            role_code: "R0260".into(),
            role_name: "Doctor".into(),
            name: "Asha Example".into(),
            organisation_ods: "RX1".into(),
            organisation_name: "Example Trust".into(),
            nominated: false,
        })
    }

    fn probe(&self) -> ProbeFuture {
        panic!("the probe of {}", WORDS.join(" "))
    }

    fn renew(&self, _: Credentials) -> Result<(), RenewalError> {
        unreachable!("nothing is renewed here")
    }

    fn ask<'a>(&'a self, question: &'a Question, _ids: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async move {
            let digits = question.nhs_number.digits();
            if digits == CHILD {
                std::panic::panic_any(format!("{digits} {}", WORDS.join(" ")));
            }
            let kind: Result<RegisterErrorKind, String> = Err(format!("{digits} {GIVEN} {FAMILY}"));
            panic!("{kind:?} of {}", kind.clone().unwrap_err())
        })
    }
}
