//! Everything that can go wrong between the service and the SMSP: each is named by its status, none is "no plan", none is asked
//! twice, and the next look is served.

mod callers;
mod freeze;
mod handshakes;
mod load;
mod transport;

/// Short deadlines, few seconds until a late answer is given up,
/// and every look a query of its own.
const QUICK: [(&str, &str); 4] =
    [("SMSP__CONNECT_TIMEOUT", "500ms"), ("SMSP__TIMEOUT", "1s"), ("SMSP__LATE_TIMEOUT", "3s"), ("LOOKUP__SHARE_FOR", "0s")];
