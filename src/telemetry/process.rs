//! The process as the kernel sees it, under the names of Prometheus' own libraries. Read from `/proc` with the page; without
//! `/proc` there are no values. Not sent by OTLP: its collectors have their own receivers for this.

use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};
use std::fs;

/// Ticks per second in `/proc`: always this many, whatever the kernel uses inside (USER_HZ, proc(5)).
const TICKS: f64 = 100.0;

/// Processor time in seconds, memory in bytes, open files and their limit, and the start of the process in Unix time.
pub(super) fn families() -> Vec<MetricFamily> {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
    // The folder itself is open while it is read.
    let open = fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1));
    #[allow(clippy::cast_precision_loss, reason = "so many files are never open")]
    let open = open.map(|open| open as f64);
    let began = || Some(after(&machine, "btime")? + ticks(&stat, 22)? / TICKS);
    let read = [
        ("process_cpu_seconds_total", "Processor time, in the kernel too", cpu(&stat)),
        ("process_resident_memory_bytes", "Memory that is held", after(&status, "VmRSS:").map(|kib| kib * 1024.0)),
        ("process_open_fds", "Files and connections that are open", open),
        ("process_max_fds", "Files and connections that may be open", after(&limits, "Max open files")),
        ("process_start_time_seconds", "When the process began, in Unix time", began()),
    ];
    read.into_iter().filter_map(|(name, help, value)| Some(family(name, help, value?))).collect()
}

/// In user mode and in the kernel.
fn cpu(stat: &str) -> Option<f64> {
    Some((ticks(stat, 14)? + ticks(stat, 15)?) / TICKS)
}

/// A field of `/proc/[pid]/stat` by its number in proc(5). The second one, a name in brackets, may hold anything.
fn ticks(stat: &str, number: usize) -> Option<f64> {
    let (_, from_third) = stat.rsplit_once(')')?;
    from_third.split_ascii_whitespace().nth(number - 3)?.parse().ok()
}

/// The number after `words` at the beginning of a line.
fn after(text: &str, words: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(words))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

fn family(name: &str, help: &str, value: f64) -> MetricFamily {
    let (mut family, mut metric) = (MetricFamily::default(), Metric::default());
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    if name.ends_with("_total") {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
        family.set_field_type(MetricType::COUNTER);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        family.set_field_type(MetricType::GAUGE);
    }
    family.set_metric(vec![metric]);
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "18039 (cpis fhir) 14 R) S 18004 18004 25576 0 -1 4194304 101 0 0 0 250 50 0 0 20 0 1 0 2510598 3133440 383 1";

    #[test]
    fn times_are_found_after_a_name_that_holds_anything() {
        assert_eq!((cpu(STAT), ticks(STAT, 22)), (Some(3.0), Some(2_510_598.0)));
        assert_eq!((cpu(""), cpu("1 (x) R 1 2")), (None, None));
    }

    #[test]
    fn numbers_are_found_after_their_words() {
        let status = "Name:\tcpis\nVmHWM:\t  999 kB\nVmRSS:\t   12345 kB\n";
        assert_eq!(after(status, "VmRSS:"), Some(12_345.0));
        assert_eq!(
            after("Max open files            1024                 524288               files", "Max open files"),
            Some(1024.0)
        );
        assert_eq!(after("Max open files            unlimited            unlimited            files", "Max open files"), None);
        assert_eq!(after(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_told_of() {
        let families = families();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_gauge().get_value() + metric.get_counter().get_value()
        };
        assert!(value("process_resident_memory_bytes") > 1e6 && value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..86_400.0).contains(&age), "{age}");
        assert!(value("process_cpu_seconds_total") >= 0.0);
    }
}
