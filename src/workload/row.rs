//! What a run of a workload came to: counts, latencies, and every measured quantity beside its prediction.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Nanos;

/// How a measured quantity should stand to its prediction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// One measured quantity beside its prediction. `S` is what names are kept in: what was read from a file owns them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Check<S = &'static str> {
    /// What was measured, its unit last.
    pub quantity: S,
    /// What came of it.
    #[serde(with = "number")]
    pub measured: f64,
    /// How it should stand to the prediction.
    pub relation: Relation,
    /// What was expected, from the run's terms alone; not a number if nothing was.
    #[serde(with = "number")]
    pub predicted: f64,
    /// How far chance alone moves the measurement: its standard deviation if the prediction is true. Not a number where that
    /// is not known.
    #[serde(with = "number")]
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
}

impl<S> Check<S> {
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

/// How the names of quantities end that say how often something could not be judged.
const UNTOLD: [&str; 3] = ["could not be told", "whose trace is missing", "that no trace says were sent"];

/// What one run of one workload came to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row<S = &'static str> {
    /// Operations that completed: entries, deliveries everywhere, commits, reads, snapshots, rounds of generals.
    pub operations: u64,
    /// What the operations are called.
    pub operation: S,
    /// Messages sent, where they were counted.
    pub messages: Option<u64>,
    /// Latency of an operation, p50, p99 and p99.9.
    pub latency: Option<[Nanos; 3]>,
    /// How often each invariant broke.
    pub violations: Vec<(S, u64)>,
    /// What was begun and did not end: broken as well, unless somebody died who was needed for it.
    pub unfinished: Vec<(S, u64)>,
    /// What was measured beside what was predicted.
    pub checks: Vec<Check<S>>,
}

impl<S: AsRef<str>> Row<S> {
    /// Messages for each operation.
    pub fn messages_per_operation(&self) -> Option<f64> {
        let messages = self.messages.filter(|_| self.operations > 0)?;
        Some(messages as f64 / self.operations as f64)
    }

    /// How often any invariant broke.
    pub fn broken(&self) -> u64 {
        self.never().fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// What should never happen, and how often it did.
    pub fn never(&self) -> impl Iterator<Item = (&str, u64)> {
        self.violations.iter().chain(&self.unfinished).map(|(name, count)| (name.as_ref(), *count))
    }

    /// What could not be judged, and how often.
    pub fn untold(&self) -> impl Iterator<Item = (&str, u64)> {
        let is_untold = |check: &&Check<S>| UNTOLD.iter().any(|end| check.quantity.as_ref().ends_with(end));
        let untold = self.checks.iter().filter(is_untold).filter(|check| check.measured > 0.0);
        untold.map(|check| (check.quantity.as_ref(), check.measured as u64))
    }

    /// The check of a quantity.
    pub fn check(&self, quantity: &str) -> Option<&Check<S>> {
        self.checks.iter().find(|check| check.quantity.as_ref() == quantity)
    }
}

impl Row {
    /// Nobody is to blame for what did not end: it is told, and no invariant is broken by it.
    pub fn excuse_unfinished(&mut self) {
        let excused = self.unfinished.drain(..).map(|(name, count)| Check::alone(name, count as f64));
        self.checks.extend(excused);
    }

    /// The same row as a journal keeps it.
    pub fn owned(&self) -> Row<String> {
        let counts = |all: &[(&str, u64)]| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let check = |check: &Check| {
            let Check { quantity, measured, relation, predicted, chance } = *check;
            Check { quantity: quantity.to_owned(), measured, relation, predicted, chance }
        };
        Row {
            operations: self.operations,
            operation: self.operation.to_owned(),
            messages: self.messages,
            latency: self.latency,
            violations: counts(&self.violations),
            unfinished: counts(&self.unfinished),
            checks: self.checks.iter().map(check).collect(),
        }
    }
}

/// Numbers in JSON, which has none that is not finite: that is null there, and no number here.
mod number {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        Some(*value).filter(|value| value.is_finite()).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
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
    fn a_row_comes_back_from_a_journal_with_what_is_not_known() {
        let row = Row {
            operations: 3,
            operation: "entries",
            messages: Some(9),
            latency: Some([Nanos(1), Nanos(2), Nanos(3)]),
            violations: vec![("two holders", 1)],
            unfinished: vec![("requests never granted", u64::MAX)],
            checks: vec![Check::alone("share", 0.25), Check::about("per second", f64::INFINITY, 2.0)],
        };
        let text = serde_json::to_string(&row.owned()).unwrap();
        let back: Row<String> = serde_json::from_str(&text).unwrap();
        assert_eq!((back.broken(), back.violations.clone()), (u64::MAX, vec![("two holders".to_owned(), 1)]));
        let share = back.check("share").unwrap();
        assert!(share.measured == 0.25 && share.predicted.is_nan() && back.checks[1].measured.is_nan());
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
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
