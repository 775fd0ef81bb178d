//! A restart remembers: no look is asked twice because the service was killed, stopped or started anew, and what had been answered is shown
//! again (decisions.md 42).

mod clocks;
mod file;
mod kills;
mod stops;
