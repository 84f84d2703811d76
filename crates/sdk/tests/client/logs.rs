//! What is logged names no user.
use super::{
    collector::Collector,
    scene::{client, plain, settings, store},
};
use stayput::{ErrorKind, testing::Plan};
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_names_a_user() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let (collector, store) = (Collector::start().await, store());
    collector.script(|_| (500, String::new()));
    store.always(Plan::fail(ErrorKind::Unavailable));
    let client = client(&settings("B", ""), &collector).store(store).start().await.unwrap();
    for user in ["somebody".to_owned(), "somebody\0".to_owned(), "somebody".repeat(200)] {
        client.activate("ab", &user, &plain()).await.unwrap();
        client.track("ab", &user, "g", &plain()).await.unwrap();
    }
    client.flush_events().await.unwrap();
    client.shutdown(std::time::Duration::from_millis(50)).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("could not be read") && log.contains("was dropped"), "{log}");
    assert!(!log.contains("somebody"), "{log}");
}
