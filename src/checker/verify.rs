//! Whether a certificate proves what it claims.

use std::collections::BTreeMap;
use std::fmt;

use super::statement::{Claim, Id, Statement, Step, Times};

const ONE: i128 = 1_000_000_000;
/// Parts of a nanosecond.
const PART: i128 = 1 << 32;
/// By how much a time may miss an assumption: four units of 2^-16 ns.
const TOLERANCE: i128 = 4 << 16;

/// Why a certificate proves nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// A node, arc or message is used that is not given.
    Unknown(String),
    /// A path's messages do not lead where they should.
    Broken(String),
    /// A path does not limit the interval as claimed: by so many ns it is too narrow.
    TooNarrow(String, i64),
    /// The execution given does not reach the end of the interval: by so many ns it is too wide.
    TooWide(String, i64),
    /// The execution given breaks an assumption.
    Violated(String),
    /// The cycle is not negative.
    NotNegative(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(what) => write!(f, "{what} is used but not given"),
            Self::Broken(what) => write!(f, "the path does not join up at {what}"),
            Self::TooNarrow(what, ns) => write!(f, "{what} is too narrow by {ns} ns: its path does not prove it"),
            Self::TooWide(what, ns) => write!(f, "{what} is too wide by {ns} ns: its execution does not reach it"),
            Self::Violated(what) => write!(f, "the execution given breaks an assumption: {what}"),
            Self::NotNegative(what) => write!(f, "the cycle proves nothing: {what}"),
        }
    }
}

impl std::error::Error for Flaw {}

/// Checks every claim and every cycle. What was checked is told line by line, with the messages of each path.
///
/// # Errors
/// The first flaw.
pub fn check(statement: &Statement) -> Result<Vec<String>, Flaw> {
    let mut told = Vec::new();
    for claim in &statement.claims {
        told.push(statement.low(claim)?);
        told.push(statement.high(claim)?);
        for end in 0..2 {
            statement.keeps_assumptions(claim, &claim.times[end])?;
            statement.reaches(claim, end)?;
        }
        told.push(format!("both ends of {} are reached by an execution that keeps every assumption", name(claim)));
    }
    for cycle in &statement.cycles {
        let sum = statement.cycle(cycle)?;
        if sum >= 0 {
            return Err(Flaw::NotNegative(path(cycle)));
        }
        told.push(format!("the cycle {} is short by {} ns", path(cycle), -sum / PART));
    }
    Ok(told)
}

fn name(claim: &Claim) -> String {
    format!("clock {} when clock {} turned to {} ns", claim.other, claim.own, claim.at)
}

fn path(steps: &[Step]) -> String {
    let step = |step: &Step| {
        let (from, to, sequence) = step.id;
        format!("{from}->{to} #{sequence} ({})", if step.is_least { "least delay" } else { "most delay" })
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

fn ceil(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

/// A place on a clock.
type Place = (u32, i64);

impl Statement {
    fn kappa(&self, node: u32) -> Result<i128, Flaw> {
        self.nodes.get(&node).map(|kappa| i128::from(*kappa)).ok_or_else(|| Flaw::Unknown(format!("node {node}")))
    }

    fn message(&self, id: Id) -> Result<(i64, i64), Flaw> {
        let (from, to, sequence) = id;
        let known = self.messages.get(&id).copied();
        known.ok_or_else(|| Flaw::Unknown(format!("message {from}->{to} #{sequence}")))
    }

    fn delays(&self, (from, to, _): Id) -> Result<(i64, Option<i64>), Flaw> {
        self.arcs.get(&(from, to)).copied().ok_or_else(|| Flaw::Unknown(format!("arc {from}->{to}")))
    }

    /// A tick of a node's clock at its slowest, in parts.
    fn tick(&self, node: u32) -> Result<i128, Flaw> {
        Ok(ceil(i128::from(self.tick) * PART * ONE, ONE - self.kappa(node)?))
    }

    /// The most real time from one reading of a clock to another, in parts; negative back in time.
    fn stretch(&self, node: u32, from: i64, to: i64) -> Result<i128, Flaw> {
        let (kappa, span) = (self.kappa(node)?, i128::from(to) - i128::from(from));
        Ok(ceil(span * PART * ONE, if span >= 0 { ONE - kappa } else { ONE + kappa }))
    }

    /// Where a step begins and ends, and the most real time that it takes, in parts.
    fn step(&self, step: &Step) -> Result<(Place, Place, i128), Flaw> {
        let ((sent, received), (least, most)) = (self.message(step.id)?, self.delays(step.id)?);
        let (send, receipt) = ((step.id.0, sent), (step.id.1, received));
        if step.is_least {
            return Ok((receipt, send, self.tick(step.id.1)? - i128::from(least) * PART));
        }
        let most = most.ok_or_else(|| Flaw::Unknown(format!("the most delay of {}", path(&[*step]))))?;
        Ok((send, receipt, self.tick(step.id.0)? + i128::from(most) * PART))
    }

    /// The most real time along steps, with the stretches between them, and where they begin and end.
    fn walk(&self, steps: &[Step]) -> Result<(Place, Place, i128), Flaw> {
        let Some((first, rest)) = steps.split_first() else {
            return Err(Flaw::Broken("its beginning: it is empty".into()));
        };
        let (start, mut end, mut sum) = self.step(first)?;
        for step in rest {
            let (next, then, took) = self.step(step)?;
            if next.0 != end.0 {
                return Err(Flaw::Broken(path(&[*step])));
            }
            sum += self.stretch(end.0, end.1, next.1)? + took;
            end = then;
        }
        Ok((start, end, sum))
    }

    fn cycle(&self, steps: &[Step]) -> Result<i128, Flaw> {
        let (start, end, sum) = self.walk(steps)?;
        if start.0 != end.0 {
            return Err(Flaw::Broken("its end".into()));
        }
        Ok(sum + self.stretch(end.0, end.1, start.1)?)
    }

    /// The reading of a clock a real time after it turned to `reading`: the most if `is_most`, else the least; in parts,
    /// rounded outward.
    fn reading(&self, node: u32, reading: i64, after: i128, is_most: bool) -> Result<i128, Flaw> {
        let kappa = self.kappa(node)?;
        let rate = if is_most == (after >= 0) { ONE + kappa } else { ONE - kappa };
        let gained = if is_most { ceil(after * rate, ONE) } else { (after * rate).div_euclid(ONE) };
        Ok(i128::from(reading) * PART + gained)
    }

    /// The path leads from the instant to an event of the other clock that is at most so much later.
    fn low(&self, claim: &Claim) -> Result<String, Flaw> {
        let (start, end, sum) = self.walk(&claim.paths[0])?;
        if (start.0, end.0) != (claim.own, claim.other) {
            return Err(Flaw::Broken("its ends".into()));
        }
        let later = sum + self.stretch(claim.own, claim.at, start.1)?;
        let least = self.reading(claim.other, end.1, -later, false)?;
        let claimed = i128::from(claim.ends[0]) * PART;
        let what = format!("{} showed {} ns at least", name(claim), claim.ends[0]);
        if claimed > least {
            return Err(Flaw::TooNarrow(what, ceil(claimed - least, PART) as i64));
        }
        Ok(format!("{what}, by {}", path(&claim.paths[0])))
    }

    /// The path leads from an event of the other clock that is at most so much earlier.
    fn high(&self, claim: &Claim) -> Result<String, Flaw> {
        let (start, end, sum) = self.walk(&claim.paths[1])?;
        if (start.0, end.0) != (claim.other, claim.own) {
            return Err(Flaw::Broken("its ends".into()));
        }
        let earlier = sum + self.stretch(claim.own, end.1, claim.at)?;
        let most = self.reading(claim.other, start.1, earlier, true)?;
        let claimed = i128::from(claim.ends[1]) * PART;
        let what = format!("{} showed {} ns at most", name(claim), claim.ends[1]);
        if claimed < most {
            return Err(Flaw::TooNarrow(what, ceil(most - claimed, PART) as i64));
        }
        Ok(format!("{what}, by {}", path(&claim.paths[1])))
    }

    /// Every clock runs within its kappa from each reading to the next, the instant among them, and every message takes
    /// what it may.
    fn keeps_assumptions(&self, claim: &Claim, times: &Times) -> Result<(), Flaw> {
        let mut lines: BTreeMap<u32, Vec<(i64, i128)>> = BTreeMap::new();
        let with_instant = times.iter().map(|((node, reading), units)| (*node, *reading, i128::from(*units) << 16));
        for (node, reading, at) in with_instant.chain([(claim.own, claim.at, 0)]) {
            lines.entry(node).or_default().push((reading, at));
        }
        for (node, line) in &mut lines {
            line.sort_unstable();
            for pair in line.windows(2) {
                let took = pair[1].1 - pair[0].1;
                let most = self.stretch(*node, pair[0].0, pair[1].0)?;
                let least = -self.stretch(*node, pair[1].0, pair[0].0)?;
                if took > most + TOLERANCE || took < least - TOLERANCE {
                    return Err(Flaw::Violated(format!("clock {node} from {} to {} ns", pair[0].0, pair[1].0)));
                }
            }
        }
        let time = |place: Place| {
            let missing = || Flaw::Unknown(format!("the time of node {} at {} ns", place.0, place.1));
            times.get(&place).map(|units| i128::from(*units) << 16).ok_or_else(missing)
        };
        for id in self.messages.keys() {
            let most = self.delays(*id)?.1;
            for is_least in [true, false].into_iter().filter(|is_least| *is_least || most.is_some()) {
                let step = Step { is_least, id: *id };
                let (from, to, limit) = self.step(&step)?;
                if time(to)? - time(from)? > limit + TOLERANCE {
                    return Err(Flaw::Violated(path(&[step])));
                }
            }
        }
        Ok(())
    }

    /// In the execution given the other clock can show the end claimed, to a nanosecond.
    fn reaches(&self, claim: &Claim, end: usize) -> Result<(), Flaw> {
        let is_most = end == 1;
        let readings = claim.times[end].iter().filter(|((node, _), _)| *node == claim.other);
        let possible = readings
            .map(|((node, reading), units)| self.reading(*node, *reading, -(i128::from(*units) << 16), is_most));
        let possible = possible.collect::<Result<Vec<_>, _>>()?;
        let reached = if is_most { possible.into_iter().min() } else { possible.into_iter().max() };
        let reached = reached.ok_or_else(|| Flaw::Unknown(format!("any time of node {}", claim.other)))?;
        let claimed = i128::from(claim.ends[end]) * PART;
        let missed = if is_most { claimed - reached } else { reached - claimed };
        if missed > PART + TOLERANCE {
            return Err(Flaw::TooWide(name(claim), ceil(missed, PART) as i64));
        }
        Ok(())
    }
}
