//! Numbers and dates as logs write them.

use crate::time::{NANOS_PER_SECOND, Nanos};

const SECONDS_PER_DAY: i64 = 86_400;
/// The modified Julian day of 1970-01-01.
const UNIX_DAY: i64 = 40_587;
/// No log has a day outside the years 1858 to 2262, which 64 bits of nanoseconds reach.
const LAST_DAY: i64 = 147_000;

/// Seconds as a plain decimal, exact to the nanosecond (further digits are cut off).
pub fn decimal_seconds(text: &str) -> Option<Nanos> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    (is_plain && text.contains(|c: char| c.is_ascii_digit())).then(|| format!("{text}s").parse().ok()).flatten()
}

/// Seconds with or without an exponent, to the nearest nanosecond.
pub fn scientific_seconds(text: &str) -> Option<Nanos> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.abs() < 4e9).then(|| Nanos((seconds * NANOS_PER_SECOND as f64).round() as i64))
}

/// Nanoseconds since 1970 of a modified Julian day and the seconds past its midnight.
pub fn second(day: &str, seconds: &str) -> Option<Nanos> {
    let day: i64 = day.parse().ok().filter(|day| (0..LAST_DAY).contains(day))?;
    let past =
        decimal_seconds(seconds).filter(|past| past.0 >= 0 && *past <= Nanos::from_seconds(SECONDS_PER_DAY + 1))?;
    Some(Nanos::from_seconds((day - UNIX_DAY) * SECONDS_PER_DAY) + past)
}

/// Nanoseconds since 1970 of a date (year-month-day) and a time (hour:minute:second) of UTC.
pub fn date(date: &str, time: &str) -> Option<Nanos> {
    let [year, month, day] = parts(date, '-')?;
    let [hour, minute, second] = parts(time, ':')?;
    let is_date = (1900..2262).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let seconds = days(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    (is_date && is_time).then(|| Nanos::from_seconds(seconds))
}

fn parts(text: &str, between: char) -> Option<[i64; 3]> {
    let is_number = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers: Option<Vec<i64>> =
        text.split(between).take(4).map(|part| if is_number(part) { part.parse().ok() } else { None }).collect();
    numbers?.try_into().ok()
}

/// Days since 1970 in the Gregorian calendar: years counted from March, so that the leap day is the last of a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year / 4 - year / 100 + year / 400;
    before + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_calendars_name_the_same_second() {
        // 1,478,670,050 s is 2016-11-09 05:40:50 UTC (GNU date).
        assert_eq!(date("2016-11-09", "05:40:50"), Some(Nanos::from_seconds(1_478_670_050)));
        assert_eq!(second("57701", "20450.000"), Some(Nanos::from_seconds(1_478_670_050)));
        assert_eq!(date("2000-02-29", "00:00:00"), second("51603", "0"));
        assert_eq!(date("1970-01-01", "00:00:01"), Some(Nanos::from_seconds(1)));
        for (day, time) in [("2016-13-09", "05:40:50"), ("2016-11", "05:40:50"), ("2016-11-09", "05:40"), ("x-1-1", "")]
        {
            assert_eq!(date(day, time), None);
        }
        assert_eq!(second("5x", "1"), None);
        assert_eq!(second("50928", "99999"), None);
    }

    #[test]
    fn decimals_are_exact_and_only_seconds() {
        assert_eq!(decimal_seconds("3565350574.400229473"), Some(Nanos(3_565_350_574_400_229_473)));
        assert_eq!(scientific_seconds("-4.966e-03"), Some(Nanos(-4_966_000)));
        for bad in ["", "1m", "-", ".", "1e3", "1.2.3", "99999999999"] {
            assert_eq!(decimal_seconds(bad), None, "{bad}");
        }
        for bad in ["inf", "nan", "1e300", "x"] {
            assert_eq!(scientific_seconds(bad), None, "{bad}");
        }
    }
}
