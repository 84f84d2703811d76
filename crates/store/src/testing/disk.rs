//! A disk for a spool that forgets in a crash what was not synced.
use crate::{
    BoxFuture, Result,
    layers::{List, Lock, Locked, NewRow, Of, Row, SpoolDisk, Used, weight},
    sync::{Mutex, MutexGuard},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

/// Rows in memory; what several spools share it, as processes of one machine share a folder.
#[derive(Clone, Debug, Default)]
pub struct ForgetfulDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: [BTreeMap<u64, NewRow>; 2],
    synced: [BTreeMap<u64, NewRow>; 2],
    next: u64,
    /// Who holds each lock.
    held: [Option<u64>; 3],
    taken: u64,
}

struct Holder {
    disk: ForgetfulDisk,
    lock: Lock,
    number: u64,
}

impl ForgetfulDisk {
    /// The machine crashes: what was not synced is gone, and nobody holds a lock any more.
    pub fn crash(&self) {
        let mut state = self.state();
        state.now = state.synced.clone();
        state.held = Default::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.now.iter().flat_map(BTreeMap::values).map(|row| weight(&row.key, &row.body)).sum()
    }
}

impl SpoolDisk for ForgetfulDisk {
    fn append(&self, list: List, rows: Vec<NewRow>, most: u64) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let mut state = self.state();
            let more: u64 = rows.iter().map(|row| weight(&row.key, &row.body)).sum();
            if state.bytes().saturating_add(more) > most {
                return Ok(false);
            }
            for row in rows {
                state.next += 1;
                let number = state.next;
                state.now[list as usize].insert(number, row);
            }
            Ok(true)
        })
    }
    fn sync(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut state = self.state();
            state.synced = state.now.clone();
            Ok(())
        })
    }
    fn read(&self, list: List, of: Of<'_>, limit: usize) -> Result<Vec<Row>> {
        let state = self.state();
        let row =
            |(number, row): (&u64, &NewRow)| Row { number: *number, key: row.key.clone(), body: row.body.clone() };
        let rows = state.now[list as usize].iter();
        Ok(match of {
            Of::All => rows.take(limit).map(row).collect(),
            Of::Prefix(prefix) => {
                let begins = |row: &NewRow| [&row.key[..], &[0]].concat().starts_with(prefix);
                let mut rows: Vec<Row> = rows.filter(|(_, row)| begins(row)).map(row).collect();
                rows.sort_by(|one, other| (&one.key, one.number).cmp(&(&other.key, other.number)));
                rows.truncate(limit);
                rows
            }
        })
    }
    fn remove(&self, list: List, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut state = self.state();
            numbers.iter().for_each(|number| drop(state.now[list as usize].remove(number)));
            Ok(())
        })
    }
    fn used(&self) -> Result<Used> {
        let state = self.state();
        let count = |list: List| state.now[list as usize].len() as u64;
        Ok(Used { waiting: count(List::Waiting), dead: count(List::Dead), bytes: state.bytes() })
    }
    fn lock(&self, lock: Lock) -> Result<Option<Box<dyn Locked>>> {
        let mut state = self.state();
        if state.held[lock as usize].is_some() {
            return Ok(None);
        }
        state.taken += 1;
        let number = state.taken;
        state.held[lock as usize] = Some(number);
        Ok(Some(Box::new(Holder { disk: self.clone(), lock, number })))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        let held = &mut state.held[self.lock as usize];
        if *held == Some(self.number) {
            *held = None;
        }
    }
}
