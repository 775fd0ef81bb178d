//! The newest measurement with an exported trace, for each bucket of a histogram: it leads from a slow bucket to one trace.
//!
//! OpenTelemetry's SDK for Rust keeps no exemplars, so we keep them next to the instrument and record both in one call. An
//! exemplar is a trace id, a duration and a time: nothing of a request.

use opentelemetry::TraceId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The most series with exemplars, about 800 bytes each. Labels have fixed vocabularies, so there are fewer.
const MOST_SERIES: usize = 512;

/// One measurement, and the trace it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::telemetry) struct Exemplar {
    pub trace: TraceId,
    /// Seconds.
    pub value: f64,
    pub at: SystemTime,
}

/// The exemplars of one histogram; `S` tells its series apart.
pub(super) struct Exemplars<S> {
    bounds: &'static [f64],
    series: Mutex<HashMap<S, Vec<Option<Exemplar>>>>,
}

impl<S: Clone + Eq + Hash> Exemplars<S> {
    /// `bounds`: the upper bounds of the instrument's buckets, without +Inf.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, series: Mutex::default() }
    }

    /// Records one measurement; `trace` if it is exported. Only the newest of a bucket stays.
    pub(super) fn record(&self, trace: Option<TraceId>, seconds: f64, series: impl FnOnce() -> S) {
        let Some(trace) = trace else { return };
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        let exemplar = Exemplar { trace, value: seconds, at: SystemTime::now() };
        let mut known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let (series, room) = (series(), known.len() < MOST_SERIES);
        if room || known.contains_key(&series) {
            let buckets = known.entry(series).or_insert_with(|| vec![None; self.bounds.len() + 1]);
            buckets[bucket] = Some(exemplar);
        }
    }

    /// All exemplars at this moment: for each series one slot per bucket, the last for values over every bound.
    pub(super) fn all(&self) -> Vec<(S, Vec<Option<Exemplar>>)> {
        let known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(series, buckets)| (series.clone(), buckets.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [f64; 2] = [0.1, 1.0];

    fn traces(exemplars: &Exemplars<u32>, series: u32) -> Vec<Option<u128>> {
        let all = exemplars.all();
        let buckets = all.iter().find(|(known, _)| *known == series).map(|(_, buckets)| buckets.clone()).unwrap_or_default();
        buckets.iter().map(|exemplar| exemplar.map(|exemplar| u128::from_be_bytes(exemplar.trace.to_bytes()))).collect()
    }

    fn trace(number: u128) -> TraceId {
        TraceId::from_bytes(number.to_be_bytes())
    }

    #[test]
    fn the_newest_of_each_bucket_stays() {
        let exemplars = Exemplars::new(&BOUNDS);
        // A bound belongs to its bucket, as `le` says.
        for (number, seconds) in [(1, 0.05), (2, 0.1), (3, 0.5), (4, 1.0), (5, 1.1)] {
            exemplars.record(Some(trace(number)), seconds, || 7);
        }
        assert_eq!(traces(&exemplars, 7), [Some(2), Some(4), Some(5)]);
    }

    #[test]
    fn what_is_not_exported_leaves_nothing() {
        let exemplars = Exemplars::new(&BOUNDS);
        exemplars.record(None, 0.05, || 7);
        assert!(exemplars.all().is_empty());
        exemplars.record(Some(trace(1)), 0.05, || 7);
        exemplars.record(None, 0.06, || 7);
        assert_eq!(traces(&exemplars, 7), [Some(1), None, None]);
    }

    #[test]
    fn series_are_bounded_and_those_that_are_known_go_on() {
        let exemplars = Exemplars::new(&BOUNDS);
        for series in 0..2 * u32::try_from(MOST_SERIES).unwrap() {
            exemplars.record(Some(trace(1)), 0.05, || series);
        }
        assert_eq!(exemplars.all().len(), MOST_SERIES);
        exemplars.record(Some(trace(2)), 0.05, || 0);
        assert_eq!(traces(&exemplars, 0), [Some(2), None, None]);
    }
}
