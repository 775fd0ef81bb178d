//! FHIR R4 access to CP-IS, England's register of child protection plans.
//!
//! A request goes through `api` → `access` → `fhir::search` → `lookup` → `smsp` → CP-IS, and the answer returns as
//! `cpis::Answer` → `fhir::resources` → `api`. `docs/architecture.md` describes each module, called a room.
//! The rule for every room: never say "no plan" unless CP-IS said so.

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
