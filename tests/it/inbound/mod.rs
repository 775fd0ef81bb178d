//! The listeners, against callers who hoard, hurry, mumble and say one thing in two ways: the real binary, byte by byte.

mod clients;
mod cors;
mod framing;
mod hoarders;
mod scarce;
mod soup;
mod tls;
