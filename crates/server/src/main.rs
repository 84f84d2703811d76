//! The User Storage Service.
fn main() {}
