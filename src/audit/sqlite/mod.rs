//! The trail in an SQLite file: for one machine, with no server to run.
//!
//! One connection writes, in the trail's own thread; a few others read.
//!
//! - `schema`: the table, its indexes, and the triggers that refuse every change.
//! - `file`: which file this is, and whether it is still there. `room`: how much more it can take.
//! - `writer`, `reader`, `find`: the store's two sides. `retire`: removes archived lines.
//! - `integrity`: whether all of it is as it was made. `trial`: whether the file takes lines.
//! - `error`: converts SQLite's errors.

mod error;
mod file;
mod find;
mod integrity;
mod reader;
mod retire;
mod room;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod trial;
mod writer;

pub use file::Lock;
pub use reader::SqliteReader;
pub use retire::SqliteRetire;
pub(super) use trial::{Trial, try_to_write};
pub use writer::SqliteStore;
