//! One module per place where bytes can live; module, cargo feature, URL scheme and test name are the same word.
mod memory;

pub use memory::Memory;
