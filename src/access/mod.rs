//! Who is asking. Until tokens and gateways can vouch for a person, there is one way in: the demo, on loopback only.

mod demo;

pub use demo::requester as demo_requester;
