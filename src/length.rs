//! How far apart two places are, and the time that light takes from one to the other: what physics alone says of a delay.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::time::{NANOS_PER_SECOND, Nanos};

/// The speed of light in vacuum, exact by definition of the metre.
const LIGHT_M_PER_S: u64 = 299_792_458;
/// Half of the Earth's circumference: no two places on it are further apart.
const MOST_M: u64 = 20_040_000;

/// A distance of at least a metre and at most half way round the Earth, in whole metres.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Length {
    metres: u64,
}

impl Length {
    /// In metres.
    pub const fn metres(self) -> u64 {
        self.metres
    }

    /// No signal takes less: light in vacuum on the straight way, rounded down to the nanosecond. It is certain as far as
    /// the distance is.
    pub const fn in_vacuum(self) -> Nanos {
        self.light_takes(1, 1)
    }

    /// About what light takes in glass, whose refractive index is 1.5 (docs/theory.md §1.3): an estimate, since radio is
    /// faster and no cable lies straight.
    pub const fn in_fibre(self) -> Nanos {
        self.light_takes(3, 2)
    }

    /// Rounded down. It cannot overflow: the longest distance is a fifteenth of a second.
    const fn light_takes(self, index: u64, over: u64) -> Nanos {
        Nanos((self.metres * NANOS_PER_SECOND as u64 * index / (LIGHT_M_PER_S * over)) as i64)
    }
}

/// What is no distance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotALength(String);

impl fmt::Display for NotALength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = Length { metres: MOST_M };
        write!(
            f,
            "`{}` is no distance: write a number with its unit, m or km, from 1m to {most}, such as 120km",
            self.0
        )
    }
}

impl std::error::Error for NotALength {}

impl FromStr for Length {
    type Err = NotALength;

    fn from_str(text: &str) -> Result<Self, NotALength> {
        let refuse = || NotALength(text.to_owned());
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(refuse)?;
        let (number, unit) = trimmed.split_at(split);
        let scale = match unit.trim() {
            "m" => 1.0,
            "km" => 1e3,
            _ => return Err(refuse()),
        };
        let millimetres = (number.parse::<f64>().map_err(|_| refuse())? * scale * 1e3).round();
        // Whole metres, rounded down: what is certain of a delay must not grow by rounding.
        let metres = if millimetres <= MOST_M as f64 * 1e3 { millimetres as u64 / 1_000 } else { 0 };
        if metres > 0 { Ok(Self { metres }) } else { Err(refuse()) }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.metres.is_multiple_of(1_000) {
            write!(f, "{}km", self.metres / 1_000)
        } else {
            write!(f, "{}m", self.metres)
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a distance with its unit in quotes, such as \"120km\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str) -> Length {
        text.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn light_takes_as_long_as_physics_says_and_never_a_nanosecond_more() {
        // 299 792 458 m are a second, by definition: 1/73 of it; half as much again in glass.
        assert_eq!(length("4106746m").in_vacuum(), Nanos(1_000_000_000 / 73));
        assert_eq!(length("4106746m").in_fibre(), Nanos(1_500_000_000 / 73));
        assert_eq!((length("120km").in_vacuum(), length("120km").in_fibre()), (Nanos(400_276), Nanos(600_415)));
        assert_eq!((length("1m").in_vacuum(), length("1m").in_fibre()), (Nanos(3), Nanos(5)));
        assert_eq!(length("20040km").in_vacuum(), Nanos(66_846_244));
    }

    #[test]
    fn a_number_and_a_unit_are_needed() {
        for (text, metres) in
            [("120km", 120_000), (" 1.5 km ", 1_500), ("300m", 300), ("1m", 1), ("2.9m", 2), ("1.001km", 1_001)]
        {
            let found = length(text);
            assert_eq!(found.metres(), metres, "{text}");
            assert_eq!(length(&found.to_string()), found);
        }
        for bad in [
            "",
            "120",
            "km",
            "-5km",
            "0km",
            "0.5m",
            "1e3km",
            "5 miles",
            "20041km",
            "1.2.3km",
            "NaNkm",
            "999999999999999999999km",
        ] {
            let why = bad.parse::<Length>().expect_err(bad).to_string();
            assert!(why.contains(&format!("`{bad}`")) && why.contains("such as 120km"), "{why}");
        }
    }

    #[test]
    fn it_is_text_in_files() {
        let said = serde_json::to_string(&length("1500m")).unwrap();
        assert_eq!((said.as_str(), serde_json::from_str::<Length>(&said).unwrap()), ("\"1500m\"", length("1500m")));
        let why = serde_json::from_str::<Length>("120").unwrap_err().to_string();
        assert!(why.contains("a distance with its unit in quotes"), "{why}");
    }
}
