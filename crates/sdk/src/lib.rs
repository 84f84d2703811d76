//! The VWO FullStack SDK for Rust: decisions equal to the official one bit for bit, sticky and counted once.

pub mod calls;
