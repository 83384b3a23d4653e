//! Runs side by side. Pure: values in, values out.
//!
//! Reading order: [`columns`] (what is compared, and which direction is better), [`measured`] and [`mod@bench`] (where values
//! come from), [`conditions`] (what must be alike), [`bootstrap`] and [`spread`] (how much chance moves a value),
//! [`judge`] (what follows), [`told`] (how it is told).
//!
//! What the spread can tell: between three or more runs a side, everything that differs from run to run. By the bootstrap
//! over time, only what differs within a run: whatever stays the same all through one run and is different in the next
//! (which core an agent was put on, where the grids fell) is not in it. So repeats are worth more than long runs, and
//! a gate should have them: the bootstrap often calls two equal runs of a busy machine different.

pub mod bench;
pub mod bootstrap;
pub mod columns;
pub mod conditions;
pub mod judge;
pub mod measured;
pub mod spread;
pub mod told;

use bootstrap::Resampled;
use columns::Column;
use conditions::Conditions;

/// Which table a value belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `summary.csv`
    Summary,
    /// `arcs.csv`
    Arcs,
    /// `ordering.csv`
    Ordering,
    /// `bench.csv`
    Bench,
}

impl Kind {
    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Arcs => "arcs",
            Self::Ordering => "ordering",
            Self::Bench => "bench",
        }
    }
}

/// What a single run says of how far chance moves its value.
#[derive(Clone, PartialEq, Debug)]
pub enum Within {
    /// Nothing.
    Nothing,
    /// The value is a fact, not a sample: any difference is one.
    Exact,
    /// It lies between these, by the program that measured it.
    Limits {
        /// At least.
        low: f64,
        /// At most.
        high: f64,
    },
    /// Its blocks of time were drawn again and again.
    Resampled(Resampled),
}

/// One value of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// The table it belongs to.
    pub kind: Kind,
    /// Algorithm, algorithm and load, or bench.
    pub subject: String,
    /// What was measured.
    pub column: Column,
    /// The value itself.
    pub value: f64,
    /// How far chance moves it.
    pub within: Within,
}

/// A run or a bench file.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// What the user calls it.
    pub name: String,
    /// What must be alike.
    pub conditions: Conditions,
    /// What it measured.
    pub values: Vec<Value>,
}
