//! The SMSP over mutual TLS.
