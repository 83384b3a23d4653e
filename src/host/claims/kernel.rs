//! The kernel's claim: what adjtimex tells when it is asked to change nothing. Any user may ask.
#![expect(unsafe_code, reason = "adjtimex has no safe wrapper among well-kept libraries; nothing else is in this file")]

use nix::libc;

use super::Said;
use crate::time::Nanos;

/// What the kernel says. `None` where a sandbox forbids the question.
pub fn read() -> Option<Said> {
    // SAFETY: `timex` is made of integers only, all of which may be zero.
    let mut told: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to nothing but the structure, which outlives the call; `modes` is zero, and so no clock is
    // changed.
    let state = unsafe { libc::adjtimex(&raw mut told) };
    if state < 0 {
        return None;
    }
    said(told.status, [told.maxerror, told.esterror], told.offset)
}

/// From the status bits, maxerror and esterror in µs, and what is left of an adjustment in µs or ns.
fn said(status: libc::c_int, errors: [libc::c_long; 2], offset: libc::c_long) -> Option<Said> {
    let [error_bound, estimated_error] =
        errors.map(|error| error.checked_mul(1_000).filter(|error| *error >= 0).map(Nanos));
    let error_bound = error_bound?;
    let unit = if status & libc::STA_NANO == 0 { 1_000 } else { 1 };
    // The kernel still has to add the offset: the clock is slow by it.
    let offset = Some(Nanos(offset.saturating_mul(unit).saturating_neg()));
    Some(Said { synchronised: status & libc::STA_UNSYNC == 0, error_bound, offset, estimated_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_units() {
        let told = said(libc::STA_NANO | libc::STA_PLL, [1_500, 20], -250).unwrap();
        let (offset, estimated_error) = (Some(Nanos(250)), Some(Nanos(20_000)));
        assert_eq!(told, Said { synchronised: true, error_bound: Nanos(1_500_000), offset, estimated_error });
        let told = said(libc::STA_UNSYNC, [1_500, 0], -250).unwrap();
        assert_eq!((told.synchronised, told.offset), (false, Some(Nanos(250_000))));
        assert_eq!((said(0, [-1, 0], 0), said(0, [libc::c_long::MAX, 0], 0)), (None, None));
        assert_eq!(said(0, [0, 0], libc::c_long::MIN).unwrap().offset, Some(Nanos::MAX));
        assert_eq!(said(0, [0, -1], 0).unwrap().estimated_error, None);
    }

    #[test]
    fn this_kernel_answers_and_its_clock_goes_on() {
        let told = read().expect("adjtimex may be asked here");
        assert!(told.error_bound >= Nanos::ZERO && told.estimated_error.is_some(), "{told:?}");
    }
}
