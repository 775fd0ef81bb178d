//! Nothing of a child in anything that goes out.

use super::super::collector::{Collector, Manner, borrowed};
use super::super::traces::{trace, traceparent};
use crate::common::{TestApp, leaks};
use cpis_fhir::simulator::scenario::Scenario;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_child_is_in_a_span_a_metric_a_log_or_on_the_page() {
    let collector = Collector::start(Manner::Takes).await;
    let mut variables = collector.variables();
    variables.extend([("SMSP__TIMEOUT".to_owned(), "1s".to_owned()), ("SMSP__CONNECT_TIMEOUT".to_owned(), "1s".to_owned())]);
    variables.push(("SMSP__LATE_TIMEOUT".to_owned(), "1s".to_owned()));
    let mut app = TestApp::with(&borrowed(&variables)).await;
    let children: Vec<String> = Scenario::built_in().children().map(|(number, _)| number.digits().to_owned()).collect();
    for child in &children {
        app.look(child).await;
    }
    // Where a caller may put a number that is then nobody's to repeat.
    for path in
        ["Flag/9990000018", "9990000018", "Flag?patient=9990000018&given=Secretname", "_page/9990000018", "Flag?9990000018=x"]
    {
        app.get(path).await;
    }
    let headers = [("X-Request-ID", "9990000018"), ("Authorization", "Bearer Secretname"), ("baggage", "a=Secretname")];
    for header in headers {
        app.get_with("Flag?patient=9990000018", &[header]).await;
    }
    app.search("Flag", &[("patient", "9990000018"), ("name", "Secretname")]).await;
    app.get_with("Flag?patient=9990000034", &[("traceparent", &traceparent()), ("CPIS-New-Look", "true")]).await;
    trace(&collector).await;
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
    assert_eq!(tokio::task::block_in_place(|| app.service.stop()), Some(0));

    leaks::assert_tells_nothing(&app.service.said(), &["Secretname"], children.len());
    leaks::assert_holds_nothing(&page, &["Secretname"]);
    let (decoded, raw, spans, records) = collector.look(|received| {
        let decoded = format!("{:?}\n{:?}\n{:?}", received.traces, received.metrics, received.logs);
        (decoded, received.raw.concat(), received.spans().len(), received.records().len())
    });
    assert!(spans > 5 * children.len() && records >= children.len(), "only {spans} spans and {records} records came");
    assert!(decoded.contains("cpis.lookups") && decoded.contains("GET /FHIR/R4/Flag"));
    leaks::assert_holds_nothing(&decoded, &["Secretname"]);
    leaks::assert_bytes_hold_nothing(&raw, &["Secretname"]);
}
