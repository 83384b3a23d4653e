//! The exchange: four stamps of a request and its reply, and what they say of the offset.

use super::{Claim, Claims, Source, Stamp};
use crate::affine::offset;
use crate::ids::{Algorithm, NodeId};
use crate::time::{Local, Nanos, Time};

/// One of the four instants of an exchange, stamped by the program and, if all went well, nearer to the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    /// The program's stamp.
    pub user: Time<Local>,
    /// The kernel's or card's stamp.
    pub wire: Option<Stamp>,
}

impl Point {
    /// The best stamp there is.
    #[inline]
    pub fn best(&self) -> Time<Local> {
        self.wire.map_or(self.user, |stamp| stamp.at)
    }

    /// Where the best stamp was taken.
    #[inline]
    pub fn source(&self) -> Source {
        self.wire.map_or(Source::User, |stamp| stamp.source)
    }
}

/// A completed request and reply. `t1` and `t4` are on the local clock of the node that asked, `t2` and `t3` on the
/// peer's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// The node that answered.
    pub peer: NodeId,
    /// The request's departure.
    pub t1: Point,
    /// The request's arrival.
    pub t2: Point,
    /// The reply's departure.
    pub t3: Point,
    /// The reply's arrival.
    pub t4: Point,
    /// What the peer's clocks read at `t3.user`.
    pub claims: Claims,
}

/// Offset and delay of one exchange (RFC 5905, section 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// peer − local, midway; positive means that the peer is ahead. Its error is half the difference of the delays.
    pub offset: Nanos,
    /// Round-trip delay without the peer's residence. Never clamped: two clock rates can make it negative.
    pub delay: Nanos,
}

impl Exchange {
    /// Where the worst of the four stamps was taken: the exchange is no better than that.
    #[inline]
    pub fn source(&self) -> Source {
        self.t1.source().min(self.t2.source()).min(self.t3.source()).min(self.t4.source())
    }

    /// How far off the four stamps may be together, by what the nearest to the wire say of themselves.
    pub fn stamp_errors(&self) -> Nanos {
        let points = [&self.t1, &self.t2, &self.t3, &self.t4];
        points.iter().filter_map(|point| point.wire).fold(Nanos::ZERO, |sum, stamp| sum + stamp.error.abs())
    }

    /// The four stamps used for estimates: the best ones if all four are better than user space, else all from user
    /// space, so that errors of one kind cancel.
    #[inline]
    pub fn stamps(&self) -> [Time<Local>; 4] {
        let points = [&self.t1, &self.t2, &self.t3, &self.t4];
        match self.source() {
            Source::User => points.map(|point| point.user),
            Source::Kernel | Source::Hardware => points.map(Point::best),
        }
    }

    /// The offset between the two *local* clocks and the delay, from the stamps of [`Self::stamps`].
    pub fn sample(&self) -> Sample {
        let [t1, t2, t3, t4] = self.stamps();
        Sample { offset: (t2 - t1).mean(t3 - t4), delay: self.delay() }
    }

    /// The delay alone.
    #[inline]
    pub fn delay(&self) -> Nanos {
        let [t1, t2, t3, t4] = self.stamps();
        (t4 - t1) - (t3 - t2)
    }

    /// The offset of the peer's `algorithm` clock against our local clock, and the delay, at local time `t4`. The
    /// peer's readings at `t2` and `t3` follow from its claim at `t3.user`. `None` if the peer makes no such claim.
    pub fn sample_of(&self, algorithm: Algorithm) -> Option<Sample> {
        Some(self.timing().sample_of(self.claims.of(algorithm)?))
    }

    /// What its samples have in common, whosoever's clock they are of.
    #[inline]
    pub fn timing(&self) -> Timing {
        let stamps = self.stamps();
        let [t1, t2, t3, t4] = stamps;
        let claimed = self.t3.user;
        Timing { stamps, claimed, forth: t2 - t1, back: t3 - t4, before: t2 - claimed, after: t3 - claimed }
    }
}

/// The spans of an exchange that a [`Sample`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Those of [`Exchange::stamps`].
    pub stamps: [Time<Local>; 4],
    /// When the claims were made.
    claimed: Time<Local>,
    forth: Nanos,
    back: Nanos,
    /// From the claims to the request's arrival.
    before: Nanos,
    /// From the claims to the reply's departure.
    after: Nanos,
}

impl Timing {
    /// See [`Exchange::sample_of`].
    #[inline]
    pub fn sample_of(&self, claim: &Claim) -> Sample {
        let ahead = offset(claim.reading, self.claimed);
        let forth = ahead + self.forth + claim.rate.over(self.before);
        let back = ahead + self.back + claim.rate.over(self.after);
        Sample { offset: forth.mean(back), delay: forth - back }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Rate;
    use proptest::prelude::*;

    fn exchange(stamps: [i64; 4], claims: Claims) -> Exchange {
        let [t1, t2, t3, t4] = stamps.map(|ns| Point { user: Time::from_nanos(ns), wire: None });
        Exchange { peer: NodeId(1), t1, t2, t3, t4, claims }
    }

    #[test]
    fn positive_offset_means_that_the_peer_is_ahead() {
        let sample = exchange([0, 1_010, 1_020, 50], Claims::default()).sample();
        assert_eq!(sample, Sample { offset: Nanos(990), delay: Nanos(40) });
    }

    #[test]
    fn one_missing_kernel_stamp_makes_it_a_user_space_exchange() {
        let mut exchange = exchange([0, 10, 20, 30], Claims::default());
        let stamp = |ns| Some(Stamp { at: Time::from_nanos(ns), error: Nanos::ZERO, source: Source::Kernel });
        (exchange.t1.wire, exchange.t2.wire, exchange.t3.wire) = (stamp(1), stamp(9), stamp(21));
        assert_eq!((exchange.source(), exchange.stamps()[0]), (Source::User, Time::from_nanos(0)));
        exchange.t4.wire = stamp(29);
        assert_eq!((exchange.source(), exchange.stamps()[0]), (Source::Kernel, Time::from_nanos(1)));
    }

    proptest! {
        /// theory: for any non-negative delays |offset error| <= delay / 2, and shifting one clock by c moves the
        /// offset by exactly c.
        #[test]
        fn the_error_is_at_most_half_the_delay(forth in 0..1_000_000_000_i64, back in 0..1_000_000_000_i64,
                                               residence in 0..1_000_000_i64, ahead in -1_000_000_000_i64..1_000_000_000) {
            let stamps = |ahead: i64| [0, forth + ahead, forth + residence + ahead, forth + residence + back];
            let sample = exchange(stamps(ahead), Claims::default()).sample();
            prop_assert!(2 * (sample.offset.0 - ahead).abs() <= sample.delay.0 + 1);
            let shifted = exchange(stamps(ahead + 77), Claims::default()).sample();
            prop_assert_eq!(shifted.offset.0, sample.offset.0 + 77);
        }

        /// The peer's synchronised clock is its local clock under its claim: claiming the local clock itself changes nothing.
        #[test]
        fn a_claim_of_the_local_clock_gives_the_local_offset(t1 in 0..1_000_000_i64, t2 in 0..1_000_000_i64,
                                                             t3 in 0..1_000_000_i64, t4 in 0..1_000_000_i64) {
            let claims = Claims::from_fn(|_| Claim { reading: Time::from_nanos(t3), rate: Rate::ZERO, ..Claim::default() });
            let exchange = exchange([t1, t2, t3, t4], claims);
            prop_assert_eq!(exchange.sample_of(Algorithm::Ntp), Some(exchange.sample()));
            prop_assert_eq!(exchange.sample_of(Algorithm::Free), None);
        }
    }
}
