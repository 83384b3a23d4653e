//! What a run of a workload came to: counts, latencies, and every measured quantity beside its prediction.

use crate::time::Nanos;

/// How a measured quantity should stand to its prediction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// Equal, but for chance.
    About,
    /// Not larger.
    AtMost,
    /// Not smaller.
    AtLeast,
    /// Nothing was predicted.
    Unpredicted,
}

impl Relation {
    /// The relation's sign in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
            Self::Unpredicted => "",
        }
    }
}

/// One measured quantity beside its prediction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Check {
    /// What was measured, its unit last.
    pub quantity: &'static str,
    /// What came of it.
    pub measured: f64,
    /// How it should stand to the prediction.
    pub relation: Relation,
    /// What was expected, from the run's terms alone; not a number if nothing was.
    pub predicted: f64,
    /// How far chance alone moves the measurement: its standard deviation if the prediction is true. Not a number where that
    /// is not known.
    pub chance: f64,
}

impl Check {
    /// A quantity that should equal its prediction but for chance.
    pub const fn about(quantity: &'static str, measured: f64, predicted: f64) -> Self {
        Self { quantity, measured, relation: Relation::About, predicted, chance: f64::NAN }
    }

    /// A quantity that should not exceed its prediction.
    pub const fn at_most(quantity: &'static str, measured: f64, predicted: f64) -> Self {
        Self { quantity, measured, relation: Relation::AtMost, predicted, chance: f64::NAN }
    }

    /// A quantity that should reach its prediction.
    pub const fn at_least(quantity: &'static str, measured: f64, predicted: f64) -> Self {
        Self { quantity, measured, relation: Relation::AtLeast, predicted, chance: f64::NAN }
    }

    /// A quantity that should stand so to its prediction.
    pub const fn with(quantity: &'static str, measured: f64, relation: Relation, predicted: f64) -> Self {
        Self { quantity, measured, relation, predicted, chance: f64::NAN }
    }

    /// A quantity that nothing is predicted of.
    pub const fn alone(quantity: &'static str, measured: f64) -> Self {
        Self { quantity, measured, relation: Relation::Unpredicted, predicted: f64::NAN, chance: f64::NAN }
    }

    /// A share `count` of `of`, with what chance makes of the predicted one.
    pub fn share(quantity: &'static str, (count, of): (u64, u64), relation: Relation, predicted: f64) -> Self {
        let of = of.max(1) as f64;
        let spread = predicted * (1.0 - predicted).max(0.0) / of;
        // Counts are whole: half of one is added, unless the prediction leaves nothing to chance.
        let chance = if spread > 0.0 { spread.sqrt().hypot(0.5 / of) } else { 0.0 };
        Self { quantity, measured: count as f64 / of, relation, predicted, chance }
    }

    /// Whether the measurement agrees with the prediction: within a share `slack` of it, and four times what chance does.
    pub fn agrees(&self, slack: f64) -> bool {
        let chance = if self.chance.is_nan() { 0.0 } else { 4.0 * self.chance };
        let room = self.predicted.abs() * slack + chance;
        match self.relation {
            Relation::About => (self.measured - self.predicted).abs() <= room,
            Relation::AtMost => self.measured <= self.predicted + room,
            Relation::AtLeast => self.measured >= self.predicted - room,
            Relation::Unpredicted => true,
        }
    }
}

/// What one run of one workload came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Operations that completed: entries, deliveries everywhere, commits, reads, snapshots, rounds of generals.
    pub operations: u64,
    /// What the operations are called.
    pub operation: &'static str,
    /// Messages sent, where they were counted.
    pub messages: Option<u64>,
    /// Latency of an operation, p50, p99 and p99.9.
    pub latency: Option<[Nanos; 3]>,
    /// How often each invariant broke.
    pub violations: Vec<(&'static str, u64)>,
    /// What was begun and did not end: broken as well, unless somebody died who was needed for it.
    pub unfinished: Vec<(&'static str, u64)>,
    /// What was measured beside what was predicted.
    pub checks: Vec<Check>,
}

impl Row {
    /// Messages for each operation.
    pub fn messages_per_operation(&self) -> Option<f64> {
        let messages = self.messages.filter(|_| self.operations > 0)?;
        Some(messages as f64 / self.operations as f64)
    }

    /// How often any invariant broke.
    pub fn broken(&self) -> u64 {
        self.never().map(|(_, count)| count).sum()
    }

    /// What should never happen, and how often it did.
    pub fn never(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.violations.iter().chain(&self.unfinished).copied()
    }

    /// Nobody is to blame for what did not end: it is told, and no invariant is broken by it.
    pub fn excuse_unfinished(&mut self) {
        let excused = self.unfinished.drain(..).map(|(name, count)| Check::alone(name, count as f64));
        self.checks.extend(excused);
    }

    /// The check of a quantity.
    pub fn check(&self, quantity: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.quantity == quantity)
    }
}

/// The p50, p99 and p99.9 of spans: of sorted values, the first that so many are not above.
pub fn quantiles(mut spans: Vec<Nanos>) -> Option<[Nanos; 3]> {
    spans.sort_unstable();
    let rank = |per_mille: usize| spans.get((spans.len() * per_mille).div_ceil(1_000).checked_sub(1)?).copied();
    Some([rank(500)?, rank(990)?, rank(999)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let spans: Vec<Nanos> = (1..=1_000).rev().map(Nanos).collect();
        assert_eq!(quantiles(spans), Some([Nanos(500), Nanos(990), Nanos(999)]));
        assert_eq!(quantiles(vec![Nanos(7)]), Some([Nanos(7); 3]));
        assert_eq!(quantiles(Vec::new()), None);
    }

    #[test]
    fn a_check_knows_its_direction() {
        assert!(Check::at_most("x", 9.0, 10.0).agrees(0.0) && !Check::at_most("x", 11.0, 10.0).agrees(0.05));
        assert!(Check::at_least("x", 11.0, 10.0).agrees(0.0) && !Check::at_least("x", 9.0, 10.0).agrees(0.05));
        let share = Check::share("x", (30, 100), Relation::About, 0.2);
        assert!((share.chance - 0.04).abs() < 1e-3 && share.agrees(0.0));
        assert!(Check::about("x", 10.4, 10.0).agrees(0.05) && !Check::about("x", 10.6, 10.0).agrees(0.05));
    }
}
