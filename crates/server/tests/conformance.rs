//! Every case through a live server, and on one folder that two processes share.
use live::Binary;
use stayput::{
    Result, ScanStore,
    backends::{File, FileOptions},
    conformance::Needs,
};
use std::sync::Arc;
use suite::{Opened, Store};

#[path = "support/live.rs"]
mod live;
#[path = "../../store/tests/support/suite.rs"]
mod suite;

const STORES: &[Store] = &[
    Store { name: "served_memory", offers: Needs::Enumeration, open: || Box::pin(served_memory()) },
    Store { name: "served_file", offers: Needs::Enumeration, open: || Box::pin(served_file()) },
    Store { name: "file_of_two_processes", offers: Needs::Enumeration, open: || Box::pin(file_of_two_processes()) },
];

fn main() {
    suite::run(STORES);
}

async fn served_memory() -> Result<Opened, String> {
    let server = Binary::serve("memory:");
    Ok(Opened::new(client(&server).await?, client(&server).await?).keeping(server))
}
async fn served_file() -> Result<Opened, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Binary::serve(&format!("file:{}", folder.path().display()));
    Ok(Opened::new(client(&server).await?, client(&server).await?).keeping((server, folder)))
}
/// One client is this process, the other a server's.
async fn file_of_two_processes() -> Result<Opened, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Binary::serve(&format!("file:{}", folder.path().display()));
    let here = File::open(folder.path(), FileOptions::default()).map_err(|error| error.to_string())?;
    Ok(Opened::new(Arc::new(here), client(&server).await?).keeping((server, folder)))
}

async fn client(server: &Binary) -> Result<Arc<dyn ScanStore>, String> {
    stayput::open(&format!("stayput://{}", server.address)).await.map_err(|error| error.to_string())
}
