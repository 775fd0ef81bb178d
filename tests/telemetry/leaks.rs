//! Nothing of a child, of a clinician, of an authority and of a token in anything that goes out, on any path.

#[path = "leaks/answers.rs"]
mod answers;
#[path = "leaks/callers.rs"]
mod callers;
#[path = "leaks/gateway.rs"]
mod gateway;
#[path = "leaks/handshakes.rs"]
mod handshakes;
#[path = "leaks/panics.rs"]
mod panics;
#[path = "leaks/people.rs"]
mod people;
#[path = "leaks/scenario.rs"]
mod scenario;
#[path = "leaks/tokens.rs"]
mod tokens;
#[path = "leaks/troubles.rs"]
mod troubles;
#[path = "leaks/watch.rs"]
mod watch;

#[test]
fn a_canary_is_found_in_every_form() {
    crate::common::canaries::assert_finds_every_form();
}
