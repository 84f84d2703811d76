//! Two processes claim for the same users in lockstep; two ways without a claim run beside them, and lose.
use crate::bench::{Add, Needs, key, name, offer, open, prefix, url};
use futures::join_all;
use stayput::{Assignment, ClaimId, Entry, Goal, Goals, Key, Name, Offer, ScanStore, Timestamp};
use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

pub(crate) const FLAG: &str = "--race";
const USERS: usize = 2_000;
const STEPS: usize = 4;
/// So many users are in flight at once in each process.
const CROWD: usize = 50;

pub(crate) fn tests(add: Add<'_>) {
    add("two_processes_lose_nothing_where_others_do", Needs::Server("STAYPUT_TEST_REDIS"), || {
        Box::pin(race("STAYPUT_TEST_REDIS", &["claim", "overwrite", "merge"]))
    });
    add("two_processes_lose_nothing_in_a_cluster", Needs::Server("STAYPUT_TEST_REDIS_CLUSTER"), || {
        Box::pin(race("STAYPUT_TEST_REDIS_CLUSTER", &["claim"]))
    });
    add("two_processes_lose_nothing_behind_sentinels", Needs::Server("STAYPUT_TEST_REDIS_SENTINEL"), || {
        Box::pin(race("STAYPUT_TEST_REDIS_SENTINEL", &["claim"]))
    });
}

async fn race(server: &'static str, ways: &[&str]) {
    for way in ways {
        let url = url(server, &format!("timeout=20s&prefix={}", prefix()));
        let mut racers = [Racer::start(way, &url, "a"), Racer::start(way, &url, "b")];
        for _ in 0..STEPS * USERS / CROWD {
            racers.iter_mut().for_each(Racer::go);
            racers.iter_mut().for_each(Racer::wait);
        }
        let mut told: HashMap<String, usize> = HashMap::new();
        racers.iter_mut().flat_map(Racer::finish).for_each(|goal| *told.entry(goal).or_default() += 1);
        let store = open(&url).await;
        let (mut lost, mut winners) = (0, 0);
        for user in 0..USERS {
            let held = store.get(&[place(user)]).await.expect("a read").remove(0).expect("an assignment");
            let held: HashSet<&str> = held.goals.iter().map(|goal| goal.name.as_str()).collect();
            lost += (0..STEPS).flat_map(goals_of_all).filter(|goal| !held.contains(goal.as_str())).count();
            winners += told.get(&format!("{user} won")).copied().unwrap_or_default();
        }
        let all = USERS * STEPS * 3;
        println!("{server} {way}: {lost} of {all} goals lost");
        match *way {
            "claim" => {
                assert_eq!((lost, winners), (0, USERS));
                let twice = told.values().filter(|times| **times > 1).count();
                assert_eq!((told.len(), twice), (all + USERS, 0), "each goal is new to one claim");
            }
            control => assert!(lost * 10 >= all, "{control} lost only {lost} of {all}: this race shows nothing"),
        }
    }
}

/// Both bring `shared`, and each its own.
fn goals_of(who: &str, step: usize) -> [Name; 2] {
    [name(&format!("shared-{step}")), name(&format!("{who}-{step}"))]
}
fn goals_of_all(step: usize) -> [String; 3] {
    ["shared", "a", "b"].map(|who| format!("{who}-{step}"))
}
fn place(user: usize) -> Key {
    key(&format!("user-{user}"), "campaign")
}

/// The other process.
struct Racer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Racer {
    fn start(way: &str, url: &str, who: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args([FLAG, way, url, who])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut racer = Self { child, orders, answers };
        racer.wait();
        racer
    }
    fn go(&mut self) {
        self.orders.write_all(b"go\n").and_then(|()| self.orders.flush()).expect("an order");
    }
    fn wait(&mut self) {
        assert_eq!(self.line(), "done");
    }
    fn finish(&mut self) -> Vec<String> {
        self.orders.write_all(b"tell\n").and_then(|()| self.orders.flush()).expect("an order");
        let mut told = Vec::new();
        loop {
            match self.line() {
                line if line == "end" => break,
                line => told.push(line),
            }
        }
        assert!(self.child.wait().expect("its end").success());
        told
    }
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }
}

/// What the other process does: at each order one step for the next crowd.
pub(crate) async fn racer(arguments: &[String]) {
    let [way, url, who] = arguments else { panic!("--race WAY URL WHO") };
    let store = open(url).await;
    let (mut told, mut done) = (Vec::new(), 0);
    println!("done");
    for order in std::io::stdin().lines() {
        if order.expect("an order") == "tell" {
            told.iter().for_each(|line| println!("{line}"));
            return println!("end");
        }
        // Step by step through one crowd before the next, so that steps of one user follow each other.
        let (crowd, step) = (done / STEPS, done % STEPS);
        let users = crowd * CROWD..(crowd + 1) * CROWD;
        let turns = users.map(|user| turn(store.clone(), way.clone(), who.clone(), user, step));
        told.extend(join_all(turns).await.into_iter().flatten());
        done += 1;
        println!("done");
    }
}

async fn turn(store: Arc<dyn ScanStore>, way: String, who: String, user: usize, step: usize) -> Vec<String> {
    let goals = goals_of(&who, step);
    match way.as_str() {
        "claim" => {
            let offer = offer(place(user)).offering(name(&who)).bringing(goals);
            let claimed = store.claim(std::slice::from_ref(&offer)).await.expect("a claim").remove(0);
            let won = claimed.won().then(|| format!("{user} won"));
            won.into_iter().chain(claimed.new_goals.iter().map(|goal| format!("{user} {goal}"))).collect()
        }
        "overwrite" => {
            let mine: Vec<Name> = (0..=step).flat_map(|step| goals_of(&who, step)).collect();
            store.put(&[entry(user, &mine)]).await.expect("a put");
            Vec::new()
        }
        _ => {
            let held = store.get(&[place(user)]).await.expect("a read").remove(0);
            let held =
                held.into_iter().flat_map(|held| held.goals.iter().map(|goal| goal.name.clone()).collect::<Vec<_>>());
            store.put(&[entry(user, &held.chain(goals).collect::<Vec<_>>())]).await.expect("a put");
            Vec::new()
        }
    }
}

fn entry(user: usize, goals: &[Name]) -> Entry {
    let created = Offer::new(place(user), ClaimId(1), Timestamp::default()).offering(name("v"));
    let held = created.join(None, Timestamp::default()).claimed.held.expect("created");
    let goals: Goals = goals.iter().map(|name| Goal { name: name.clone(), by: ClaimId(1) }).collect();
    Entry { key: place(user), assignment: Assignment { goals, ..held } }
}

/// The one function of a larger crate that is needed here.
mod futures {
    use tokio::task::JoinSet;

    pub(super) async fn join_all<F: Future<Output: Send + 'static> + Send + 'static>(
        all: impl Iterator<Item = F>,
    ) -> Vec<F::Output> {
        all.collect::<JoinSet<_>>().join_all().await
    }
}
