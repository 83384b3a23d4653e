//! Instants, spans and rates: every unit conversion of the package lives here.
//!
//! An instant carries the clock it was read from in its type, so that subtracting two different clocks does not
//! compile outside [`crate::affine`], whose job it is. All arithmetic is in integer nanoseconds and saturates: a
//! hostile stamp may be wrong, but it never makes the program panic.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// `a + b`, saturating. The branch that is never taken costs less than a saturation without one.
#[inline]
const fn sum(a: i64, b: i64) -> i64 {
    match a.checked_add(b) {
        Some(sum) => sum,
        None => end(a < 0),
    }
}

/// `a - b`, saturating.
#[inline]
const fn difference(a: i64, b: i64) -> i64 {
    match a.checked_sub(b) {
        Some(difference) => difference,
        None => end(a < 0),
    }
}

/// The end of all numbers on that side.
#[cold]
#[inline(never)]
const fn end(negative: bool) -> i64 {
    if negative { i64::MIN } else { i64::MAX }
}

/// A clock that instants can be read from.
pub trait Domain: Copy + Eq + Ord + fmt::Debug + std::hash::Hash + 'static {
    /// The domain's name in messages and debug output.
    const NAME: &'static str;
}

macro_rules! domains {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name;
        impl Domain for $name {
            const NAME: &'static str = $text;
        }
    )*};
}

domains! {
    /// True time. Only the lab (where it is the host's CLOCK_MONOTONIC_RAW) and the simulator know it.
    True = "true";
    /// CLOCK_MONOTONIC_RAW as a host's kernel gives it. In a lab all agents share it and it is declared to be true time.
    Raw = "raw";
    /// A host's own undisciplined clock: CLOCK_MONOTONIC_RAW, or in the lab and the simulator an oscillator on it.
    Local = "local";
    /// The reading of a synchronised clock.
    Synced = "synced";
}

/// An instant on the clock `D`, in nanoseconds since that clock's own epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time<D: Domain>(i64, PhantomData<D>);

impl<D: Domain> Time<D> {
    /// The clock's epoch.
    pub const ZERO: Self = Self::from_nanos(0);
    /// The earliest instant that can be expressed.
    pub const MIN: Self = Self::from_nanos(i64::MIN);
    /// The latest instant that can be expressed; it stands for "never".
    pub const MAX: Self = Self::from_nanos(i64::MAX);

    /// The instant `ns` nanoseconds after the epoch.
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns, PhantomData)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, for people and figures.
    pub fn as_seconds(self) -> f64 {
        Nanos(self.0).as_seconds()
    }
}

impl<D: Domain> fmt::Debug for Time<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}ns", D::NAME, self.0)
    }
}

impl<D: Domain> Default for Time<D> {
    fn default() -> Self {
        Self::ZERO
    }
}

impl<D: Domain> Sub for Time<D> {
    type Output = Nanos;
    #[inline]
    fn sub(self, earlier: Self) -> Nanos {
        Nanos(difference(self.0, earlier.0))
    }
}

impl<D: Domain> Add<Nanos> for Time<D> {
    type Output = Self;
    #[inline]
    fn add(self, span: Nanos) -> Self {
        Self::from_nanos(sum(self.0, span.0))
    }
}

impl<D: Domain> Sub<Nanos> for Time<D> {
    type Output = Self;
    #[inline]
    fn sub(self, span: Nanos) -> Self {
        Self::from_nanos(difference(self.0, span.0))
    }
}

impl<D: Domain> AddAssign<Nanos> for Time<D> {
    fn add_assign(&mut self, span: Nanos) {
        *self = *self + span;
    }
}

/// A signed span of time in nanoseconds. It reads and prints with a unit: `100ms`, `1.5s`, `250us`, `40ns`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize)]
#[serde(into = "String")]
pub struct Nanos(pub i64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// A span of whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of whole microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// The span in seconds, for people and figures.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// The span's size without its sign.
    #[inline]
    pub const fn abs(self) -> Self {
        match self.0.checked_abs() {
            Some(size) => Self(size),
            None => Self::MAX,
        }
    }

    /// `self * factor`, saturating.
    #[inline]
    pub const fn times(self, factor: i64) -> Self {
        match self.0.checked_mul(factor) {
            Some(product) => Self(product),
            None => Self(end((self.0 < 0) != (factor < 0))),
        }
    }

    /// `self / divisor`, rounded towards zero; `divisor` is not zero.
    pub const fn over(self, divisor: i64) -> Self {
        Self(self.0 / divisor)
    }

    /// Half the sum of two spans, rounded down, without overflow.
    pub const fn mean(self, other: Self) -> Self {
        Self(((self.0 as i128 + other.0 as i128) >> 1) as i64)
    }
}

impl Add for Nanos {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(sum(self.0, other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(difference(self.0, other.0))
    }
}

impl Neg for Nanos {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// Prints the span in the largest unit that leaves at least one whole digit, with up to three decimals.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (divisor, unit) = match self.0.unsigned_abs() {
            0 => return f.pad("0s"),
            n if n >= 1_000_000_000 => (1e9, "s"),
            n if n >= 1_000_000 => (1e6, "ms"),
            n if n >= 1_000 => (1e3, "us"),
            _ => (1.0, "ns"),
        };
        let digits = format!("{:.3}", self.0 as f64 / divisor);
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        f.pad(&format!("{digits}{unit}"))
    }
}

/// Why a text is not a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotASpan(String);

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a span of time: write a number with one of the units ns, us, ms, s, min (such as 100ms)",
            self.0
        )
    }
}

impl std::error::Error for NotASpan {}

impl FromStr for Nanos {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let refuse = || NotASpan(text.to_owned());
        let trimmed = text.trim();
        if trimmed == "0" {
            return Ok(Self::ZERO);
        }
        let split = trimmed.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).ok_or_else(refuse)?;
        let (number, unit) = trimmed.split_at(split);
        let scale: i64 = match unit.trim() {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "min" => 60 * NANOS_PER_SECOND,
            _ => return Err(refuse()),
        };
        decimal_times(number, scale).map(Self).ok_or_else(refuse)
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SpanText)
    }
}

/// Takes the text form, and says of a bare number that it lacks its unit.
struct SpanText;

impl Visitor<'_> for SpanText {
    type Value = Nanos;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time with its unit in quotes, such as \"100ms\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Nanos, E> {
        text.parse().map_err(E::custom)
    }
}

/// The exact text form used in configuration and control messages.
impl From<Nanos> for String {
    fn from(span: Nanos) -> Self {
        format!("{}ns", span.0)
    }
}

/// `number * scale` where `number` is a plain decimal, exact to the unit; `None` if it is no decimal or overflows.
fn decimal_times(number: &str, scale: i64) -> Option<i64> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = part * i128::from(scale) / 10_i128.pow(fraction.len() as u32);
    let total = i128::from(whole) * i128::from(scale) + part;
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A declared limit on a relative rate (kappa, a drift), in parts per billion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ppb(pub i64);

impl Ppb {
    /// One whole: a clock that gains a second each second.
    pub const ONE: Self = Self(1_000_000_000);

    /// The rate nearest to `ppm` parts per million.
    pub fn from_ppm(ppm: f64) -> Self {
        Self((ppm * 1e3).round() as i64)
    }

    /// The rate in parts per million, for people.
    pub fn as_ppm(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// The rate's size without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// How far a clock's rate is from one, in units of 2^-40 (about 0.9e-12): fine enough that a day at the wrong last
/// digit is 79 ns, and a multiplication and a shift apply it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Rate(pub i64);

impl Rate {
    /// Exactly the rate of the clock it is measured against.
    pub const ZERO: Self = Self(0);
    /// A clock that stands still: minus one.
    pub const STOPPED: Self = Self(-(1 << Self::BITS));
    const BITS: u32 = 40;

    /// The rate nearest to `ppb`, never larger in size, so that a declared limit stays a limit.
    pub const fn from_ppb(ppb: Ppb) -> Self {
        let units = (ppb.0 as i128 * (1 << Self::BITS)) / 1_000_000_000;
        Self(if units > i64::MAX as i128 {
            i64::MAX
        } else if units < i64::MIN as i128 {
            i64::MIN
        } else {
            units as i64
        })
    }

    /// The rate nearest to a dimensionless number (1e-6 is one part per million); not-a-number gives zero.
    pub fn from_ratio(ratio: f64) -> Self {
        Self((ratio * (1_u64 << Self::BITS) as f64).round() as i64)
    }

    /// The rate as a dimensionless number.
    pub fn as_ratio(self) -> f64 {
        self.0 as f64 / (1_u64 << Self::BITS) as f64
    }

    /// What this rate adds over `span`, rounded down.
    #[inline]
    pub const fn over(self, span: Nanos) -> Nanos {
        let product = (span.0 as i128 * self.0 as i128) >> Self::BITS;
        let narrow = product as i64;
        Nanos(if narrow as i128 == product { narrow } else { end(product < 0) })
    }

    /// The rate that gains `gain` over `span`; zero if the span is not positive.
    pub fn of(gain: Nanos, span: Nanos) -> Self {
        if span.0 <= 0 {
            return Self::ZERO;
        }
        let units = (i128::from(gain.0) << Self::BITS) / i128::from(span.0);
        Self(units.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// The rate's size without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The rate held between `-limit` and `limit`; the limit's sign is of no account.
    pub fn clamp_to(self, limit: Self) -> Self {
        let limit = limit.0.saturating_abs();
        Self(self.0.clamp(-limit, limit))
    }
}

impl Add for Rate {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(sum(self.0, other.0))
    }
}

impl Sub for Rate {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(difference(self.0, other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print_with_their_unit() {
        for (text, ns) in [
            ("100ms", 100_000_000),
            ("1.5s", 1_500_000_000),
            ("0", 0),
            ("250us", 250_000),
            ("-3 ns", -3),
            ("2min", 120_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Nanos(ns)), "{text}");
        }
        assert_eq!(Nanos(1_234_567).to_string(), "1.235ms");
        assert_eq!(Nanos(-40).to_string(), "-40ns");
        for bad in ["", "10", "ms", "1.2.3s", "1e3s", "--1s", "9999999999999s", "1h"] {
            assert!(bad.parse::<Nanos>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_exact_form_of_every_span_comes_back() {
        for ns in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            assert_eq!(String::from(Nanos(ns)).parse(), Ok(Nanos(ns)));
        }
        for too_large in ["9223372036854775808ns", "-9223372036854775809ns", "18446744073709551615min"] {
            assert!(too_large.parse::<Nanos>().is_err(), "{too_large}");
        }
    }

    #[test]
    fn a_decimal_is_exact_where_a_float_is_not() {
        assert_eq!("1699999999.123456789s".parse(), Ok(Nanos(1_699_999_999_123_456_789)));
    }

    #[test]
    fn a_rate_applies_to_a_span_and_is_recovered_from_it() {
        let rate = Rate::from_ppb(Ppb(50_000));
        let day = Nanos::from_seconds(86_400);
        assert!((rate.over(day).0 - 4_320_000_000).abs() <= 79);
        assert!((Rate::of(rate.over(day), day).0 - rate.0).abs() <= 1);
        assert!(rate.as_ratio() <= 50e-6, "a declared limit is never exceeded");
        assert_eq!(Rate::STOPPED.over(day), -day);
    }

    #[test]
    fn arithmetic_saturates_at_the_ends() {
        let late = Time::<Local>::MAX;
        assert_eq!(late + Nanos(1), late);
        assert_eq!(Time::<Local>::MIN - late, Nanos(i64::MIN));
        assert_eq!(Rate(i64::MAX).over(Nanos::MAX), Nanos::MAX);
        assert_eq!(Rate::from_ppb(Ppb(i64::MAX)), Rate(i64::MAX), "no limit turns into its opposite");
        assert_eq!(Rate::from_ppb(Ppb(i64::MIN)), Rate(i64::MIN));
        assert_eq!(Rate(7).clamp_to(Rate(i64::MIN)), Rate(7));
        assert_eq!(Nanos::MAX.mean(Nanos::MAX), Nanos::MAX);
    }
}
