//! Rounds in which two sides take turns.
use crate::{Options, Result};

/// What one comparison came to.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) rival: &'static str,
    /// Medians.
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// Ours to theirs: the median of the rounds, the lowest and the highest.
    pub(crate) ratio: f64,
    pub(crate) range: (f64, f64),
    /// Microseconds of processor time that a request costs the server, ours and theirs, if that was looked at.
    pub(crate) cost: Option<(f64, f64)>,
    /// What the ratio should be.
    pub(crate) target: Option<Target>,
    pub(crate) load: String,
}

/// What one side did in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) result: f64,
    /// Microseconds of processor time a request.
    pub(crate) cost: Option<f64>,
}

/// What a ratio is measured against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// What is compared, and with whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) rival: &'static str,
    pub(crate) target: Option<Target>,
}

impl Comparison {
    /// Lets both take turns, each first in every other round. Says what came of it.
    pub(crate) fn run(
        self,
        options: &Options,
        mut ours: impl FnMut() -> Result<Round>,
        mut theirs: impl FnMut() -> Result<Round>,
    ) -> Result<Option<Compared>> {
        if !options.wants(self.name) {
            return Ok(None);
        }
        let (mut our, mut their, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut our_costs, mut their_costs) = (Vec::new(), Vec::new());
        for round in 0..options.rounds.max(1) {
            let (one, other) = match round % 2 {
                0 => (ours()?, theirs()?),
                _ => {
                    let other = theirs()?;
                    (ours()?, other)
                }
            };
            our.push(one.result);
            their.push(other.result);
            ratios.push(one.result / other.result);
            our_costs.extend(one.cost);
            their_costs.extend(other.cost);
        }
        let Self { name, unit, rival, target } = self;
        let ratio = median(&mut ratios);
        let range = (ratios.first().copied().unwrap_or(ratio), ratios.last().copied().unwrap_or(ratio));
        let (ours, theirs, load) = (median(&mut our), median(&mut their), crate::machine::load());
        let cost = (!our_costs.is_empty()).then(|| (median(&mut our_costs), median(&mut their_costs)));
        let compared = Compared { cost, name, unit, rival, ours, theirs, ratio, range, target, load };
        eprintln!(
            "{name}: {ours:.1} {unit}, {rival} {theirs:.1}, ratio {ratio:.2} ({:.2} to {:.2}){}{}, load {}",
            range.0,
            range.1,
            compared.verdict(),
            cost.map_or_else(String::new, |(ours, theirs)| format!(
                ", processor {ours:.1} to {theirs:.1} µs a request"
            )),
            compared.load
        );
        Ok(Some(compared))
    }
}

impl Compared {
    /// Whether the target was met, in words.
    pub(crate) fn verdict(&self) -> String {
        let (met, target) = match self.target {
            None => return String::new(),
            Some(Target::AtLeast(least)) => (self.ratio >= least, format!("at least {least}")),
            Some(Target::AtMost(most)) => (self.ratio <= most, format!("at most {most}")),
        };
        format!(", {target}: {}", if met { "met" } else { "missed" })
    }
}

impl From<f64> for Round {
    fn from(result: f64) -> Self {
        Self { result, cost: None }
    }
}

/// Sorts `values` and takes the middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
