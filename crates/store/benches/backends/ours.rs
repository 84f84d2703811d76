//! Our side of every comparison: the same operations, whatever the backend.
use crate::{
    BATCH, Done, USERS, key, offer,
    rounds::{Options, Side, Target},
};
use stayput::{AssignmentStore, AssignmentStoreExt, Entry, Kind, Offer, ScanStore, Scope, User};
use std::sync::Arc;

/// A store, and how many users its claims go round.
#[derive(Clone)]
pub(crate) struct Ours {
    store: Arc<dyn ScanStore>,
    around: usize,
}

/// How a bare client claims for the users of a mark.
pub(crate) type Merge<'a> = &'a dyn Fn(String, usize) -> Side;

/// What a claim finds, and what it is called.
const WORKS: [(&str, usize); 3] = [("a first claim", 0), ("a claim that changes nothing", 1), ("a goal joins", 2)];

/// Which user and which goal an operation is about: fresh users, or users that are held, or goals that they lack.
pub(crate) fn about(mark: &str, work: usize, i: usize, around: usize) -> (String, String) {
    match work {
        0 => (format!("{mark}-{i}"), "goal-0".into()),
        1 => (format!("{mark}-{}", i % around), "goal-0".into()),
        _ => (format!("{mark}-{}", i % around), format!("goal-{}", i / around)),
    }
}

impl Ours {
    pub(crate) async fn open(url: &str, around: usize) -> stayput::Result<Self> {
        Ok(Self::of(stayput::open(url).await?, around))
    }
    pub(crate) fn of(store: Arc<dyn ScanStore>, around: usize) -> Self {
        Self { store, around }
    }
    /// Claims for everybody who is read: the first hundred have many campaigns. Tells what is held of the first campaign.
    pub(crate) async fn prepare(&self) -> stayput::Result<Vec<Entry>> {
        let mut offers: Vec<Offer> = Vec::new();
        for user in 0..USERS {
            for campaign in 0..if user < 100 { BATCH } else { 1 } {
                offers.push(offer(key(&format!("user-{user}"), campaign)?, "goal-0")?);
            }
        }
        let mut held = Vec::with_capacity(USERS);
        for offers in offers.chunks(500) {
            for (offer, claimed) in offers.iter().zip(self.store.claim(offers).await?) {
                if let (Some(assignment), "campaign-0") = (claimed.held, offer.key.campaign()) {
                    held.push(Entry { key: offer.key.clone(), assignment });
                }
            }
        }
        Ok(held)
    }
    fn get(&self) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let store = store.clone();
            async move {
                store.get_one(&key(&format!("user-{}", i % USERS), 0)?).await?.ok_or("held")?;
                Ok(())
            }
        })
    }
    pub(crate) fn claim(&self, mark: String, work: usize) -> Side {
        let (store, around) = (self.store.clone(), self.around);
        Side::new(move |i| {
            let (store, (user, goal)) = (store.clone(), about(&mark, work, i, around));
            async move {
                store.claim_one(&offer(key(&user, 0)?, &goal)?).await?.held.ok_or("held")?;
                Ok(())
            }
        })
    }
    /// Fifty campaigns of one user, or one campaign of fifty users.
    fn batch(&self, mixed: bool) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let store = store.clone();
            async move {
                let user = User::new(&Scope::default(), &format!("user-{}", i % 100))?;
                let key = |at| match mixed {
                    true => key(&format!("user-{}", (i * 7 + at) % USERS), 0),
                    false => user.key(Kind::Classic, &format!("campaign-{at}")),
                };
                let keys: stayput::Result<Vec<_>> = (0..BATCH).map(key).collect();
                let held = store.get(&keys?).await?;
                if held.iter().all(Option::is_some) { Ok(()) } else { Err("held".into()) }
            }
        })
    }
    /// Everything beside `store`'s bare client: its gets, its ways to merge (each told whose users they are and what they
    /// find), and its own batch.
    pub(crate) async fn compare(
        &self,
        options: &Options,
        (store, tasks): (&str, usize),
        get: impl Fn() -> Side,
        merges: &[(&str, Merge<'_>)],
        (command, batch): (&str, Side),
    ) -> Done {
        options.compare(&format!("{store} get"), tasks, Target::AtLeast(0.9), self.get(), get()).await?;
        for (name, work) in WORKS {
            for (number, (beside, merge)) in merges.iter().enumerate() {
                let name = format!("{store} claim, {name}{beside}");
                let mark = format!("s{number}-{}-{tasks}-{work}", std::process::id());
                let (claim, merge) = (self.claim(mark.clone(), work), merge(mark, work));
                if options.wants(&name, tasks) {
                    self.users_for(work, [&claim, &merge]).await?;
                }
                options.compare(&name, tasks, Target::AtLeast(0.8), claim, merge).await?;
            }
        }
        let batches = [("of 50 of one user", self.batch(false)), ("of 50 users", self.batch(true))];
        for (what, batch) in batches {
            options.compare(&format!("{store} get {what}"), tasks, Target::AtMost(3.0), batch, get()).await?;
        }
        options.compare(&format!("(bare {command} of 50 users)"), tasks, Target::AtMost(3.0), batch, get()).await
    }
    /// Claims that are not the first of their user need somebody there, on both sides.
    async fn users_for(&self, work: usize, sides: [&Side; 2]) -> Done {
        for side in sides.into_iter().filter(|_| work > 0) {
            side.prepare(self.around).await?;
        }
        Ok(())
    }
}
