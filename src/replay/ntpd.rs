//! Statistics of ntpd and NTPsec (ntp.conf, "Monitoring Commands and Options": `statistics`, `filegen`).
//!
//! Each line begins with the modified Julian day and the second past midnight, UTC.
//! - *rawstats*: source address, destination address, then the origin, receive, transmit and destination stamps (t1 to t4)
//!   in NTP seconds, and in newer versions leap, version, mode, … The source is the peer, the destination this host. NTP
//!   seconds are counted from 1900 modulo 2^32: the era is the one that brings a stamp nearest to the line's own time.
//! - *peerstats*: peer address, status, offset, delay, dispersion, jitter.
//! - *loopstats*: offset, frequency, jitter, wander, time constant.
//!
//! The offsets of the last two are peer − local in seconds, ntpd's own claims. The local clock is the one that ntpd
//! corrects.

use super::{Row, number, pair, sample};
use crate::time::{NANOS_PER_SECOND, Nanos};

/// The node whose clock is followed has no name in peerstats and loopstats, and the reference none in loopstats.
const LOCAL: &str = "local";
const SOURCES: &str = "sources";
/// Seconds from 1900 to 1970.
const EPOCH: i64 = 2_208_988_800;
const ERA: i64 = 1 << 32;
/// Reference clocks have addresses in this net, and no exchanges.
const REFERENCE_CLOCKS: &str = "127.127.";
/// Modes of packets that answer this host: a symmetric peer's, and a server's.
const ANSWERS: [&str; 3] = ["1", "2", "4"];

/// A line of rawstats.
///
/// # Errors
/// Says why it cannot be used: among others a packet that answers nothing, such as those that newer versions also log
/// when they send them.
pub fn rawstats(fields: &[&str]) -> Result<Row, String> {
    let [day, past, source, destination, stamps @ ..] = fields else {
        return Err(format!("{} fields, 8 or more are needed", fields.len()));
    };
    let near = second(day, past)?;
    let Some((stamps, rest)) = stamps.split_first_chunk::<4>() else {
        return Err(format!("{} fields, 8 or more are needed", fields.len()));
    };
    if source.starts_with(REFERENCE_CLOCKS) {
        return Err(format!("{source} is a reference clock, which has no exchanges"));
    }
    if let Some(mode) = rest.get(2).filter(|mode| !ANSWERS.contains(mode)) {
        return Err(format!("a packet of mode {} answers no request", mode.escape_debug()));
    }
    let pair = pair(destination, source)?;
    let mut unix = [0; 4];
    for (stamp, field) in unix.iter_mut().zip(stamps) {
        *stamp = unix_nanos(field, near)?;
    }
    Ok(Row::Exchange(pair, sample(unix, None)?))
}

/// A line of peerstats.
///
/// # Errors
/// Says why it cannot be used.
pub fn peerstats(fields: &[&str]) -> Result<Row, String> {
    let [day, past, address, _, offset, ..] = fields else {
        return Err(format!("{} fields, 5 or more are needed", fields.len()));
    };
    second(day, past)?;
    Ok(Row::Claim(pair(LOCAL, address)?, claimed(offset)?))
}

/// A line of loopstats.
///
/// # Errors
/// Says why it cannot be used.
pub fn loopstats(fields: &[&str]) -> Result<Row, String> {
    let [day, past, offset, ..] = fields else {
        return Err(format!("{} fields, 3 or more are needed", fields.len()));
    };
    second(day, past)?;
    Ok(Row::Claim(pair(LOCAL, SOURCES)?, claimed(offset)?))
}

fn second(day: &str, past: &str) -> Result<Nanos, String> {
    number::second(day, past).ok_or_else(|| "it does not begin with a modified Julian day and a second".to_owned())
}

fn claimed(field: &str) -> Result<Nanos, String> {
    let shown: String = field.chars().take(30).collect();
    number::scientific_seconds(field)
        .ok_or_else(|| format!("offset `{}` is no number of seconds", shown.escape_debug()))
}

/// Nanoseconds since 1970 of an NTP stamp in the era in which it is nearest to `near`, exact.
fn unix_nanos(field: &str, near: Nanos) -> Result<i64, String> {
    let stamp = number::decimal_seconds(field).filter(|stamp| (0..ERA).contains(&stamp.0.div_euclid(NANOS_PER_SECOND)));
    let shown: String = field.chars().take(30).collect();
    let stamp = stamp.ok_or_else(|| format!("stamp `{}` is no NTP stamp in seconds", shown.escape_debug()))?;
    if stamp == Nanos::ZERO {
        return Err("a stamp is zero: it was never taken".to_owned());
    }
    let (whole, part) = (stamp.0.div_euclid(NANOS_PER_SECOND), stamp.0.rem_euclid(NANOS_PER_SECOND));
    let near = near.0.div_euclid(NANOS_PER_SECOND) + EPOCH;
    let away = (whole - near + ERA / 2).rem_euclid(ERA) - ERA / 2;
    Ok(Nanos::from_seconds(near + away - EPOCH).0.saturating_add(part))
}
