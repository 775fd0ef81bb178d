//! The output of `check`, and its exit code.

use super::finding::{Finding, Status};
use serde_json::{Value, json};
use std::fmt;

/// Every finding, in the order of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

/// The exit code if nothing failed but there are warnings.
pub const WARNINGS_ONLY: u8 = 3;

impl Report {
    /// The worst status; `Ok` if all findings were skipped.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok).max(Status::Ok)
    }

    /// 0: all is well. 1: something failed. 3: warnings only.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.status() {
            Status::Skip | Status::Ok => 0,
            Status::Fail => 1,
            Status::Warn => WARNINGS_ONLY,
        }
    }

    #[must_use]
    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            let Finding { check, status, message, days_left } = finding;
            let mut object = json!({ "check": check, "status": status.name(), "message": message });
            if let Some(days) = days_left {
                object["days_left"] = json!(days);
            }
            object
        };
        json!({ "status": self.status().name(), "findings": self.0.iter().map(finding).collect::<Vec<_>>() })
    }

    fn count(&self, status: Status) -> usize {
        self.0.iter().filter(|finding| finding.status == status).count()
    }

    fn summary(&self) -> String {
        let [failed, warnings, ok, skipped] =
            [Status::Fail, Status::Warn, Status::Ok, Status::Skip].map(|status| self.count(status));
        let verdict = match self.status() {
            Status::Fail => "NOT WELL",
            Status::Warn => "well, with warnings",
            Status::Skip | Status::Ok => "all is well",
        };
        let warnings = if warnings == 1 { "1 warning".to_owned() } else { format!("{warnings} warnings") };
        format!("{verdict}: {failed} failed, {warnings}, {ok} ok, {skipped} skipped. CP-IS was asked nothing.")
    }
}

/// One line for each finding, with aligned columns, and a summary as the last line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for Finding { check, status, message, .. } in &self.0 {
            let word = if *status == Status::Fail { "FAIL" } else { status.name() };
            writeln!(f, "{word:<4}  {check:<width$}  {}", printable(message))?;
        }
        f.write_str(&self.summary())
    }
}

/// Names in certificates are untrusted text: they must not move the cursor or begin a line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(statuses: &[Status]) -> Report {
        Report(statuses.iter().map(|status| Finding::new("x", *status, "as it is")).collect())
    }

    #[test]
    fn the_worst_finding_decides() {
        use Status::{Fail, Ok, Skip, Warn};
        for (found, status, code) in [
            (&[Ok, Skip][..], Ok, 0),
            (&[][..], Ok, 0),
            (&[Skip][..], Ok, 0),
            (&[Ok, Warn, Skip], Warn, 3),
            (&[Warn, Fail, Ok], Fail, 1),
        ] {
            assert_eq!((report(found).status(), report(found).exit_code()), (status, code), "{found:?}");
        }
    }

    #[test]
    fn each_finding_is_one_line_and_a_last_one_sums_up() {
        let report = Report(vec![
            Finding::ok("settings", "whole"),
            Finding { days_left: Some(10), ..Finding::warn("smsp.client_cert", "CN trust\n\x1b[2J, 10 days left") },
            Finding::fail("smsp.tcp", "no connection"),
            Finding::skip("smsp.tls", "not tried"),
        ]);
        assert_eq!(
            report.to_string(),
            "ok    settings          whole\n\
             warn  smsp.client_cert  CN trust  [2J, 10 days left\n\
             FAIL  smsp.tcp          no connection\n\
             skip  smsp.tls          not tried\n\
             NOT WELL: 1 failed, 1 warning, 1 ok, 1 skipped. CP-IS was asked nothing."
        );
    }

    #[test]
    fn for_machines_it_is_one_object() {
        let report = Report(vec![
            Finding::ok("settings", "whole"),
            Finding { days_left: Some(10), ..Finding::warn("smsp.ca", "CN trust, 10 days left") },
        ]);
        let wanted = json!({"status": "warn", "findings": [
            {"check": "settings", "status": "ok", "message": "whole"},
            {"check": "smsp.ca", "status": "warn", "message": "CN trust, 10 days left", "days_left": 10},
        ]});
        assert_eq!(report.json(), wanted);
    }
}
