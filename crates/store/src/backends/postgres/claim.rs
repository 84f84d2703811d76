//! Claims: create, bring goals or look in one round trip, and replace exactly what was looked at in a second if need be.
use super::{
    pool::{Call, Pool},
    row::{self, Columns, Version},
    seen::Seen,
    sql::Statements,
};
use crate::{Assignment, Claimed, Goals, Kind, Offer, Result, Timestamp, queues::Queues};
use deadpool_postgres::tokio_postgres::Row;

/// An offer that has no answer yet, and where that belongs.
#[derive(Clone, Copy)]
struct Ask<'a> {
    place: usize,
    offer: &'a Offer,
    begin: Begin,
}

/// What a claim begins with. The first two write without looking, or answer with nothing, and then the third follows.
#[derive(Clone, Copy)]
enum Begin {
    Create,
    Bring,
    Look,
}

impl Begin {
    /// By what was `seen`, which need not be so any more.
    fn of(offer: &Offer, seen: &Seen) -> Self {
        // Whether an import has expired only the server can say.
        let creates = offer.variation.is_some()
            && offer.imported.is_none_or(|imported| imported.expires_at.is_none())
            && offer.lasts.is_none_or(|lasts| lasts.as_millis() > 0);
        match seen.is_held(&offer.key) {
            false if creates => Self::Create,
            true if brings_goals_only(offer) && !seen.has_goals(&offer.key, &offer.goals) => Self::Bring,
            _ => Self::Look,
        }
    }
}

impl Ask<'_> {
    fn call<'a>(&self, statements: &'a Statements, columns: &'a Columns<'_>) -> Call<'a> {
        let (statement, params) = match self.begin {
            Begin::Create => (&statements.create, columns.params_to_create()),
            Begin::Bring => (&statements.bring, columns.params_to_bring()),
            Begin::Look if brings_goals_only(self.offer) => (&statements.claim_goals, columns.params_to_claim()),
            Begin::Look => (&statements.claim, columns.params_to_claim()),
        };
        Call { statement, params }
    }
}

/// What came of looking.
enum Look {
    Settled(Claimed),
    /// The row is to become what the answer holds, if it still is this version.
    Swap(Claimed, Version),
    /// A rival changed it while we were about to.
    Lost,
    /// A rival created it while we were about to.
    Again,
}

/// Joins each of `offers` with what is held; the caller has seen to it that their keys differ.
pub(super) async fn claim(
    pool: &Pool,
    statements: &Statements,
    queues: &Queues,
    seen: &Seen,
    offers: &[Offer],
) -> Result<Vec<Claimed>> {
    let mut answers: Vec<(usize, Claimed)> = Vec::with_capacity(offers.len());
    let ask = |(place, offer)| Ask { place, offer, begin: Begin::of(offer, seen) };
    let mut asks: Vec<Ask<'_>> = offers.iter().enumerate().map(ask).collect();
    // In the order of keys, so that no two batches wait for each other.
    asks.sort_by_key(|ask| &ask.offer.key);
    for ask in attempt(pool, statements, &asks, &mut answers).await? {
        let _turn = queues.turn(&ask.offer.key).await;
        // Each time somebody's claim is stored, and the caller's deadline ends the rest.
        while !attempt(pool, statements, &[ask], &mut answers).await?.is_empty() {}
    }
    answers.sort_unstable_by_key(|(place, _)| *place);
    for (offer, (_, claimed)) in offers.iter().zip(&answers) {
        if claimed.held.is_some() {
            seen.note(&offer.key, &offer.goals);
        }
    }
    Ok(answers.into_iter().map(|(_, claimed)| claimed).collect())
}

/// Adds the answers that there are; gives back the asks that lost a race.
async fn attempt<'a>(
    pool: &Pool,
    statements: &Statements,
    asks: &[Ask<'a>],
    answers: &mut Vec<(usize, Claimed)>,
) -> Result<Vec<Ask<'a>>> {
    let (mut swaps, mut lost, mut left) = (Vec::new(), Vec::new(), asks.to_vec());
    while !left.is_empty() {
        let mut again = Vec::new();
        for (ask, look) in left.iter().zip(look(pool, statements, &left).await?) {
            match look {
                Look::Settled(claimed) => answers.push((ask.place, claimed)),
                Look::Swap(claimed, version) => swaps.push((*ask, claimed, version)),
                Look::Lost => lost.push(Ask { begin: Begin::Look, ..*ask }),
                Look::Again => again.push(Ask { begin: Begin::Look, ..*ask }),
            }
        }
        left = again;
    }
    swaps.sort_by_key(|(ask, ..)| &ask.offer.key);
    let swapped = swap(pool, statements, &swaps).await?;
    for ((ask, claimed, _), swapped) in swaps.into_iter().zip(swapped) {
        if swapped { answers.push((ask.place, claimed)) } else { lost.push(ask) }
    }
    Ok(lost)
}

async fn look(pool: &Pool, statements: &Statements, asks: &[Ask<'_>]) -> Result<Vec<Look>> {
    // The rule says what an offer creates; only the times are the server's.
    let created = |ask: &Ask<'_>| {
        let mut goals = Goals::default();
        goals.bring(&ask.offer.goals, ask.offer.claim);
        (ask.offer.join(None, Timestamp::default()).claimed.held, goals)
    };
    let created: Vec<(Option<Assignment>, Goals)> = asks.iter().map(created).collect();
    let columns = asks.iter().zip(&created);
    let columns = columns.map(|(ask, (created, goals))| Columns::creating(ask.offer, created.as_ref(), goals));
    let columns: Vec<Columns<'_>> = columns.collect();
    let calls = asks.iter().zip(&columns).map(|(ask, columns)| ask.call(statements, columns));
    let rows = pool.all(&calls.collect::<Vec<_>>()).await?;
    let came = |(ask, rows): (&Ask<'_>, &Vec<Row>)| rows.first().map_or(Ok(Look::Again), |row| settled(ask, row));
    asks.iter().zip(&rows).map(came).collect()
}

/// Whether all that `offer` can change of what is held, but for renewing it, is its goals. Never of FME: the statement
/// does not say whom a decision replaces unasked. Nor where an import could renew: its times are those of what it
/// creates, and do not tell the statement how long it lasts.
fn brings_goals_only(offer: &Offer) -> bool {
    let is_classic = offer.key.kind() == Kind::Classic;
    is_classic
        && !offer.goals.is_empty()
        && offer.over.is_none()
        && (offer.meta_data.is_none() || offer.variation.is_none())
        && (offer.imported.is_none() || offer.lasts.is_none())
}

/// What the first row that the server answered with says.
fn settled(ask: &Ask<'_>, row: &Row) -> Result<Look> {
    let offer = ask.offer;
    match ask.begin {
        Begin::Create => return Ok(Look::Settled(offer.join(None, row::now(row)?).claimed)),
        Begin::Bring => return Ok(Look::Settled(offer.answer(Some(row::assignment(row, 0)?)))),
        Begin::Look => {}
    }
    let now = row::now(row)?;
    let after = 1 + row::FIELDS;
    let version: Option<Version> = row::column(row, after, "version")?;
    let written: Option<bool> = row::column(row, after + 1, "written")?;
    let held = version.is_some().then(|| row::assignment(row, 1)).transpose()?;
    let joined = offer.join(held, now);
    Ok(match (written, version) {
        (Some(true), _) => Look::Settled(joined.claimed),
        (Some(false), Some(_)) => Look::Lost,
        (Some(false), None) => Look::Again,
        (None, _) if !joined.changed => Look::Settled(joined.claimed),
        (None, Some(version)) => Look::Swap(joined.claimed, version),
        (None, None) => Look::Again,
    })
}

/// Whether each was still the version that was looked at.
async fn swap(pool: &Pool, statements: &Statements, swaps: &[(Ask<'_>, Claimed, Version)]) -> Result<Vec<bool>> {
    if swaps.is_empty() {
        return Ok(Vec::new());
    }
    let columns = swaps.iter().map(|(ask, claimed, version)| Columns::replacing(&ask.offer.key, claimed, *version));
    let columns: Vec<Columns<'_>> = columns.collect();
    let call = |columns| Call { statement: &statements.swap, params: Columns::params_to_swap(columns) };
    let rows = pool.all(&columns.iter().map(call).collect::<Vec<_>>()).await?;
    Ok(rows.iter().map(|rows| !rows.is_empty()).collect())
}
