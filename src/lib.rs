//! A FHIR R4 door onto CP-IS, England's register of child protection plans.
//!
//! Data walks one straight line and back: `api` → `access` → `fhir::search` → `lookup` → `smsp` → CP-IS, and the answer
//! returns as `cpis::Answer` → `fhir::resources` → `api`. Each module is a room of that house; see `docs/architecture.md`.
//! The rule that every room serves: never say "no plan" unless CP-IS said so.

pub mod access;
pub mod api;
pub mod audit;
pub mod clock;
pub mod commands;
pub mod cpis;
mod deadline;
pub mod export;
pub mod fhir;
pub mod lookup;
pub mod memory;
pub mod secret;
pub mod settings;
pub mod simulator;
pub mod smsp;
pub mod telemetry;
pub mod upstream;
