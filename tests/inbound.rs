//! The listeners, against callers who hoard, hurry, mumble and say one thing in two ways: the real binary, byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "inbound/clients.rs"]
mod clients;
mod common;
#[path = "inbound/cors.rs"]
mod cors;
#[path = "inbound/framing.rs"]
mod framing;
#[path = "inbound/hoarders.rs"]
mod hoarders;
#[path = "inbound/scarce.rs"]
mod scarce;
#[path = "inbound/soup.rs"]
mod soup;
#[path = "inbound/tls.rs"]
mod tls;
