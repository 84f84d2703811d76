//! Who wins a user among the campaigns of a mutually exclusive group.
use crate::{
    bucket::{Range, allocate, allocate_numbers, group_bucket},
    js::Thrown,
    settings::{Algorithm, Campaign, Group},
};

/// The winner, and the user's bucket where chance decided.
#[derive(Debug)]
pub(crate) struct Won<'a> {
    pub(crate) winner: Option<&'a Campaign>,
    pub(crate) bucket: Option<f64>,
}

/// Finds the winner among two or more eligible campaigns, or none.
pub(crate) fn winner<'a>(group: &Group, eligible: &[&'a Campaign], user: &str) -> Result<Won<'a>, Thrown> {
    match group.algorithm {
        Algorithm::Random => {
            let even = (100.0 / eligible.len() as f64).floor();
            let won = drawn(group, user, eligible, allocate_numbers(eligible.iter().map(|_| even)));
            match won.winner {
                Some(_) => Ok(won),
                None => Err(Thrown("even shares leave a gap, and the user falls into it")),
            }
        }
        Algorithm::Advanced => advanced(group, eligible, user),
    }
}

fn advanced<'a>(group: &Group, eligible: &[&'a Campaign], user: &str) -> Result<Won<'a>, Thrown> {
    let order = group.priority.as_ref().ok_or(Thrown("the group's priority is null"))?;
    let first = order.iter().find_map(|id| eligible.iter().find(|campaign| campaign.id.same(id)));
    if let Some(winner) = first {
        return Ok(Won { winner: Some(winner), bucket: None });
    }
    let weights = match (&group.weights, eligible.is_empty()) {
        (Some(weights), _) => weights,
        (None, true) => return Ok(Won { winner: None, bucket: None }),
        (None, false) => return Err(Thrown("the group's weights are null")),
    };
    let weighted = eligible.iter().filter_map(|campaign| Some((*campaign, weights.get(&campaign.id_text)?)));
    let (campaigns, weights): (Vec<_>, Vec<_>) = weighted.unzip();
    Ok(drawn(group, user, &campaigns, allocate(weights.into_iter().map(Some))))
}

fn drawn<'a>(group: &Group, user: &str, campaigns: &[&'a Campaign], ranges: Vec<Range>) -> Won<'a> {
    let bucket = group_bucket(&group.id_text, user);
    let winner = campaigns.iter().zip(ranges).find(|(_, range)| range.contains(bucket)).map(|(campaign, _)| *campaign);
    Won { winner, bucket: Some(bucket) }
}
