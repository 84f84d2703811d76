//! What a store holds, counted page by page in bounded memory.
use super::Finding;
use crate::answer::rfc3339;
use serde::Serialize;
use stayput::{Result, ScanStore, Timestamp, Unreadable};
use std::collections::BTreeMap;

/// Assignments of one page.
const PAGE: usize = 1_000;
/// Campaigns that are counted apart, and unreadable values that are listed.
const CAMPAIGNS: usize = 10_000;
const LISTED: usize = 20;

/// What was found. User ids are not part of it unless they were asked for.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Census {
    /// Live assignments that were looked at.
    pub(crate) assignments: u64,
    /// Whether there are more than were looked at.
    pub(crate) more: bool,
    pub(crate) campaigns: Vec<Campaign>,
    /// Assignments of campaigns beyond those that are counted apart.
    pub(crate) others: u64,
    pub(crate) oldest: Option<String>,
    pub(crate) newest: Option<String>,
    pub(crate) unreadable: u64,
    /// The first of them.
    pub(crate) damaged: Vec<Damaged>,
    #[serde(skip)]
    latest: Option<Timestamp>,
}

/// A campaign's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Campaign {
    pub(crate) scope: String,
    pub(crate) kind: &'static str,
    pub(crate) campaign: String,
    pub(crate) assignments: u64,
}

/// A value that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Damaged {
    /// Names the key without telling the user.
    pub(crate) key: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    pub(crate) why: String,
}

/// Looks at up to `limit` assignments of all scopes; `progress` is told how many so far.
pub(crate) async fn take(
    store: &dyn ScanStore,
    limit: u64,
    show_users: bool,
    progress: impl Fn(u64),
) -> Result<Census> {
    let (mut census, mut after) = (Census::default(), None);
    let mut campaigns = BTreeMap::<(String, &'static str, String), u64>::new();
    let (mut oldest, mut newest) = (None::<Timestamp>, None::<Timestamp>);
    loop {
        let page = store.scan(None, after.as_ref(), PAGE).await?;
        for entry in &page.entries {
            let key = &entry.key;
            let place = (key.scope().as_str().to_owned(), key.kind().name(), key.campaign().to_owned());
            match campaigns.len() < CAMPAIGNS || campaigns.contains_key(&place) {
                true => *campaigns.entry(place).or_default() += 1,
                false => census.others += 1,
            }
            let assigned = entry.assignment.assigned_at;
            oldest = Some(oldest.map_or(assigned, |oldest| oldest.min(assigned)));
            newest = newest.max(Some(assigned));
            census.latest = census.latest.max(Some(entry.assignment.changed_at));
        }
        census.assignments += page.entries.len() as u64;
        census.unreadable += page.unreadable.len() as u64;
        let room = LISTED.saturating_sub(census.damaged.len());
        census.damaged.extend(page.unreadable.into_iter().take(room).map(|it| damaged(it, show_users)));
        progress(census.assignments);
        after = page.next;
        census.more = after.is_some() && census.assignments >= limit;
        if after.is_none() || census.more {
            break;
        }
    }
    (census.oldest, census.newest) = (oldest.map(rfc3339), newest.map(rfc3339));
    let counted = campaigns.into_iter().map(|((scope, kind, campaign), assignments)| Campaign {
        scope,
        kind,
        campaign,
        assignments,
    });
    census.campaigns = counted.collect();
    census.campaigns.sort_by_key(|campaign| std::cmp::Reverse(campaign.assignments));
    Ok(census)
}

impl Census {
    /// What to say about it at `now`.
    pub(crate) fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let more = if self.more { " so far; look at more with --limit" } else { "" };
        let counted = format!("{} assignments in {} campaigns{more}", self.assignments, self.campaigns.len());
        let times = match (&self.oldest, &self.newest) {
            (Some(oldest), Some(newest)) => format!("{counted}, assigned from {oldest} to {newest}"),
            _ => counted,
        };
        let mut findings = vec![Finding::ok("data", times)];
        if self.unreadable > 0 {
            let says = format!("{} values cannot be read; reads of them fail", self.unreadable);
            let advice = "restore them from an export, or find the users with --show-users and do away with what is \
                          damaged by `stayput forget`";
            findings.push(Finding::wrong("data", says, advice));
        }
        if self.latest.is_some_and(|latest| latest > now.plus(std::time::Duration::from_secs(300))) {
            let says = "something changed more than five minutes from now";
            findings.push(Finding::note("data", says, "compare the clocks of the machines that write (NTP)"));
        }
        findings
    }
}

fn damaged(Unreadable { key, why }: Unreadable, show_users: bool) -> Damaged {
    let key = key.as_ref();
    Damaged {
        scope: key.map(|key| key.scope().as_str().to_owned()),
        campaign: key.map(|key| key.campaign().to_owned()),
        user_id: key.filter(|_| show_users).map(|key| key.user_id().to_owned()),
        key: key.map(|key| hash(&stayput::codec::encode_key(key))),
        why,
    }
}

/// Names stored bytes of a key without telling the user, the same on every machine: FNV-1a.
pub(crate) fn hash(key: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", key.iter().fold(0xcbf2_9ce4_8422_2325, step))
}
