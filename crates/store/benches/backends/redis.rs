//! Redis: one multiplexed connection on each side.
//!
//! The bare side gets and decodes a value of the same bytes. Its merge is a script that keeps the first variation and
//! adds a goal once; it knows no claim ids, no times, no index of users, no epochs.
use crate::{
    BATCH, Done, USERS, key, offer,
    rounds::{Options, Side, Target},
};
use redis::{AsyncTypedCommands, Script, aio::MultiplexedConnection};
use stayput::{AssignmentStore, AssignmentStoreExt, ScanStore, codec};
use std::{sync::Arc, time::Duration};

/// The smallest honest merge: `variation 00 goal 00 goal 00`.
const MERGE: &str = r"local held, goal = redis.call('GET', KEYS[1]), '\0' .. ARGV[2] .. '\0'
    if not held then held = ARGV[1] .. goal
    elseif string.find(held, goal, 1, true) then return held
    else held = held .. string.sub(goal, 2) end
    redis.call('SET', KEYS[1], held) return held";
/// The same for the record that SDKs pass around.
const MERGE_JSON: &str = r"local held = redis.call('GET', KEYS[1])
    if not held then
        held = cjson.encode({ userId = ARGV[3], campaignKey = ARGV[4], variationName = ARGV[1], goalIdentifier = ARGV[2] })
        redis.call('SET', KEYS[1], held) return held
    end
    local record = cjson.decode(held)
    if string.find('_vwo_' .. record.goalIdentifier .. '_vwo_', '_vwo_' .. ARGV[2] .. '_vwo_', 1, true) then return held end
    record.goalIdentifier = record.goalIdentifier .. '_vwo_' .. ARGV[2]
    held = cjson.encode(record) redis.call('SET', KEYS[1], held) return held";

#[derive(Clone)]
struct Both {
    store: Arc<dyn ScanStore>,
    bare: MultiplexedConnection,
    merge: Arc<Script>,
    merge_json: Arc<Script>,
}

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    // The time limit of ours.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let bare = redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await?;
    let both = Both {
        store: stayput::open(&format!("{url}?timeout=30s")).await?,
        bare,
        merge: Arc::new(Script::new(MERGE)),
        merge_json: Arc::new(Script::new(MERGE_JSON)),
    };
    both.prepare().await?;
    for tasks in [1, 16, 64] {
        let least = Target::AtLeast;
        options.compare("redis get", tasks, least(0.9), both.get(), both.bare_get()).await?;
        let works = [("a first claim", 0), ("a claim that changes nothing", 1), ("a goal joins", 2)];
        for (name, work) in works {
            let mark = |side: &str, json| format!("{side}-{json}-{}-{tasks}-{work}", std::process::id());
            for (beside, json) in [("", false), (", beside JSON", true)] {
                let name = format!("redis claim, {name}{beside}");
                let (ours, bare) = (both.claim(mark("s", json), work), both.bare_merge(mark("m", json), work, json));
                if work > 0 && options.wants(&name, tasks) {
                    for side in [&ours, &bare] {
                        side.prepare(USERS).await?;
                    }
                }
                options.compare(&name, tasks, least(0.8), ours, bare).await?;
            }
        }
        let most = Target::AtMost(3.0);
        options.compare("redis get of 50 of one user", tasks, most, both.batch(false), both.bare_get()).await?;
        options.compare("redis get of 50 users", tasks, most, both.batch(true), both.bare_get()).await?;
        options.compare("(bare MGET of 50 users)", tasks, most, both.bare_batch(), both.bare_get()).await?;
    }
    Ok(())
}

/// Which user and which goal an operation is about: fresh users, or users that are held, or goals that they lack.
fn about(mark: &str, work: usize, i: usize) -> (String, String) {
    match work {
        0 => (format!("{mark}-{i}"), "goal-0".into()),
        1 => (format!("{mark}-{}", i % USERS), "goal-0".into()),
        _ => (format!("{mark}-{}", i % USERS), format!("goal-{}", i / USERS)),
    }
}

impl Both {
    async fn prepare(&self) -> Done {
        for user in 0..USERS {
            for campaign in 0..if user < 100 { BATCH } else { 1 } {
                let claimed = self.store.claim_one(&offer(key(&format!("user-{user}"), campaign)?, "goal-0")?).await?;
                if let (0, Some(held)) = (campaign, claimed.held) {
                    self.bare.clone().set(format!("bare:user-{user}"), codec::encode(&held)).await?;
                }
            }
        }
        Ok(())
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
    fn bare_get(&self) -> Side {
        let bare = self.bare.clone();
        Side::new(move |i| {
            let mut bare = bare.clone();
            async move {
                let value: Option<Vec<u8>> =
                    redis::cmd("GET").arg(format!("bare:user-{}", i % USERS)).query_async(&mut bare).await?;
                codec::decode("bare", &value.ok_or("held")?)?;
                Ok(())
            }
        })
    }
    fn claim(&self, mark: String, work: usize) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let (store, (user, goal)) = (store.clone(), about(&mark, work, i));
            async move {
                store.claim_one(&offer(key(&user, 0)?, &goal)?).await?.held.ok_or("held")?;
                Ok(())
            }
        })
    }
    fn bare_merge(&self, mark: String, work: usize, json: bool) -> Side {
        let both = self.clone();
        Side::new(move |i| {
            let (mut both, (user, goal)) = (both.clone(), about(&mark, work, i));
            async move {
                let (key, script) = (format!("bare:{user}"), if json { &both.merge_json } else { &both.merge });
                let mut call = script.key(key);
                call.arg("Variation-1").arg(goal);
                if json {
                    call.arg(user).arg("campaign-0");
                }
                let held: String = call.invoke_async(&mut both.bare).await?;
                match json {
                    true => drop(serde_json::from_str::<serde_json::Value>(&held)?),
                    false => drop(held.split('\0').map(str::to_owned).collect::<Vec<_>>()),
                }
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
                let key = |at| match mixed {
                    true => key(&format!("user-{}", (i * 7 + at) % USERS), 0),
                    false => key(&format!("user-{}", i % 100), at),
                };
                let keys: stayput::Result<Vec<_>> = (0..BATCH).map(key).collect();
                let held = store.get(&keys?).await?;
                if held.iter().all(Option::is_some) { Ok(()) } else { Err("held".into()) }
            }
        })
    }
    fn bare_batch(&self) -> Side {
        let bare = self.bare.clone();
        Side::new(move |i| {
            let mut bare = bare.clone();
            async move {
                let keys = (0..BATCH).map(|at| format!("bare:user-{}", (i * 7 + at) % USERS)).collect::<Vec<_>>();
                let values: Vec<Vec<u8>> = redis::cmd("MGET").arg(keys).query_async(&mut bare).await?;
                for value in values {
                    codec::decode("bare", &value)?;
                }
                Ok(())
            }
        })
    }
}
