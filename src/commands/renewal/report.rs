//! The result of a renewal, for the log, the trail and the metrics.

use crate::settings::{Fault, Part};
use crate::telemetry;

/// The result for each part.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RenewalReport {
    renewed: Vec<&'static str>,
    /// Parts that cannot be used as they are now, and why. The previous ones are still in use.
    kept: Vec<(&'static str, Vec<String>)>,
    waiting: Vec<String>,
}

impl RenewalReport {
    /// Adds a part. `put` puts it in place; it returns `None` if the part has not changed.
    pub fn part<T>(&mut self, name: &'static str, read: Part<T>, put: impl FnOnce(T) -> Option<Result<(), String>>) {
        match read.map(put) {
            Ok(None) => {}
            Ok(Some(Ok(()))) => self.renewed.push(name),
            Ok(Some(Err(problem))) => self.kept.push((name, vec![problem])),
            Err(faults) => self.keep(name, &faults),
        }
    }

    /// Adds that nothing could be read.
    pub fn keep_all(&mut self, faults: &[Fault]) {
        self.keep("everything", faults);
    }

    fn keep(&mut self, name: &'static str, faults: &[Fault]) {
        self.kept.push((name, faults.iter().map(ToString::to_string).collect()));
    }

    /// Sets the settings that take effect at the next start.
    pub fn wait(&mut self, settings: Vec<String>) {
        self.waiting = settings;
    }

    pub fn renewed(&self, name: &str) -> bool {
        self.renewed.contains(&name)
    }

    /// Writes the log and counts the parts that cannot be used. Returns the text for the trail, if an entry is due.
    pub fn publish(&self, was_asked: bool) -> Option<String> {
        for (part, problems) in &self.kept {
            telemetry::metrics().reload_failed();
            for problem in problems {
                tracing::error!(part, problem, "cannot be used as it is now: the previous one stays in use");
            }
        }
        if !self.renewed.is_empty() {
            tracing::info!(parts = self.renewed.join(", "), "renewed without a restart");
        } else if was_asked && self.kept.is_empty() {
            tracing::info!("read again: certificates and keys are as before");
        }
        if !self.waiting.is_empty() {
            tracing::warn!(settings = self.waiting.join(", "), "changed, and takes effect from the next start on");
        }
        (was_asked || !self.renewed.is_empty() || !self.kept.is_empty()).then(|| self.detail())
    }

    fn detail(&self) -> String {
        let kept = self.kept.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
        format!(
            "renewed {}; not usable, so that the former stays: {}; waiting for the next start: {}",
            or_none(self.renewed.join(", ")),
            or_none(kept),
            or_none(self.waiting.join(", ")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_own_result() {
        let mut report = RenewalReport::default();
        report.part("smsp", Ok(()), |()| Some(Ok(())));
        report.part("server.tls", Ok(()), |()| Some(Err("broken".to_owned())));
        report.part("audit", Ok(()), |()| None);
        report.wait(vec!["smsp.url".to_owned()]);
        assert!(report.renewed("smsp") && !report.renewed("server.tls") && !report.renewed("audit"));
        let text = report.publish(false).unwrap();
        assert_eq!(text, "renewed smsp; not usable, so that the former stays: server.tls; waiting for the next start: smsp.url");
    }

    #[test]
    fn nothing_is_said_of_a_change_that_changed_nothing() {
        let mut report = RenewalReport::default();
        report.part("smsp", Ok(()), |()| None);
        assert_eq!(report.publish(false), None);
        assert!(report.publish(true).is_some(), "who asks is on the trail");
    }
}
