//! Logs of chronyd (chrony.conf(5), directive `log`).
//!
//! *measurements.log*, one line a reply: date, time, address, leap, stratum, three groups of tests, local poll, remote
//! poll, score, offset ("positive indicates that the local clock is slow", seconds), peer delay, peer dispersion, root
//! delay, root dispersion, … It has no stamps. An exchange with the same offset and delay is made of it, t1 at the line's
//! whole second, both directions equally long, no residence: so no clock can tell the two directions apart, the offset
//! has chronyd's four digits, and t1 is known to a second only. The local clock is the one that chronyd corrects.
//!
//! *tracking.log*, one line an update: date, time, address, stratum, frequency, skew, offset ("positive indicates the
//! clock is fast", seconds), … It is chronyd's own claim; its offset is turned round to be reference − local.

use super::{Pair, Row, number, pair, sample};
use crate::time::Nanos;

/// The node whose clock is followed has no name in a log.
const LOCAL: &str = "local";

/// A line of measurements.log.
///
/// # Errors
/// Says why it cannot be used; one of a measurement that failed one of RFC 5905's tests 1 to 3 and 5 to 7 cannot.
pub fn measurement(fields: &[&str]) -> Result<Row, String> {
    let [day, time, address, _, _, one, two, _, _, _, _, offset, delay, _, _, _, ..] = fields else {
        return Err(format!("{} fields, 16 or more are needed", fields.len()));
    };
    let (pair, at) = (pair(LOCAL, address)?, second(day, time)?);
    if one.contains('0') || two.contains('0') {
        return Err(format!("the measurement failed chronyd's tests ({one} {two})"));
    }
    let (offset, delay) = (seconds("offset", offset)?, seconds("peer delay", delay)?);
    let there = at + delay.over(2) + offset;
    Ok(Row::Exchange(pair, sample([at, there, there, at + delay].map(|stamp| stamp.0), None)?))
}

/// A line of tracking.log.
///
/// # Errors
/// Says why it cannot be used.
pub fn tracking(fields: &[&str]) -> Result<Row, String> {
    let [day, time, address, _, _, _, offset, ..] = fields else {
        return Err(format!("{} fields, 7 or more are needed", fields.len()));
    };
    second(day, time)?;
    let pair: Pair = pair(LOCAL, address)?;
    Ok(Row::Claim(pair, -seconds("offset", offset)?))
}

fn second(day: &str, time: &str) -> Result<Nanos, String> {
    number::date(day, time).ok_or_else(|| "it does not begin with a date and a time".to_owned())
}

fn seconds(name: &str, field: &str) -> Result<Nanos, String> {
    let shown: String = field.chars().take(30).collect();
    number::scientific_seconds(field)
        .ok_or_else(|| format!("{name} `{}` is no number of seconds", shown.escape_debug()))
}
