//! Telemetry as a collector, a scraper and a reader of the log see it: the real binary, a real receiver of OTLP.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

#[path = "telemetry/collector.rs"]
mod collector;
#[path = "telemetry/grpc.rs"]
mod grpc;
#[path = "telemetry/leaks.rs"]
mod leaks;
#[path = "telemetry/outcomes.rs"]
mod outcomes;
#[path = "telemetry/page.rs"]
mod page;
#[path = "telemetry/sampling.rs"]
mod sampling;
#[path = "telemetry/traces.rs"]
mod traces;
#[path = "telemetry/trouble.rs"]
mod trouble;
