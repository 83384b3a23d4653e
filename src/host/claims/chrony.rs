//! chronyd's claim, from a line of `chronyc -c tracking`.

use super::{Said, seconds};
use crate::time::Nanos;

/// The fields of a line, in chrony 4: reference, its name, stratum, its time, offset of the system clock, last offset, RMS
/// offset, frequency, residual frequency, skew, root delay, root dispersion, update interval, leap status.
const FIELDS: usize = 14;
const OFFSET: usize = 4;
const ROOT_DELAY: usize = 10;
const ROOT_DISPERSION: usize = 11;
const LEAP: usize = 13;

/// What a line says. The bound is that of chronyc's manual: |offset| + root dispersion + half the root delay. A positive
/// number in the field of the offset means that the system clock is slow. `None` if it is no such line.
pub fn parse(printed: &str) -> Option<Said> {
    let fields: Vec<&str> = printed.lines().next()?.split(',').collect();
    if fields.len() != FIELDS {
        return None;
    }
    let slow = seconds(fields[OFFSET])?;
    let (delay, dispersion) = (seconds(fields[ROOT_DELAY])?, seconds(fields[ROOT_DISPERSION])?);
    if delay < Nanos::ZERO || dispersion < Nanos::ZERO {
        return None;
    }
    let error_bound = slow.abs() + dispersion + (delay + Nanos(1)).over(2);
    let synchronised = matches!(fields[LEAP].trim(), "Normal" | "Insert second" | "Delete second");
    Some(Said { synchronised, error_bound, offset: Some(-slow), estimated_error: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_chronyc_gives_its_manuals_bound() {
        let line = "0A000001,ntp.example,2,1795274551.198812518,-0.000001500,0.000000100,0.000002000,-3.1,0.001,0.02,\
                    0.000400001,0.000120000,64.5,Normal\n";
        let said = parse(line).unwrap();
        assert!(said.synchronised);
        assert_eq!((said.error_bound, said.offset), (Nanos(1_500 + 120_000 + 200_001), Some(Nanos(1_500))));
    }

    #[test]
    fn a_clock_that_is_not_synchronised_promises_nothing() {
        let line = "00000000,,0,0.0,0.0,0.0,0.0,-0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised";
        assert!(!parse(line).unwrap().synchronised);
        for bad in ["", "506 Cannot talk to daemon", &line.replace("0.0,1.0,1.0", "0.0,nan,1.0"), &format!("{line},x")]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&line.replace("1.0,1.0", "-1.0,1.0")), None);
    }
}
