//! Tests of the whole reader, by subject. Every person and number is invented; NHS numbers are those of wire.md 8.3.

#![allow(clippy::format_collect)] // small documents: plainness counts, not allocations

mod accesses;
mod children;
mod codes;
mod deviations;
mod encoded;
mod faults;
mod hostile;
mod plans;
mod properties;
mod query_failed;
pub(in crate::smsp) mod samples;
mod statuses;
