//! What can be varied of a workload in virtual time, to see what its order costs.

use std::fmt;
use std::str::FromStr;

use super::key::Unit;
use super::values::{self, Varied};
use crate::names::by_name;
use crate::sim::scenario::Refused;
use crate::time::Nanos;
use crate::trial::Terms;

/// A term of a workload's run that can be varied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Term {
    /// Spread of the clocks, and what the workload believes it to be.
    Eps,
    /// What the workload believes the spread to be.
    DeclaredEps,
    /// Least delay of a message.
    Delay,
    /// Most that is added to it.
    Jitter,
    /// Operations a second.
    Rate,
    /// Processes.
    Nodes,
}

impl Term {
    /// Every term, in the order of `--help`.
    pub const ALL: [Self; 6] = [Self::Eps, Self::DeclaredEps, Self::Delay, Self::Jitter, Self::Rate, Self::Nodes];

    /// The name in flags and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eps => "eps",
            Self::DeclaredEps => "declared-eps",
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Rate => "rate",
            Self::Nodes => "nodes",
        }
    }

    /// The same run with this value instead. With `eps` the declared one follows, unless `declared` was asked for.
    pub fn set(self, value: f64, terms: Terms, declared: Option<Nanos>) -> Terms {
        let span = Nanos(value as i64);
        match self {
            Self::Eps => Terms { eps: span, declared: declared.unwrap_or(span), ..terms },
            Self::DeclaredEps => Terms { declared: span, ..terms },
            Self::Delay => Terms { delay: span, ..terms },
            Self::Jitter => Terms { jitter: span, ..terms },
            Self::Rate => Terms { rate: value, ..terms },
            Self::Nodes => Terms { nodes: value as u32, ..terms },
        }
    }

    fn most(self) -> (f64, f64, &'static str) {
        match self {
            Self::Eps | Self::DeclaredEps | Self::Jitter => (0.0, 1e10, "a span from 0ms to 10s"),
            Self::Delay => (1.0, 1e10, "a span above 0ms and up to 10s, since messages take time"),
            Self::Rate => (0.1, 1e5, "0.1 to 100000 operations a second"),
            Self::Nodes => (2.0, 16.0, "a whole number from 2 to 16"),
        }
    }
}

impl Varied for Term {
    fn unit(self) -> Unit {
        match self {
            Self::Rate => Unit::Rate,
            Self::Nodes => Unit::Count,
            _ => Unit::Span,
        }
    }

    fn read(self, text: &str) -> Result<f64, Refused> {
        let (low, high, mend) = self.most();
        let value = match self.unit() {
            Unit::Span => text.parse::<Nanos>().ok().map(|span| span.0 as f64),
            Unit::Count => text.trim().parse::<u32>().ok().map(f64::from),
            _ => text.trim().parse::<f64>().ok(),
        };
        let value = value.filter(|value| (low..=high).contains(value));
        value.ok_or_else(|| self.refuse(text, &format!("choose {mend}")))
    }

    fn refuse(self, value: impl fmt::Display, mend: &str) -> Refused {
        Refused(format!("--over {}={value}: {mend}", self.name()))
    }
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        by_name(Self::ALL, Self::name, "term of a workload", text)
    }
}

/// A term with its values, ascending.
#[derive(Clone, PartialEq, Debug)]
pub struct Varying {
    /// What is varied.
    pub term: Term,
    /// Its values: spans in nanoseconds, rates a second, counts.
    pub values: Vec<f64>,
}

impl FromStr for Varying {
    type Err = String;

    /// Reads `term=values`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (term, list) = text.split_once('=').ok_or("write a term, = and values, such as eps=100us..20ms")?;
        let term: Term = term.trim().parse()?;
        let values = values::parse(term, list).map_err(|why| why.to_string())?;
        if values.len() < 2 {
            return Err(term.refuse(list, "one value is no range: write two or more").to_string());
        }
        Ok(Self { term, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_terms() {
        let eps: Varying = "eps=100us..1ms".parse().unwrap();
        assert_eq!((eps.term, eps.values), (Term::Eps, vec![1e5, 3e5, 1e6]));
        assert_eq!("nodes=2..5".parse::<Varying>().unwrap().values, [2.0, 3.0, 4.0, 5.0]);
        assert_eq!("rate=1,10".parse::<Varying>().unwrap().values, [1.0, 10.0]);
        for (text, mend) in [
            ("eps", "write a term"),
            ("tau=1ms..1s", "choose one of eps, declared-eps"),
            ("delay=0ms,1ms", "--over delay=0ms: choose a span above 0ms"),
            ("nodes=2..17", "from 2 to 16"),
            ("rate=1", "--over rate=1: one value"),
            ("eps=1ms..1us", "exchange them"),
        ] {
            let why = text.parse::<Varying>().unwrap_err();
            assert!(why.contains(mend), "{text}: {why}");
        }
    }
}
