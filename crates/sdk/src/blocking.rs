//! The same client for code that is not asynchronous.
use crate::{Campaigns, Flushed, Launcher, Options, Stats, fetch::Account};
use stayput::{Error, ErrorKind, Result};
use stayput_engine::{Json, Pushed};
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// A launched client with a runtime of its own; share it among threads in an `Arc`.
///
/// A call waits for the store on the thread that makes it, whatever that thread is. Do not call it from
/// asynchronous code: there it keeps others from running.
#[derive(Debug)]
pub struct Client {
    client: crate::Client,
    /// Nothing only while this is dropped.
    runtime: Option<Runtime>,
}

impl Client {
    pub(crate) fn start(launcher: Launcher) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("stayput-sdk").enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "sdk", "the client's thread cannot be started").with_source(error)
        })?;
        let client = wait(&runtime, launcher.start())?;
        Ok(Self { client, runtime: Some(runtime) })
    }

    /// See [`Client::activate`](crate::Client::activate).
    pub fn activate(&self, campaign: &str, user: &str, options: &Options) -> Result<Option<String>> {
        self.wait(self.client.activate(campaign, user, options))
    }
    /// See [`Client::get_variation_name`](crate::Client::get_variation_name).
    pub fn get_variation_name(&self, campaign: &str, user: &str, options: &Options) -> Result<Option<String>> {
        self.wait(self.client.get_variation_name(campaign, user, options))
    }
    /// See [`Client::is_feature_enabled`](crate::Client::is_feature_enabled).
    pub fn is_feature_enabled(&self, campaign: &str, user: &str, options: &Options) -> Result<bool> {
        self.wait(self.client.is_feature_enabled(campaign, user, options))
    }
    /// See [`Client::get_feature_variable_value`](crate::Client::get_feature_variable_value).
    pub fn get_feature_variable_value(
        &self,
        campaign: &str,
        variable: &str,
        user: &str,
        options: &Options,
    ) -> Result<Option<Json>> {
        self.wait(self.client.get_feature_variable_value(campaign, variable, user, options))
    }
    /// See [`Client::track`](crate::Client::track).
    pub fn track<'a>(
        &self,
        campaigns: impl Into<Campaigns<'a>>,
        user: &str,
        goal: &str,
        options: &Options,
    ) -> Result<Option<Vec<(String, bool)>>> {
        self.wait(self.client.track(campaigns, user, goal, options))
    }
    /// See [`Client::push`](crate::Client::push).
    pub fn push(&self, key: &str, value: &str, user: &str) -> Result<Pushed> {
        self.wait(self.client.push(key, value, user))
    }
    /// See [`Client::push_all`](crate::Client::push_all).
    pub fn push_all<K: Into<String>, V: Into<Json>>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
        user: &str,
    ) -> Result<Pushed> {
        self.wait(self.client.push_all(tags, user))
    }
    /// See [`Client::get_and_update_settings_file`](crate::Client::get_and_update_settings_file).
    pub fn get_and_update_settings_file(&self, account: Option<&Account>) -> Result<String> {
        self.wait(self.client.get_and_update_settings_file(account))
    }
    /// See [`Client::flush_events`](crate::Client::flush_events).
    pub fn flush_events(&self) -> Result<Flushed> {
        self.wait(self.client.flush_events())
    }
    /// See [`Client::set_opt_out`](crate::Client::set_opt_out).
    pub fn set_opt_out(&self) -> bool {
        self.client.set_opt_out()
    }
    /// See [`Client::shutdown`](crate::Client::shutdown). Dropping a client sends nothing more.
    pub fn shutdown(&self, patience: Duration) -> usize {
        self.wait(self.client.shutdown(patience))
    }
    /// See [`Client::stats`](crate::Client::stats).
    pub fn stats(&self) -> Stats {
        self.client.stats()
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => wait(runtime, future),
            None => poll(future),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background(); // works on threads that run tasks, too
        }
    }
}

/// Polls `future` here, and sleeps while `runtime` drives what it waits for.
///
/// Not `Runtime::block_on`, which panics on a thread that runs tasks. A future that needs no waiting, as from memory
/// or a cache, is one poll.
fn wait<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    let _entered = runtime.enter();
    poll(future)
}

fn poll<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    // Mostly once is enough, and then nobody has to be woken; if not, it is polled again before this thread sleeps.
    if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return answer;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(), // a wake-up since the poll makes this return at once
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
