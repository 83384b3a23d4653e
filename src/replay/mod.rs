//! Stamps that others took: read, and led through every clock. Pure.
//!
//! In each pair `from` asks and runs the clocks, `to` answers and is the reference. An offset is peer − local, that is
//! `to` − `from`: positive when the reference is ahead. Sources: a CSV of four stamps an exchange ([`stamps`]), logs of
//! chronyd ([`chrony`]) and statistics of ntpd ([`ntpd`]); [`mod@format`] tells them apart. [`algorithms`] leads the clocks
//! through a [`Recording`], [`table`] tells what came of it.
//!
//! What cannot be used is left out and counted, and the first such lines are named; nothing of it is fatal.

pub mod algorithms;
pub mod chrony;
pub mod format;
pub mod ntpd;
pub mod number;
pub mod stamps;
pub mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::time::{Local, Nanos, Time};
pub use algorithms::{Judged, judge};
pub use format::Format;

/// So many of the lines that are left out are named.
const NAMED: usize = 5;
/// Stamps and offsets beyond this, 146 years, are taken for damage: differences then stay within 64 bits.
const FARTHEST: Nanos = Nanos((1 << 62) - 1);
/// The longest name of a node.
const LONGEST_NAME: usize = 64;

/// One exchange: t1 and t4 on the clock of the node that asks, t2 and t3 on the reference's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// t1, t2, t3, t4.
    pub stamps: [Time<Local>; 4],
    /// How far the reference's clock is ahead of the asking node's at t4, if that is known.
    pub truth: Option<Nanos>,
}

/// Who asks whom.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pair {
    /// The node that asks and runs the clocks.
    pub from: String,
    /// The reference.
    pub to: String,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    /// An exchange.
    Exchange(Pair, Sample),
    /// The offset, reference − local, that a daemon claims of its own clock.
    Claim(Pair, Nanos),
}

/// Lines that are not used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// How many there are.
    pub count: u64,
    /// The first of them by number, counted from one, and why.
    pub first: Vec<(usize, String)>,
}

/// Everything that was read, by pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// What was read.
    pub format: Format,
    /// Exchanges in the order of their t1.
    pub exchanges: BTreeMap<Pair, Vec<Sample>>,
    /// Claims in the order of their lines.
    pub claims: BTreeMap<Pair, Vec<Nanos>>,
    /// How many exchanges came after one of their pair with a later t1.
    pub unsorted: u64,
    /// What was not used.
    pub left_out: LeftOut,
}

/// Reads a recording. `name` is the file's, which may tell what it is if `format` is not given.
///
/// # Errors
/// If nothing tells the format, or if it is CSV without a column that is needed. The message names the mend.
pub fn read(name: &str, text: &str, format: Option<Format>) -> Result<Recording, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = match format.or_else(|| format::detect(name, text)) {
        Some(format) => format,
        None => return Err(format!("nothing tells what this is: say --format with one of {}", Format::names())),
    };
    let mut recording = Recording::new(format);
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| {
        let is_banner = line.starts_with("===") || line.starts_with("Date (UTC)");
        !(line.is_empty() || line.starts_with('#') || is_banner)
    });
    let columns = match format {
        Format::Csv => stamps::Columns::of(lines.next().map_or("", |(_, header)| header))?,
        _ => stamps::Columns::default(),
    };
    lines.for_each(|(number, line)| match row(format, &columns, line) {
        Ok(row) => recording.push(row),
        Err(why) => recording.leave_out(number, why),
    });
    recording.sort();
    Ok(recording)
}

fn row(format: Format, columns: &stamps::Columns, line: &str) -> Result<Row, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match format {
        Format::Csv => columns.row(line),
        Format::ChronyMeasurements | Format::ChronyRawMeasurements => chrony::measurement(&words),
        Format::ChronyTracking => chrony::tracking(&words),
        Format::NtpdRawstats => ntpd::rawstats(&words),
        Format::NtpdPeerstats => ntpd::peerstats(&words),
        Format::NtpdLoopstats => ntpd::loopstats(&words),
    }
}

impl Recording {
    fn new(format: Format) -> Self {
        let (exchanges, claims) = (BTreeMap::new(), BTreeMap::new());
        Self { format, exchanges, claims, unsorted: 0, left_out: LeftOut::default() }
    }

    /// How many rows were read.
    pub fn rows(&self) -> usize {
        self.exchanges.values().map(Vec::len).chain(self.claims.values().map(Vec::len)).sum()
    }

    fn push(&mut self, row: Row) {
        match row {
            Row::Exchange(pair, sample) => self.exchanges.entry(pair).or_default().push(sample),
            Row::Claim(pair, offset) => self.claims.entry(pair).or_default().push(offset),
        }
    }

    fn leave_out(&mut self, line: usize, why: String) {
        self.left_out.count += 1;
        if self.left_out.first.len() < NAMED {
            self.left_out.first.push((line, why));
        }
    }

    fn sort(&mut self) {
        for samples in self.exchanges.values_mut() {
            let mut latest = Time::MIN;
            for sample in samples.iter() {
                self.unsorted += u64::from(sample.stamps[0] < latest);
                latest = latest.max(sample.stamps[0]);
            }
            samples.sort_by_key(|sample| sample.stamps[0]);
        }
    }
}

/// The pair of two names, if names they can be.
///
/// # Errors
/// Says what is wrong with them.
pub fn pair(from: &str, to: &str) -> Result<Pair, String> {
    for (column, name) in [("from", from), ("to", to)] {
        let is_odd = |c: char| c.is_control() || matches!(c, ',' | '"');
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(is_odd) {
            let shown: String = name.chars().take(20).collect();
            return Err(format!("{column} `{}` is no name of a node", shown.escape_debug()));
        }
    }
    if from == to {
        return Err(format!("from and to are both `{from}`"));
    }
    Ok(Pair { from: from.to_owned(), to: to.to_owned() })
}

/// The sample of four stamps in nanoseconds, if they can be those of an exchange.
///
/// # Errors
/// Says which contradict each other.
pub fn sample(stamps: [i64; 4], truth: Option<i64>) -> Result<Sample, String> {
    let [t1, t2, t3, t4] = stamps;
    if stamps.iter().chain(&truth).any(|ns| ns.unsigned_abs() > FARTHEST.0.unsigned_abs()) {
        return Err("a stamp or offset is more than 146 years from zero".to_owned());
    }
    if t4 < t1 {
        return Err(format!("t4 is {} before t1", Nanos(t1 - t4)));
    }
    if t3 < t2 {
        return Err(format!("t3 is {} before t2", Nanos(t2 - t3)));
    }
    Ok(Sample { stamps: stamps.map(Time::from_nanos), truth: truth.map(Nanos) })
}
