//! Prometheus' text format (version 0.0.4), and the histogram that it knows.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Nanos;

/// What a scraper may do with a family's samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// They only grow, until the program starts anew.
    Counter,
    /// They go up and down.
    Gauge,
    /// They are counts of a [`Histogram`].
    Histogram,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is exported under one name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// Its name, with its unit.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What it says, in one line.
    pub help: &'static str,
}

/// A page of samples.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Page(String);

impl Page {
    /// Begins a family; its samples follow.
    pub fn family(&mut self, family: &Family) -> Samples<'_> {
        let Family { name, kind, help } = family;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
        Samples { page: self, name }
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The samples of one family.
pub struct Samples<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Samples<'_> {
    /// Adds a sample. Values of labels are numbers and names of our own: none needs an escape.
    pub fn put(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) -> &mut Self {
        self.line("", labels, value)
    }

    /// Adds a histogram of spans, in seconds.
    pub fn histogram(&mut self, histogram: &Histogram) -> &mut Self {
        let mut below = 0;
        for (bucket, limit) in histogram.buckets.iter().zip(LIMITS) {
            below += bucket.load(Ordering::Relaxed);
            self.line("_bucket", &[("le", &limit.as_seconds())], below);
        }
        let count = below + histogram.beyond.load(Ordering::Relaxed);
        self.line("_bucket", &[("le", &"+Inf")], count);
        self.line("_sum", &[], histogram.sum_ns.load(Ordering::Relaxed) as f64 / 1e9);
        self.line("_count", &[], count)
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &dyn Display)], value: impl Display) -> &mut Self {
        let text = &mut self.page.0;
        let _ = write!(text, "{}{suffix}", self.name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let _ = write!(text, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
        self
    }
}

/// Upper ends of the buckets: from what a spinning thread reaches to what a stalled disk needs.
const LIMITS: [Nanos; 16] = {
    let mut limits = [Nanos(0); 16];
    let (mut index, mut decade) = (0, 100);
    while index < limits.len() {
        limits[index] = Nanos(if index % 2 == 0 { decade } else { 3 * decade });
        decade *= if index % 2 == 0 { 1 } else { 10 };
        index += 1;
    }
    limits
};

/// Counts of spans by length. Any thread may add and read; nobody waits.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; LIMITS.len()],
    beyond: AtomicU64,
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Adds a span; a negative one counts as none.
    pub fn add(&self, span: Nanos) {
        let span = span.max(Nanos::ZERO);
        let bucket = LIMITS.iter().position(|limit| span <= *limit).map(|index| &self.buckets[index]);
        bucket.unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(span.0.unsigned_abs(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_help_and_type() {
        let family = Family { name: "a_total", kind: Kind::Counter, help: "As." };
        let mut page = Page::default();
        page.family(&family).put(&[], 1).put(&[("from", &0), ("to", &"x")], 2.5);
        let expected = "# HELP a_total As.\n# TYPE a_total counter\na_total 1\na_total{from=\"0\",to=\"x\"} 2.5\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn buckets_count_everything_at_or_below_their_limit() {
        let histogram = Histogram::default();
        for span in [-5, 100, 101, 1_000_000_000, 9_000_000_000] {
            histogram.add(Nanos(span));
        }
        let mut page = Page::default();
        page.family(&Family { name: "h", kind: Kind::Histogram, help: "Hs." }).histogram(&histogram);
        let text = page.into_text();
        for line in [
            "h_bucket{le=\"0.0000001\"} 2",
            "h_bucket{le=\"0.0000003\"} 3",
            "h_bucket{le=\"1\"} 4",
            "h_bucket{le=\"3\"} 4",
            "h_bucket{le=\"+Inf\"} 5",
            "h_sum 10.000000201",
            "h_count 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
