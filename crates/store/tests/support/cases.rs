//! Tests that are told where a server is, and ignored where nobody says it.
use crate::environment::place;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};
use tokio::runtime::Runtime;

/// A test and the server that it needs.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The variable that says where the server is.
    pub(crate) needs: &'static str,
    pub(crate) run: fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// `SERVER { module::test, … } …`: what `servers/up` says is STAYPUT_TEST_SERVER.
macro_rules! cases {
    ($($server:ident { $($module:ident :: $name:ident),+ $(,)? })+) => {
        &[$($($crate::cases::Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            needs: concat!("STAYPUT_TEST_", stringify!($server)),
            run: |url| Box::pin($module::$name(url)),
        }),+),+]
    };
}
pub(crate) use cases;

/// Several threads, so that races are real even on one processor.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime")
}

/// Why a machine with the server is not enough, if it is not.
pub(crate) type Prevented = fn() -> Option<String>;
/// It is.
pub(crate) const ANYWHERE: Prevented = || None;

/// Runs what the command line of the test asks for, and ends the process.
pub(crate) fn run(runtime: Runtime, groups: &[(&'static [Case], Prevented)]) -> ! {
    let runtime = Arc::new(runtime);
    let cases = groups.iter().flat_map(|(cases, prevented)| cases.iter().map(|case| (case, *prevented)));
    let trials = cases.map(|(case, prevented)| {
        let runtime = runtime.clone();
        Trial::ignorable_test(case.name, move || {
            match place(case.needs).and_then(|url| prevented().map_or(Ok(url), Err)) {
                Err(reason) => Ok(Completion::ignored_with(reason)),
                Ok(url) => {
                    // A panic is the failure; nothing of what it left half done is looked at again.
                    let run = AssertUnwindSafe(|| runtime.block_on((case.run)(url)));
                    match std::panic::catch_unwind(run) {
                        Ok(()) => Ok(Completion::Completed),
                        Err(_) => Err(Failed::without_message()),
                    }
                }
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit()
}
