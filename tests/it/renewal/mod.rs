//! Certificates, keys and passwords change while the service runs: nothing is dropped, and what is broken is not taken.

mod callers;
mod issuers;
mod keys;
mod smsp;
