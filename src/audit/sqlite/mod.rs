//! The trail in an SQLite file: for one machine, with nothing to run beside the service.
//!
//! One connection writes, in the trail's own thread; a few others read. - `schema`: the table, its indexes, and the triggers that
//! refuse every change. - `file`: which file this is, and whether it is still there. - `writer`, `reader`, `find`: the store's
//! two sides. - `room`: how much more the file can take. - `integrity`: whether that is as it was made. -
//! `retire`: lines that have been archived leave. - `trial`: whether the file takes lines. - `error`: SQLite's failures in the trail's words.

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
