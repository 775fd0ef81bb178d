//! Servers of one test each.

pub mod postgres;
pub mod redis;
