//! Text, spans and numbers as people read them on a page.

use crate::time::Nanos;

/// Between a number and its unit: narrow, and no place to break a line.
pub const GAP: char = '\u{202f}';

/// What stands where a number is unknown.
pub const UNKNOWN: &str = "–";

/// Text that is safe between tags and in quoted attributes. Control characters have no place in a page.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\n' | '\t' => safe.push(' '),
            other if other.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The unit in which a span of this size reads best, and how many ns it has.
pub fn unit(ns: f64) -> (f64, &'static str) {
    match ns.abs() {
        size if size < 1e3 => (1.0, "ns"),
        size if size < 1e6 => (1e3, "µs"),
        size if size < 1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    }
}

/// Three significant digits, with a true minus.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size == 0.0 || size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    signed(&format!("{value:.decimals$}"))
}

/// A span in three significant digits with its unit.
pub fn span(span: Nanos) -> String {
    let (divisor, unit) = unit(span.0 as f64);
    let value = span.0 as f64 / divisor;
    let text = if divisor == 1.0 { signed(&span.0.to_string()) } else { digits(value) };
    format!("{text}{GAP}{unit}")
}

/// The same of a number of ns that need not be whole.
pub fn span_ns(ns: f64) -> String {
    span(Nanos(ns.round() as i64))
}

/// A span on an axis, without trailing zeros.
pub fn tick(ns: f64) -> String {
    let (divisor, unit) = unit(ns);
    format!("{}{GAP}{unit}", plain(ns / divisor))
}

/// A power of ten on an axis.
pub fn power(value: f64) -> String {
    format!("1e{:.0}", value.log10())
}

/// A span or a dash.
pub fn known(found: Option<Nanos>) -> String {
    found.map_or_else(|| UNKNOWN.to_owned(), span)
}

/// A number of decimals without its trailing zeros, with a true minus.
pub fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    signed(text.trim_end_matches('0').trim_end_matches('.'))
}

/// Seconds.
pub fn seconds(seconds: f64) -> String {
    format!("{}{GAP}s", signed(&format!("{seconds:.2}")))
}

/// A share as a percentage; one that is not whole never reads as 100 %.
pub fn percent(share: f64) -> String {
    let (text, least, most) = (format!("{:.2}", share * 1e2), "0.00", "100.00");
    let text = match text.as_str() {
        found if found == most && share < 1.0 => "> 99.99".to_owned(),
        found if found == least && share > 0.0 => "< 0.01".to_owned(),
        _ => text,
    };
    format!("{text}{GAP}%")
}

/// A count a second, in three significant digits.
pub fn rate(per_second: f64) -> String {
    let (divisor, unit) = match per_second {
        rate if rate >= 1e6 => (1e6, " M/s"),
        rate if rate >= 1e3 => (1e3, " k/s"),
        _ => (1.0, "/s"),
    };
    format!("{}{}", digits(per_second / divisor), unit.replace(' ', &GAP.to_string()))
}

/// Names in a row: "a", "a and b", "a, b and c".
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn signed(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(size) if size.bytes().all(|byte| matches!(byte, b'0' | b'.')) => size.to_owned(),
        Some(size) => format!("−{size}"),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out() {
        assert_eq!(escape("<a href='x'>\"&\u{1b}\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd} ");
    }

    #[test]
    fn numbers_have_three_digits_and_a_true_minus() {
        let texts = [0, -40, 1_234, 35_860, -19_674_758, 100_000_000, 3_000_000_000].map(|ns| span(Nanos(ns)));
        let expected = ["0 ns", "−40 ns", "1.23 µs", "35.9 µs", "−19.7 ms", "100 ms", "3.00 s"];
        assert_eq!(texts, expected.map(|text| text.replace(' ', "\u{202f}")));
        assert_eq!((plain(-0.0), plain(-2.5), plain(10.0)), ("0".into(), "−2.5".into(), "10".into()));
        assert_eq!([1e4, 2.5e6].map(tick), ["10\u{202f}µs", "2.5\u{202f}ms"]);
        assert_eq!((rate(2_977_056.0), rate(12.0)), ("2.98\u{202f}M/s".into(), "12.0/s".into()));
    }

    #[test]
    fn a_share_that_is_not_all_does_not_read_as_all() {
        assert_eq!(percent(1.0), "100.00\u{202f}%");
        assert_eq!(percent(0.999_999), "> 99.99\u{202f}%");
        assert_eq!(percent(1e-9), "< 0.01\u{202f}%");
    }
}
