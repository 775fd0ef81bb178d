//! A restart remembers: no look is asked twice because the service was killed, stopped or started anew, and what had been answered is shown
//! again (decisions.md 42).
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "restart/clocks.rs"]
mod clocks;
mod common;
#[path = "restart/database.rs"]
mod database;
#[path = "restart/file.rs"]
mod file;
#[path = "restart/kills.rs"]
mod kills;
#[path = "restart/place.rs"]
mod place;
#[path = "restart/stops.rs"]
mod stops;
