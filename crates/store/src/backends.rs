//! One module per place where bytes can live; module, cargo feature, URL scheme and test name are the same word.
mod memory;
#[cfg(feature = "stayput")]
mod stayput;

pub use memory::Memory;
#[cfg(feature = "stayput")]
pub use stayput::Stayput;
