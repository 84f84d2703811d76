//! Every case against every store of this crate that needs no server of ours.
use stayput::{
    ScanStore,
    backends::{File, FileOptions, Memory},
    conformance::Needs,
    layers::Retention,
};
use std::{sync::Arc, time::Duration};
use suite::{Opened, Store};

#[path = "support/suite.rs"]
mod suite;

const STORES: &[Store] = &[
    Store { name: "memory", offers: Needs::Enumeration, open: || Box::pin(memory()) },
    Store { name: "dyn", offers: Needs::Enumeration, open: || Box::pin(dynamic()) },
    Store { name: "file", offers: Needs::Enumeration, open: || Box::pin(file()) },
    Store { name: "retention", offers: Needs::Enumeration, open: || Box::pin(retention()) },
];

fn main() {
    suite::run(STORES);
}

async fn memory() -> Result<Opened, String> {
    let backend = Arc::new(Memory::default());
    Ok(Opened::new(backend.clone(), backend))
}
async fn dynamic() -> Result<Opened, String> {
    let backend: Arc<dyn ScanStore> = stayput::open("memory:").await.map_err(|error| error.to_string())?;
    Ok(Opened::new(Arc::new(backend.clone()), Arc::new(backend)))
}
async fn file() -> Result<Opened, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let client = || File::open(folder.path(), FileOptions::default()).map(Arc::new).map_err(|error| error.to_string());
    Ok(Opened::new(client()?, client()?).keeping(folder))
}
async fn retention() -> Result<Opened, String> {
    let backend = Arc::new(Memory::default());
    let client = || Arc::new(Retention::new(backend.clone(), Duration::from_secs(180 * 86_400)));
    Ok(Opened::new(client(), client()))
}
