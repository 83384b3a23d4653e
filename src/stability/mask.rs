//! What Recommendations of the ITU-T ask of telecom clocks: limits on MTIE and TDEV over τ, in seconds.
//!
//! They are meaningful for PTP and GNSS receivers. The numbers are those of ITU-T G.811 (1997), G.8272 (2018) and G.8272.1
//! (2016), taken from a public transcription: hold them against the Recommendation before you cite them.

use crate::names::named;

/// A Recommendation's pair of limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mask {
    /// G.811: primary reference clock.
    Prc,
    /// G.8272 class A: primary reference time clock.
    PrtcA,
    /// G.8272 class B.
    PrtcB,
    /// G.8272.1: enhanced primary reference time clock.
    Eprtc,
}

impl Mask {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Prc, Self::PrtcA, Self::PrtcB, Self::Eprtc];

    /// The mask's name in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prc => "g811-prc",
            Self::PrtcA => "g8272-prtc-a",
            Self::PrtcB => "g8272-prtc-b",
            Self::Eprtc => "g8272.1-eprtc",
        }
    }

    /// The largest MTIE in seconds over spans of `tau` seconds; `None` below 0.1 s, where nothing is asked.
    pub fn mtie_s(self, tau: f64) -> Option<f64> {
        let line = 1e-6 * (0.275e-3 * tau + 0.025);
        let limit = match self {
            Self::Prc if tau < 1_000.0 => line,
            Self::Prc => 1e-6 * (1e-5 * tau + 0.29),
            Self::PrtcA if tau < 273.0 => line,
            Self::PrtcA => 100e-9,
            Self::PrtcB if tau < 54.5 => line,
            Self::PrtcB => 40e-9,
            Self::Eprtc if tau < 1.0 => 4e-9,
            Self::Eprtc if tau < 100.0 => (0.111_14 * tau + 3.89) * 1e-9,
            Self::Eprtc if tau < 4e5 => (3.75e-5 * tau + 15.0) * 1e-9,
            Self::Eprtc => 30e-9,
        };
        (tau >= 0.1).then_some(limit)
    }

    /// The largest TDEV in seconds at `tau` seconds; `None` below 0.1 s.
    pub fn tdev_s(self, tau: f64) -> Option<f64> {
        let (flat, slope, until, last) = match self {
            Self::Prc | Self::PrtcA => (100.0, 0.03e-9, 1_000.0, 30e-9),
            Self::PrtcB => (100.0, 0.01e-9, 500.0, 5e-9),
            Self::Eprtc => (30e3, 3.333_33e-14, 3e5, 10e-9),
        };
        let limit = match tau {
            tau if tau < flat => flat * slope,
            tau if tau < until => slope * tau,
            _ => last,
        };
        (tau >= 0.1).then_some(limit)
    }
}

named!(Mask, "mask");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_continuous_where_their_pieces_meet() {
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.02;
        for (mask, joints) in [
            (Mask::Prc, vec![1_000.0]),
            (Mask::PrtcA, vec![273.0]),
            (Mask::PrtcB, vec![54.5]),
            (Mask::Eprtc, vec![1.0, 100.0, 4e5]),
        ] {
            for at in joints {
                let (before, after) = (mask.mtie_s(at * 0.999_999).unwrap(), mask.mtie_s(at).unwrap());
                assert!(near(before, after), "{mask} at {at}: {before} {after}");
            }
        }
        for (mask, at) in [
            (Mask::Prc, 100.0),
            (Mask::Prc, 1_000.0),
            (Mask::PrtcB, 100.0),
            (Mask::PrtcB, 500.0),
            (Mask::Eprtc, 30e3),
            (Mask::Eprtc, 3e5),
        ] {
            assert!(near(mask.tdev_s(at * 0.999_999).unwrap(), mask.tdev_s(at).unwrap()), "{mask} at {at}");
        }
        assert_eq!((Mask::Prc.mtie_s(0.05), Mask::Prc.tdev_s(0.05)), (None, None));
        assert_eq!("g8272-prtc-b".parse(), Ok(Mask::PrtcB));
    }
}
