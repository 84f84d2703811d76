//! Who is asked for: users whose popularity is even, or falls as it does on real sites.

/// How popularity is spread over users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Spread {
    /// A few users come again and again (exponent 0.99)
    Zipf,
    /// All alike
    Uniform,
}

/// An endless sequence of users, the same in every run.
#[derive(Clone, Debug)]
pub struct Population {
    users: u64,
    spread: Spread,
    state: u64,
}

const EXPONENT: f64 = 0.99;

impl Population {
    /// `users` of them, at least one; another `seed` gives another sequence.
    pub fn new(users: u64, spread: Spread, seed: u64) -> Self {
        Self { users: users.max(1), spread, state: seed }
    }
    /// The same users in another order, for another task.
    pub fn another(&self, task: u64) -> Self {
        Self { state: mixed(self.state ^ mixed(task + 1)), ..self.clone() }
    }
    /// The next one, by popularity from 0.
    pub fn draw(&mut self) -> u64 {
        let random = self.random();
        match self.spread {
            Spread::Uniform => random % self.users,
            Spread::Zipf => {
                // The inverse of the continuous distribution, which is the discrete one but for its first few.
                let share = random as f64 / u64::MAX as f64;
                let top = (self.users as f64 + 1.0).powf(1.0 - EXPONENT);
                let rank = ((top - 1.0) * share + 1.0).powf(1.0 / (1.0 - EXPONENT));
                (rank as u64 - 1).min(self.users - 1)
            }
        }
    }
    /// True once in a while: `percent` times in a hundred.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.random() % 100 < u64::from(percent)
    }
    /// The id of a user: popular ones do not stand together in the order of ids.
    pub fn id(user: u64) -> String {
        format!("user-{:016x}", mixed(user))
    }

    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }
}

/// SplitMix64's last step: different for different numbers, and looks like chance.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Population, Spread};
    use std::collections::HashSet;

    fn drawn(spread: Spread) -> Vec<u64> {
        let mut population = Population::new(1_000, spread, 1);
        (0..100_000).map(|_| population.draw()).collect()
    }

    #[test]
    fn everybody_comes_and_nobody_else() {
        for spread in [Spread::Uniform, Spread::Zipf] {
            let drawn = drawn(spread);
            assert!(drawn.iter().all(|user| *user < 1_000));
            assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 1_000, "{spread:?}");
        }
        assert_eq!(Population::new(0, Spread::Zipf, 1).draw(), 0);
    }

    #[test]
    fn with_zipf_the_first_hundredth_gets_a_third_or_more_of_the_requests_and_otherwise_a_hundredth() {
        let share = |spread| drawn(spread).iter().filter(|user| **user < 10).count();
        assert!((30_000..50_000).contains(&share(Spread::Zipf)), "{}", share(Spread::Zipf));
        assert!((500..1_500).contains(&share(Spread::Uniform)));
    }

    #[test]
    fn ids_differ() {
        let ids: HashSet<String> = (0..100_000).map(Population::id).collect();
        assert_eq!(ids.len(), 100_000);
    }
}
