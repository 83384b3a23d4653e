//! What follows: for every value whether the difference exceeds the spread, and in which direction.

use super::bootstrap::Resampled;
use super::columns::{Better, Column};
use super::spread::{SpreadKind, between_limits, bootstrap_limits, mean};
use super::{Kind, Run, Value, Within};

/// From so many runs a side on, the spread is that between them.
pub const ENOUGH_RUNS: usize = 3;
/// Equal sides are called different in at most this share of comparisons, all judged values together.
pub const ALARM: f64 = 0.05;

/// What a difference amounts to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// It does not exceed the spread.
    Same,
    /// It does, for the better.
    Better,
    /// It does, for the worse.
    Worse,
    /// It does, and no direction is better.
    Differs,
    /// There is no spread to hold it against.
    NoSpread,
    /// One of the sides has no such value.
    Missing,
}

impl Judgement {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Differs => "differs",
            Self::NoSpread => "no spread",
            Self::Missing => "missing",
        }
    }
}

/// One value of both sides.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The table it belongs to.
    pub kind: Kind,
    /// Algorithm, algorithm and load, or bench.
    pub subject: String,
    /// What was measured.
    pub column: Column,
    /// Mean over the runs of the base.
    pub base: Option<f64>,
    /// Mean over the runs of the head.
    pub head: Option<f64>,
    /// What the spread was made of.
    pub spread_kind: SpreadKind,
    /// The interval for head less base.
    pub spread: Option<(f64, f64)>,
    /// What the difference amounts to.
    pub judgement: Judgement,
}

impl Row {
    /// Head less base.
    pub fn difference(&self) -> Option<f64> {
        self.head.zip(self.base).map(|(head, base)| head - base)
    }

    /// Head over base, where that says anything.
    pub fn ratio(&self) -> Option<f64> {
        self.head.zip(self.base).filter(|(_, base)| *base != 0.0).map(|(head, base)| head / base)
    }

    /// Whether it can ever be called better or worse.
    pub fn is_judged(&self) -> bool {
        self.spread.is_some() && self.column.better != Better::Neither
    }
}

/// What a comparison comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing that was judged is worse.
    NotWorse,
    /// Something is.
    Worse,
    /// Values differ, and none could be judged.
    Undecided,
}

/// Holds every value of the head's runs against the base's; rows are in the order of the base's values.
pub fn compare(base: &[Run], head: &[Run]) -> Vec<Row> {
    let pairs = pairs(base, head);
    let widened = |pair: &&Pair<'_>| pair.kind().widens() && pair.column.better != Better::Neither;
    let judged = pairs.iter().filter(widened).count();
    // Bonferroni: what is promised of all holds if each is promised its part.
    let confidence = 1.0 - ALARM / judged.max(1) as f64;
    pairs.into_iter().map(|pair| pair.row(confidence)).collect()
}

/// What the rows come to together.
pub fn outcome(rows: &[Row]) -> Outcome {
    let any = |wanted| rows.iter().any(|row| row.judgement == wanted);
    let sampled = |row: &Row| row.is_judged() && row.spread_kind != SpreadKind::Exact;
    let open = |row: &Row| {
        let unclear = matches!(row.judgement, Judgement::NoSpread | Judgement::Missing);
        unclear && row.column.better != Better::Neither
    };
    if any(Judgement::Worse) {
        Outcome::Worse
    } else if rows.iter().any(open) && !rows.iter().any(sampled) {
        Outcome::Undecided
    } else {
        Outcome::NotWorse
    }
}

/// One value of both sides, run by run.
struct Pair<'a> {
    kind: Kind,
    subject: &'a str,
    column: Column,
    base: Vec<&'a Value>,
    head: Vec<&'a Value>,
}

fn pairs<'a>(base: &'a [Run], head: &'a [Run]) -> Vec<Pair<'a>> {
    let mut found: Vec<Pair<'a>> = Vec::new();
    for (runs, head) in [(base, false), (head, true)] {
        for value in runs.iter().flat_map(|run| &run.values) {
            let same = |pair: &Pair<'_>| {
                (pair.kind, pair.subject, pair.column.name) == (value.kind, &value.subject, value.column.name)
            };
            let place = found.iter().position(same).unwrap_or(found.len());
            if place == found.len() {
                let (kind, subject, column) = (value.kind, value.subject.as_str(), value.column);
                found.push(Pair { kind, subject, column, base: Vec::new(), head: Vec::new() });
            }
            let pair = &mut found[place];
            if head { pair.head.push(value) } else { pair.base.push(value) }
        }
    }
    found
}

impl Pair<'_> {
    /// What a spread can be made of.
    fn kind(&self) -> SpreadKind {
        let all = |wanted: fn(&Within) -> bool| {
            !self.base.is_empty()
                && !self.head.is_empty()
                && self.base.iter().chain(&self.head).all(|v| wanted(&v.within))
        };
        if all(|within| *within == Within::Exact) {
            SpreadKind::Exact
        } else if self.base.len() >= ENOUGH_RUNS && self.head.len() >= ENOUGH_RUNS {
            SpreadKind::Between
        } else if all(|within| matches!(within, Within::Resampled(_))) {
            SpreadKind::Bootstrap
        } else if all(|within| matches!(within, Within::Limits { .. })) {
            SpreadKind::Limits
        } else {
            SpreadKind::Nothing
        }
    }

    fn row(&self, confidence: f64) -> Row {
        let numbers = |side: &[&Value]| side.iter().map(|value| value.value).collect::<Vec<_>>();
        let (base, head) = (numbers(&self.base), numbers(&self.head));
        let mut row = Row {
            kind: self.kind,
            subject: self.subject.to_owned(),
            column: self.column,
            base: mean(&base),
            head: mean(&head),
            spread_kind: self.kind(),
            spread: None,
            judgement: Judgement::Missing,
        };
        let Some(difference) = row.difference() else { return row };
        row.spread = match row.spread_kind {
            SpreadKind::Between => Some(between_limits(&base, &head, confidence)),
            SpreadKind::Bootstrap => {
                Some(bootstrap_limits(difference, &resampled(&self.base), &resampled(&self.head), confidence))
            }
            SpreadKind::Limits => Some(limits(&self.base, &self.head)),
            SpreadKind::Exact => Some((difference, difference)),
            SpreadKind::Nothing => None,
        };
        row.judgement = judge(self.column, difference, row.spread);
        row
    }
}

fn resampled<'a>(side: &[&'a Value]) -> Vec<&'a Resampled> {
    let found =
        side.iter().filter_map(|value| if let Within::Resampled(all) = &value.within { Some(all) } else { None });
    found.collect()
}

/// What the limits of both sides leave open for the difference.
fn limits(base: &[&Value], head: &[&Value]) -> (f64, f64) {
    let side = |values: &[&Value]| {
        let of =
            |value: &&Value| if let Within::Limits { low, high } = value.within { (low, high) } else { (0.0, 0.0) };
        let (lows, highs): (Vec<f64>, Vec<f64>) = values.iter().map(of).unzip();
        (mean(&lows).unwrap_or(0.0), mean(&highs).unwrap_or(0.0))
    };
    let (base, head) = (side(base), side(head));
    (head.0 - base.1, head.1 - base.0)
}

fn judge(column: Column, difference: f64, spread: Option<(f64, f64)>) -> Judgement {
    if difference.abs() <= column.resolution {
        return Judgement::Same;
    }
    let Some((low, high)) = spread else { return Judgement::NoSpread };
    match column.better {
        _ if low <= 0.0 && high >= 0.0 => Judgement::Same,
        Better::Neither => Judgement::Differs,
        Better::Lower if difference > 0.0 => Judgement::Worse,
        Better::Higher if difference < 0.0 => Judgement::Worse,
        Better::Lower | Better::Higher => Judgement::Better,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
