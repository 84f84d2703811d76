//! Planted faults: each must be noticed by a case, and each case must notice one.
use bent::{Bent, Fault, Refusing, SOUND};
use list::FAULTS;
use stayput::{
    ScanStore,
    backends::Memory,
    conformance::{CASES, Case, Clients, Needs, Run},
};
use std::{panic, sync::Arc, thread};

#[path = "faults/bent.rs"]
mod bent;
#[path = "faults/list.rs"]
mod list;

/// Threads of this name panic on purpose.
const BREAKS: &str = "breaks on purpose";

#[test]
fn every_fault_is_noticed_and_every_case_notices_one() {
    assert_eq!(broken(&SOUND), [""; 0], "the store that faults are planted in is sound");
    let caught = thread::scope(|scope| {
        let threads: Vec<_> = FAULTS.iter().map(|fault| (fault, scope.spawn(|| broken(fault)))).collect();
        let caught = threads.into_iter().map(|(fault, thread)| (fault.name, thread.join().expect("a thread")));
        caught.collect::<Vec<_>>()
    });
    let unnoticed: Vec<_> = caught.iter().filter(|(_, cases)| cases.is_empty()).map(|(fault, _)| *fault).collect();
    assert_eq!(unnoticed, [""; 0], "no case notices that");
    let notices = |case: &Case| caught.iter().any(|(_, cases)| cases.contains(&case.name));
    let idle: Vec<_> = CASES.iter().filter(|case| !notices(case)).map(|case| case.name).collect();
    assert_eq!(idle, [""; 0], "cases that notice no fault");
}

#[test]
fn a_store_that_cannot_enumerate_must_refuse_by_name() {
    let enumerating: Vec<Case> = CASES.iter().filter(|case| case.needs == Needs::Enumeration).copied().collect();
    let names: Vec<_> = enumerating.iter().map(|case| case.name).collect();
    let refusing = |named| move || same(Arc::new(Refusing::new(named)));
    assert_eq!(failing(CASES, Needs::Claims, refusing(true)), [""; 0]);
    assert_eq!(failing(&enumerating, Needs::Claims, refusing(false)), names, "it does not say who refuses");
    assert_eq!(failing(&enumerating, Needs::Enumeration, refusing(true)), names, "it promised more");
    let memory = || same(Arc::new(Memory::default()));
    assert_eq!(failing(&enumerating, Needs::Claims, memory), names, "it can do what it says that it cannot");
}

/// The cases that `fault` breaks.
fn broken(fault: &'static Fault) -> Vec<&'static str> {
    failing(CASES, Needs::Enumeration, || {
        let backend = Bent::new(fault);
        Clients { one: Arc::new(backend.client()), other: Arc::new(backend) }
    })
}

/// The cases that do not hold, each on a fresh backend, on one thread so that races end the same each time.
fn failing(cases: &[Case], offers: Needs, open: impl Fn() -> Clients + Send + 'static) -> Vec<&'static str> {
    silence_what_breaks_on_purpose();
    let cases = cases.to_vec();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let run = Run::random().expect("a random run");
        let holds = |case: &Case| {
            let (case, clients) = (*case, open());
            runtime.block_on(async { tokio::spawn(async move { case.run(offers, &clients, run).await }).await }).is_ok()
        };
        cases.iter().filter(|case| !holds(case)).map(|case| case.name).collect()
    };
    let thread = thread::Builder::new().name(BREAKS.into()).spawn(run).expect("a thread");
    thread.join().expect("the runtime itself does not break")
}

fn same(store: Arc<dyn ScanStore>) -> Clients {
    Clients { one: store.clone(), other: store }
}

fn silence_what_breaks_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(BREAKS) {
                report(info);
            }
        }));
    });
}
