//! LMDB as one would use it by hand: the same keys, values and durability, and one thread that commits for all.
use crate::Result;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, PutFlags, types::Bytes};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// An environment with one database.
#[derive(Debug)]
pub(crate) struct Bare {
    env: Env,
    entries: Database<'static, Bytes, Bytes>,
}

type Write = (Vec<u8>, Vec<u8>, oneshot::Sender<()>);

impl Bare {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path)?;
        let mut options = EnvOpenOptions::new();
        options.map_size(64 << 30).max_dbs(1);
        #[expect(unsafe_code, reason = "LMDB maps a file")]
        // SAFETY: the folder was made for this process alone.
        let env = unsafe { options.open(path)? };
        let txn = env.write_txn()?;
        let created = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
            let entries = opener.create_database::<Bytes, Bytes>(txn, Some("entries"))?;
            Ok(CommitOrAbort::<_, ()>::Commit(entries))
        })?;
        match created {
            CommitOrAbort::Commit(entries) => Ok(Self { env, entries }),
            CommitOrAbort::Abort(()) => Err("LMDB made no database".into()),
        }
    }
    pub(crate) fn fill(&self, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        // As many a transaction as `file:` takes, so that both have as much free space afterwards.
        for chunk in pairs.chunks(16_384) {
            let mut txn = self.env.write_txn()?;
            for (key, value) in chunk {
                self.entries.put_with_flags(&mut txn, PutFlags::APPEND, key, value)?;
            }
            txn.commit()?;
        }
        Ok(())
    }
    /// A transaction for each, and a copy that outlives it.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let txn = self.env.read_txn()?;
        Ok(self.entries.get(&txn, key)?.map(<[u8]>::to_vec))
    }

    /// Commits whatever has arrived, until nobody can send any more. Reads before it writes, as a merge must.
    fn commit(&self, waiting: &mpsc::Receiver<Write>) -> heed::Result<()> {
        while let Ok(first) = waiting.recv() {
            let group: Vec<Write> = std::iter::once(first).chain(waiting.try_iter()).collect();
            let mut txn = self.env.write_txn()?;
            for (key, value, _) in &group {
                if self.entries.get(&txn, key)?.is_none() {
                    self.entries.put(&mut txn, key, value)?;
                }
            }
            txn.commit()?;
            for (.., answer) in group {
                let _ = answer.send(()); // nobody may be waiting any more
            }
        }
        Ok(())
    }
}

/// Thousands of durable writes in a second by so many tasks.
pub(crate) async fn writes(bare: &Arc<Bare>, next: &Arc<AtomicU64>, writers: u64, time: Duration) -> Result<f64> {
    let (queue, waiting) = mpsc::channel::<Write>();
    let committing = bare.clone();
    let thread = std::thread::spawn(move || committing.commit(&waiting));
    let started = Instant::now();
    let writers = (0..writers).map(|_| {
        let (queue, next) = (queue.clone(), next.clone());
        tokio::spawn(async move {
            let mut done = 0u64;
            while started.elapsed() < time {
                let user = next.fetch_add(1, Ordering::Relaxed);
                let key = super::key(user).map_err(|error| error.to_string())?;
                let held = super::held(key.user_id(), key.campaign()).map_err(|error| error.to_string())?;
                let (answer, answered) = oneshot::channel();
                let write = (stayput::codec::encode_key(&key), stayput::codec::encode(&held.assignment), answer);
                queue.send(write).map_err(|error| error.to_string())?;
                answered.await.map_err(|error| error.to_string())?;
                done += 1;
            }
            Ok::<_, String>(done)
        })
    });
    let mut done = 0;
    for writer in writers.collect::<Vec<_>>() {
        done += writer.await??;
    }
    let elapsed = started.elapsed().as_secs_f64();
    drop(queue);
    thread.join().map_err(|_| "the committing thread panicked")??;
    Ok(done as f64 / elapsed / 1_000.0)
}
