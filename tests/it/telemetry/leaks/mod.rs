//! Nothing of a child, of a clinician, of an authority and of a token in anything that goes out, on any path.

mod answers;
mod callers;
mod gateway;
mod handshakes;
mod panics;
mod people;
mod scenario;
mod tokens;
mod troubles;
mod watch;

#[test]
fn a_canary_is_found_in_every_form() {
    crate::common::canaries::assert_finds_every_form();
}
