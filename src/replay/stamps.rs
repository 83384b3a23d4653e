//! CSV of four stamps an exchange: `from,to,t1_ns,t2_ns,t3_ns,t4_ns` and, if truth is known, `truth_offset_ns`.
//!
//! Columns may come in any order among others. Fields may stand in quotes; a line is a row whatever it holds, so that a
//! quote left open costs one row and not the rest of the file.

use super::{Row, pair, sample};

const NEEDED: [&str; 6] = ["from", "to", "t1_ns", "t2_ns", "t3_ns", "t4_ns"];
const TRUTH: &str = "truth_offset_ns";

/// Where each column is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Columns {
    needed: [usize; 6],
    truth: Option<usize>,
}

fn fields(line: &str) -> Vec<&str> {
    line.split(',').map(|field| field.trim().trim_matches('"').trim()).collect()
}

impl Columns {
    /// Of a header.
    ///
    /// # Errors
    /// Names the columns that are missing.
    pub fn of(header: &str) -> Result<Self, String> {
        let names = fields(header);
        let place = |name: &str| names.iter().position(|found| *found == name);
        let missing: Vec<&str> = NEEDED.into_iter().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(format!("the header has no column {missing}: needed are {}", NEEDED.join(",")));
        }
        Ok(Self { needed: NEEDED.map(|name| place(name).unwrap_or_default()), truth: place(TRUTH) })
    }

    /// A line.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn row(&self, line: &str) -> Result<Row, String> {
        let fields = fields(line);
        let field = |index: usize| fields.get(index).copied().unwrap_or("");
        let pair = pair(field(self.needed[0]), field(self.needed[1]))?;
        let mut stamps = [0; 4];
        for ((stamp, place), name) in stamps.iter_mut().zip(&self.needed[2..]).zip(&NEEDED[2..]) {
            *stamp = nanos(name, field(*place))?;
        }
        let truth = self.truth.map(field).filter(|field| !field.is_empty());
        let truth = truth.map(|field| nanos(TRUTH, field)).transpose()?;
        Ok(Row::Exchange(pair, sample(stamps, truth)?))
    }
}

fn nanos(name: &str, field: &str) -> Result<i64, String> {
    let shown: String = field.chars().take(30).collect();
    field.parse().map_err(|_| format!("{name} `{}` is no whole number of nanoseconds", shown.escape_debug()))
}
