//! Telemetry as a collector, a scraper and a reader of the log see it: the real binary, a real receiver of OTLP.

mod collector;
mod grpc;
mod leaks;
mod outcomes;
mod page;
mod sampling;
mod traces;
mod trouble;
