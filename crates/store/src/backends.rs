//! One module per place where bytes can live; module, cargo feature, URL scheme and test name are the same word.
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "memcached")]
mod memcached;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "stayput")]
mod stayput;

#[cfg(feature = "file")]
pub use file::{Compacted, File, FileFacts, FileOptions, FileStats};
#[cfg(feature = "memcached")]
pub use memcached::{Memcached, MemcachedLosses};
pub use memory::Memory;
#[cfg(feature = "mongodb")]
pub use mongodb::Mongodb;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisStrings, StringsPage};
#[cfg(feature = "stayput")]
pub use stayput::Stayput;
