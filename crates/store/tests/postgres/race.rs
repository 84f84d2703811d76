//! Two processes in lockstep on the same users, and what becomes of their goals without the rule.
use super::servers::{fresh_schema, now, open, rounds, with};
use futures_util::future::join_all;
use stayput::{Assignment, AssignmentStoreExt, ClaimId, Entry, Goal, Key, Kind, Name, Offer, ScanStore, Scope};
use std::{collections::BTreeMap, process::Stdio, sync::Arc};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Each process brings these to every user, one after another: two are the other's too.
const GOALS: [[&str; 4]; 2] = [["shared 1", "own a", "shared 2", "own b"], ["shared 1", "own c", "shared 2", "own d"]];
const DISTINCT: usize = 6;
/// How many users both processes are at in one step.
const BLOCK: usize = 100;

pub(crate) async fn two_processes_lose_no_goal_and_report_none_twice(url: String) {
    lose_nothing(url).await;
}
pub(crate) async fn two_processes_behind_pgbouncer_lose_no_goal_and_report_none_twice(url: String) {
    lose_nothing(url).await;
}

async fn lose_nothing(url: String) {
    let users = 500 * rounds(4);
    let claimed = race(&url, "claim", users).await;
    assert_eq!(claimed.lost, 0, "goals were lost");
    for (user, told) in &claimed.told {
        for goal in GOALS.as_flattened() {
            let times = told.iter().filter(|line| line.contains(goal)).count();
            assert_eq!(times, 1, "{goal} was new {times} times to {user}: {told:?}");
        }
        assert_eq!(told.iter().filter(|line| line.contains("created")).count(), 1, "one process created {user}");
    }
    assert_eq!(claimed.told.len(), users);
    // A race that nobody could lose would prove nothing.
    for control in ["overwrite", "merge"] {
        let lost = race(&url, control, BLOCK * 2).await.lost;
        let share = lost * 100 / (BLOCK * 2 * DISTINCT);
        println!("{control}: {share} % of the goals were lost");
        assert!(share >= 10, "{control} lost only {share} %: the processes did not meet");
    }
}

struct Outcome {
    /// Goals that are missing in the end.
    lost: usize,
    /// What the processes were told, by user.
    told: BTreeMap<String, Vec<String>>,
}

async fn race(url: &str, how: &str, users: usize) -> Outcome {
    let scope = fresh_schema();
    let mut writers = [Runner::start(url, how, &scope, 0), Runner::start(url, how, &scope, 1)];
    for writer in &mut writers {
        assert_eq!(writer.line().await, "ready");
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for block in 0..users / BLOCK {
        for step in 0..4 {
            let [one, other] = &mut writers;
            let _ = tokio::join!(one.go(block, step), other.go(block, step));
            for writer in [one, other] {
                loop {
                    let line = writer.line().await;
                    let Some((user, what)) = line.split_once(' ') else { break };
                    told.entry(user.into()).or_default().push(what.into());
                }
            }
        }
    }
    let store = open(&with(url, "timeout=20s")).await;
    let keys: Vec<Key> = (0..users).map(|user| key(&scope, user)).collect();
    let held = store.get(&keys).await.expect("get");
    let goals = held.iter().flatten().map(|held| held.goals.len()).sum::<usize>();
    Outcome { lost: users * DISTINCT - goals, told }
}

/// A writer, seen from here.
struct Runner {
    _child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Runner {
    fn start(url: &str, how: &str, scope: &str, which: usize) -> Self {
        let binary = std::env::current_exe().expect("this binary");
        let mut child = Command::new(binary)
            .args(["--race-writer", url, how, scope, &which.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a second process");
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Self { _child: child, to, from: BufReader::new(from).lines() }
    }
    async fn go(&mut self, block: usize, step: usize) {
        self.to.write_all(format!("{block} {step}\n").as_bytes()).await.expect("the other process reads");
    }
    async fn line(&mut self) -> String {
        self.from.next_line().await.expect("a pipe").expect("the other process lives")
    }
}

/// What the second process does.
pub(crate) struct Writer {
    url: String,
    how: String,
    scope: String,
    which: usize,
}

impl Writer {
    pub(crate) fn asked_for() -> Option<Self> {
        let mut args = std::env::args().skip_while(|arg| arg != "--race-writer").skip(1);
        let (url, how, scope) = (args.next()?, args.next()?, args.next()?);
        Some(Self { url, how, scope, which: args.next()?.parse().ok()? })
    }

    pub(crate) async fn run(self) {
        let store = open(&with(&self.url, "timeout=20s")).await;
        // Connections are made before it counts, or the first to have them would be ahead.
        join_all((0..16).map(|i| store.get_one(Box::leak(Box::new(key(&self.scope, i)))))).await;
        println!("ready");
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let (block, step) = line.split_once(' ').expect("two numbers");
            let (block, step): (usize, usize) = (block.parse().expect("a number"), step.parse().expect("a number"));
            let users = block * BLOCK..(block + 1) * BLOCK;
            let told = join_all(users.map(|user| self.write(&store, user, GOALS[self.which][step]))).await;
            println!("{}\ndone", told.join("\n"));
        }
    }

    async fn write(&self, store: &Arc<dyn ScanStore>, user: usize, goal: &str) -> String {
        let (key, claim) = (key(&self.scope, user), ClaimId::random().expect("random"));
        let (variation, goal) = (format!("v{}", self.which), Name::goal(goal).expect("legal"));
        let variation = Name::variation(&variation).expect("legal");
        let offer = Offer::new(key.clone(), claim, now()).offering(variation).bringing([goal.clone()]);
        if self.how == "claim" {
            let claimed = store.claim_one(&offer).await.expect("claim");
            return format!("user-{user} {}: {:?}", claimed.outcome.name(), claimed.new_goals);
        }
        let mut next: Assignment = offer.join(None, now()).claimed.held.expect("created");
        if self.how == "merge"
            && let Some(held) = store.get_one(&key).await.expect("get")
        {
            let goals = held.goals.iter().cloned().chain([Goal { name: goal, by: claim }]).collect();
            next = Assignment { goals, ..held };
        }
        store.put(&[Entry { key, assignment: next }]).await.expect("put");
        format!("user-{user} wrote")
    }
}

fn key(scope: &str, user: usize) -> Key {
    Key::new(&Scope::new(scope).expect("legal"), Kind::Classic, &format!("user-{user}"), "c").expect("legal")
}
