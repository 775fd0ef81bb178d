//! Everything that can go wrong between the service and the SMSP: each is named by its status, none is "no plan", none is asked
//! twice, and the next look is served.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

#[path = "faults/callers.rs"]
mod callers;
#[path = "faults/freeze.rs"]
mod freeze;
#[path = "faults/handshakes.rs"]
mod handshakes;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/transport.rs"]
mod transport;

/// Short deadlines, few seconds until a late answer is given up,
/// and every look a query of its own.
const QUICK: [(&str, &str); 4] =
    [("SMSP__CONNECT_TIMEOUT", "500ms"), ("SMSP__TIMEOUT", "1s"), ("SMSP__LATE_TIMEOUT", "3s"), ("LOOKUP__SHARE_FOR", "0s")];
