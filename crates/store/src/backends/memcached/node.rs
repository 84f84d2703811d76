//! One server: connections that are kept, one exchange at a time on each, and one deadline for each operation.
use super::{
    failure::{self, Trouble},
    wire::{Answer, Ask, Wire},
};
use crate::{Result, spread};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many connections are kept when nobody uses them.
const KEPT: usize = 16;

#[derive(Debug)]
pub(super) struct Node {
    /// `host:port`, as the URL names it: this, and nothing that changes, says which users live here.
    pub(super) name: String,
    /// The same as a number.
    pub(super) hash: u64,
    connect: Duration,
    idle: Mutex<Vec<Wire>>,
}

impl Node {
    pub(super) fn new(name: String, connect: Duration) -> Self {
        Self { hash: spread::fnv([name.as_bytes()]), name, connect, idle: Mutex::default() }
    }

    /// One exchange, on a connection of its own. Whoever gives up in the middle takes the connection along.
    ///
    /// A kept connection may have died since it was used, and then all of them have: so they are dropped, and what may be
    /// `repeated` is asked once more, on a new one.
    pub(super) async fn exchange(&self, ask: &Ask, repeated: bool) -> Result<Answer> {
        let mut again = repeated;
        loop {
            match self.attempt(ask).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => {
                    self.forget();
                    if trouble != Trouble::Lost || !again {
                        return Err(failure::of(trouble, &self.name));
                    }
                    again = false;
                }
            }
        }
    }
    async fn attempt(&self, ask: &Ask) -> Result<Answer, Trouble> {
        let kept = self.idle().pop();
        let mut wire = match kept {
            Some(wire) => wire,
            None => Wire::connect(&self.name, self.connect).await?,
        };
        let answer = wire.ask(ask).await?;
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(wire);
        }
        Ok(answer)
    }
    /// Kept connections are used no more: one that says nothing looks like a node that is slow, so it is knocked at anew.
    pub(super) fn forget(&self) {
        self.idle().clear();
    }
    fn idle(&self) -> MutexGuard<'_, Vec<Wire>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
