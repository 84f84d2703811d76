//! Runs every case against a table of stores: one test each, named `store::case`.
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stayput::{
    ScanStore,
    conformance::{CASES, Case, Clients, Needs, Run},
};
use std::{any::Any, future::Future, pin::Pin, sync::Arc};
use tokio::{runtime::Runtime, sync::OnceCell};

/// A store that must pass, and how to open two clients of it, or why it cannot be tested on this machine.
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) offers: Needs,
    pub(crate) open: fn() -> Opening,
}

/// Runs what the command line of the test asks for, and ends the process if anything failed.
pub(crate) fn run(stores: &'static [Store]) {
    // Several threads, so that races are real even on one processor.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime: Arc<Runtime> = Arc::new(runtime.expect("a runtime"));
    let run = Run::random().expect("a random run");
    let mut subjects = Vec::new();
    let mut trials = Vec::new();
    for store in stores {
        let subject = Arc::new(Subject { store, run, opened: OnceCell::new() });
        for case in CASES {
            let (subject, runtime) = (subject.clone(), runtime.clone());
            let trial = move || Ok::<_, Failed>(runtime.block_on(subject.meets(case)));
            trials.push(Trial::ignorable_test(format!("{}::{}", store.name, case.name), trial));
        }
        subjects.push(subject);
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    // Stores may need the runtime to close, and what they keep must go before the process does.
    let _entered = runtime.enter();
    drop(subjects);
    conclusion.exit_if_failed();
}

/// A store that is being opened, or the reason why its tests are ignored.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Opened, String>> + Send>>;

/// Two clients, and what they need to go on.
pub(crate) struct Opened {
    clients: Clients,
    /// A folder, a server: dropped when the last test is done.
    _keep: Box<dyn Any + Send + Sync>,
}

impl Opened {
    pub(crate) fn new(one: Arc<dyn ScanStore>, other: Arc<dyn ScanStore>) -> Self {
        Self { clients: Clients { one, other }, _keep: Box::new(()) }
    }
    pub(crate) fn keeping(self, keep: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(keep), ..self }
    }
}

/// What all tests of one store share; opened by the first that runs.
struct Subject {
    store: &'static Store,
    run: Run,
    opened: OnceCell<Result<Opened, String>>,
}

impl Subject {
    async fn meets(&self, case: &Case) -> Completion {
        match self.opened.get_or_init(self.store.open).await {
            Ok(opened) => {
                case.run(self.store.offers, &opened.clients, self.run).await;
                Completion::Completed
            }
            Err(reason) => Completion::ignored_with(reason),
        }
    }
}
