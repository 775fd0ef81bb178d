//! Everything that needs Rust alone, in one program: building and linking one is quicker than forty. What needs PostgreSQL or Redis is in
//! `tests/stores`; the ignored tests in here need root, OpenSSL or xmllint, or take minutes, and `.ci/run` runs them.
//!
//! The tests share this process. What is the whole process's (the panic hook, the subscriber of the log) is tried in a process of its own:
//! a test starts this program again for that (`panics.rs`, `trail_sqlite.rs`, `telemetry/leaks/panics.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod access;
mod architecture;
mod audit_commands;
mod batch;
mod bombs;
mod check;
mod commands;
mod connections;
mod crash;
mod days;
mod documents;
mod evidence;
mod faults;
mod formats;
mod full_disk;
mod inbound;
mod kit;
mod lifecycle;
mod looks;
mod memory;
mod no_trail;
mod openapi;
mod outcomes;
mod pages;
mod panics;
mod read;
mod renewal;
mod restart;
mod round_trip;
mod rule_book;
mod schemas;
mod search;
mod telemetry;
mod trail_sqlite;
