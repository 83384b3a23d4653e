//! How values are written: `a,b,c`, where each item is one value or a range.
//!
//! A range `a..b` holds both ends and what lies between: every whole number for counts, else 1, 3, 10, 30 … of every decade.
//! `a..b:N` holds N values in equal ratios, rounded to three digits.

use std::fmt;

use super::key::{Key, Unit};
use crate::sim::scenario::Refused;

/// No key has more values.
pub const MOST_VALUES: usize = 1_000;

/// What can be given many values.
pub trait Varied: Copy {
    /// In what its values are measured.
    fn unit(self) -> Unit;

    /// Reads one value.
    ///
    /// # Errors
    /// Names the key, the value and the mend.
    fn read(self, text: &str) -> Result<f64, Refused>;

    /// The refusal of a value in the common form.
    fn refuse(self, value: impl fmt::Display, mend: &str) -> Refused;
}

impl Varied for Key {
    fn unit(self) -> Unit {
        self.unit()
    }

    fn read(self, text: &str) -> Result<f64, Refused> {
        self.read(text)
    }

    fn refuse(self, value: impl fmt::Display, mend: &str) -> Refused {
        self.refuse(value, mend)
    }
}

/// The values that a text names, ascending, each once.
///
/// # Errors
/// Names the key, the value and the mend.
pub fn parse<K: Varied>(key: K, text: &str) -> Result<Vec<f64>, Refused> {
    let mut values = Vec::new();
    for item in text.split(',') {
        match item.split_once("..") {
            Some((from, to)) => values.extend(range(key, item, from, to)?),
            None => values.push(key.read(item)?),
        }
        if values.len() > MOST_VALUES {
            return Err(key.refuse(text, &format!("more than {MOST_VALUES} values: choose a coarser range")));
        }
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    Ok(values)
}

fn range<K: Varied>(key: K, item: &str, from: &str, to: &str) -> Result<Vec<f64>, Refused> {
    let (to, count) = match to.split_once(':') {
        Some((to, count)) => (to, Some(points(key, item, count)?)),
        None => (to, None),
    };
    let (low, high) = (key.read(from)?, key.read(to)?);
    if low >= high {
        return Err(key.refuse(item, "the first value of a range must be below the last: exchange them"));
    }
    if low <= 0.0 {
        let mend =
            format!("values of a range are in equal ratios, so that it cannot start there: write {from},…..{to}");
        return Err(key.refuse(item, &mend));
    }
    let between: Vec<f64> = match (count, key.unit()) {
        (Some(count), _) => ratios(low, high, count).into_iter().map(|value| rounded(key, value)).collect(),
        (None, Unit::Count) => (low as u32..=high as u32).map(f64::from).collect(),
        (None, _) => decades(low, high),
    };
    let inside = between.into_iter().filter(|value| *value > low && *value < high);
    Ok([low].into_iter().chain(inside).chain([high]).collect())
}

fn points<K: Varied>(key: K, item: &str, count: &str) -> Result<usize, Refused> {
    let count = count.trim().parse().ok().filter(|count| (2..=MOST_VALUES).contains(count));
    count.ok_or_else(|| key.refuse(item, &format!("the number of points after the colon is from 2 to {MOST_VALUES}")))
}

/// 1, 3, 10, 30 … around and between two values. Built from text, so that 0.3 is the 0.3 that people write.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let value = |power: i32, digit: u32| format!("{digit}e{power}").parse().unwrap_or(f64::NAN);
    powers.flat_map(|power| [value(power, 1), value(power, 3)]).collect()
}

/// What lies between two values if there are `count` in equal ratios.
fn ratios(low: f64, high: f64, count: usize) -> Vec<f64> {
    let steps = count.saturating_sub(1).max(1) as f64;
    (1..count.saturating_sub(1)).map(|step| low * (high / low).powf(step as f64 / steps)).collect()
}

/// Three digits; whole numbers where the unit has no parts.
fn rounded<K: Varied>(key: K, value: f64) -> f64 {
    let short: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match key.unit() {
        Unit::Count => value.round(),
        Unit::Span => short.round(),
        _ => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(key: Key, text: &str) -> Vec<String> {
        parse(key, text).unwrap().into_iter().map(|value| key.text(value)).collect()
    }

    #[test]
    fn ranges_go_by_1_and_3_and_counts_by_one() {
        assert_eq!(texts(Key::Tau, "1ms..1s"), ["1ms", "3ms", "10ms", "30ms", "100ms", "300ms", "1s"]);
        assert_eq!(texts(Key::Tau, "2ms..20ms"), ["2ms", "3ms", "10ms", "20ms"]);
        assert_eq!(texts(Key::Diameter, "1..4"), ["1", "2", "3", "4"]);
        assert_eq!(texts(Key::Loss, "0,0.001..0.2"), ["0", "0.001", "0.003", "0.01", "0.03", "0.1", "0.2"]);
        assert_eq!(texts(Key::Drift, "30..100,50"), ["30", "50", "100"]);
    }

    #[test]
    fn a_number_of_points_gives_equal_ratios() {
        assert_eq!(texts(Key::Tau, "1ms..1s:4"), ["1ms", "10ms", "100ms", "1s"]);
        assert_eq!(texts(Key::Tau, "1ms..10ms:3"), ["1ms", "3.16ms", "10ms"]);
        assert_eq!(texts(Key::Nodes, "2..128:7"), ["2", "4", "8", "16", "32", "64", "128"]);
        assert_eq!(texts(Key::Tau, "5ms,1ms,5ms"), ["1ms", "5ms"], "ascending, each once");
    }

    #[test]
    fn a_bad_range_is_refused_by_key_value_and_mend() {
        for (key, text, mend) in [
            (Key::Tau, "1s..1ms", "exchange them"),
            (Key::Tau, "1s..1s", "exchange them"),
            (Key::Loss, "0..0.1", "write 0,"),
            (Key::Tau, "1ms..1s:1", "from 2 to 1000"),
            (Key::Tau, "1ms..", "such as 100ms"),
            (Key::Tau, "", "such as 100ms"),
            (Key::Nodes, "1..2000", "1 to 1024"),
            (Key::Nodes, "1..900,1..900", "coarser"),
        ] {
            let why = parse(key, text).unwrap_err().to_string();
            assert!(why.starts_with(&format!("--over {key}=")) && why.contains(mend), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn a_range_ascends_from_end_to_end_and_reads_back(low in 1..1_000_000_000_i64, factor in 2..100_000_i64,
            points in prop::option::of(2..40_usize)) {
            let (from, to) = (format!("{low}ns"), format!("{}ns", low * factor));
            let text = points.map_or_else(|| format!("{from}..{to}"), |points| format!("{from}..{to}:{points}"));
            let values = parse(Key::Tau, &text).unwrap();
            prop_assert_eq!((values[0], *values.last().unwrap()), (low as f64, (low * factor) as f64));
            prop_assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(points.is_none_or(|points| values.len() <= points));
            let list: Vec<String> = values.iter().map(|value| Key::Tau.text(*value)).collect();
            prop_assert_eq!(parse(Key::Tau, &list.join(",")).unwrap(), values);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z.,:µ -]{0,30}") {
            for key in Key::ALL {
                let _ = parse(key, &text);
            }
        }
    }
}
