//! The kernel's claim, from what `adjtimex --print` prints.

use super::Said;
use crate::time::Nanos;

/// The bit of the status that says that nobody keeps the clock (STA_UNSYNC).
const UNSYNCHRONISED: i64 = 0x40;
/// The bit that says that the offset is in ns, not µs (STA_NANO).
const IN_NANOS: i64 = 0x2000;

/// What the lines `status: n`, `maxerror: n` (µs) and `offset: n` say: the kernel's bound, and what is left of an
/// adjustment. `None` without the first two.
pub fn parse(printed: &str) -> Option<Said> {
    let value = |key: &str| -> Option<i64> {
        let line = printed.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == key);
        line?.1.split_whitespace().next()?.parse().ok()
    };
    let (status, max_error) = (value("status")?, value("maxerror").filter(|error| *error >= 0)?);
    let unit = if status & IN_NANOS == 0 { 1_000 } else { 1 };
    // The kernel still has to add the offset: the clock is slow by it.
    let offset = value("offset").map(|offset| Nanos(offset.saturating_mul(unit).saturating_neg()));
    let error_bound = Nanos(max_error.saturating_mul(1_000));
    Some(Said { synchronised: status & UNSYNCHRONISED == 0, error_bound, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_read_in_their_units() {
        let text = "         mode: 0\n       offset: -250\n    frequency: 4\n     maxerror: 1500\n     esterror: 20\n       \
                    status: 8193\ntime_constant: 7\n";
        let said = parse(text).unwrap();
        assert_eq!(said, Said { synchronised: true, error_bound: Nanos(1_500_000), offset: Some(Nanos(250)) });
        let said = parse(&text.replace("8193", "64")).unwrap();
        assert_eq!((said.synchronised, said.offset), (false, Some(Nanos(250_000))));
        assert_eq!(parse(&text.replace("maxerror: ", "maxerror: -")), None);
        assert_eq!(parse("status: x"), None);
    }
}
