//! Redis: one multiplexed connection on each side.
//!
//! The bare side gets and decodes a value of the same bytes. Its merge is a script that keeps the first variation and
//! adds a goal once; it knows no claim ids, no times, no index of users, no epochs.
use crate::{
    BATCH, Done, USERS,
    ours::{Merge, Ours, about},
    rounds::{Options, Side},
};
use redis::{AsyncTypedCommands, Script, aio::MultiplexedConnection};
use stayput::{Entry, codec};
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
struct Bare {
    connection: MultiplexedConnection,
    merge: Arc<Script>,
    merge_json: Arc<Script>,
}

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    // The time limit of ours.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let bare = Bare {
        connection: redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await?,
        merge: Arc::new(Script::new(MERGE)),
        merge_json: Arc::new(Script::new(MERGE_JSON)),
    };
    let ours = Ours::open(&format!("{url}?timeout=30s"), USERS).await?;
    for Entry { key, assignment } in ours.prepare().await? {
        bare.connection.clone().set(format!("bare:{}", key.user_id()), codec::encode(&assignment)).await?;
    }
    for tasks in [1, 16, 64] {
        let merges: &[(&str, Merge<'_>)] = &[
            ("", &|mark, work| bare.merge(mark, work, false)),
            (", beside JSON", &|mark, work| bare.merge(mark, work, true)),
        ];
        ours.compare(options, ("redis", tasks), || bare.get(), merges, ("MGET", bare.batch())).await?;
    }
    Ok(())
}

impl Bare {
    fn get(&self) -> Side {
        let bare = self.connection.clone();
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
    fn merge(&self, mark: String, work: usize, json: bool) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let (mut bare, (user, goal)) = (bare.clone(), about(&mark, work, i, USERS));
            async move {
                let (key, script) = (format!("bare:{user}"), if json { &bare.merge_json } else { &bare.merge });
                let mut call = script.key(key);
                call.arg("Variation-1").arg(goal);
                if json {
                    call.arg(user).arg("campaign-0");
                }
                let held: String = call.invoke_async(&mut bare.connection).await?;
                match json {
                    true => drop(serde_json::from_str::<serde_json::Value>(&held)?),
                    false => drop(held.split('\0').map(str::to_owned).collect::<Vec<_>>()),
                }
                Ok(())
            }
        })
    }
    fn batch(&self) -> Side {
        let bare = self.connection.clone();
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
