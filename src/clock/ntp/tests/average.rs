//! One clock below several equals, whose readings are given.

use super::world::POLL;
use crate::affine::offset;
use crate::clock::ntp::{Ntp, Settings};
use crate::clock::{Clock, Message};
use crate::ids::NodeId;
use crate::probe::{Claim, Claims, Exchange, Point};
use crate::time::{Nanos, Time};

const ROOT: NodeId = NodeId(9);

/// What the clock shows, and its bound, after a minute below peers of stratum 2 that are ahead of the truth, which is the
/// local clock, by so many microseconds; all have the same root distance.
fn settled(ahead_us: &[i64]) -> (Nanos, Nanos) {
    let mut clock = Ntp::new(Settings { node: NodeId(0), reference: ROOT, poll: POLL });
    let mut bound = None;
    for poll in 0..600 {
        for (index, ahead) in ahead_us.iter().enumerate() {
            let peer = NodeId(index as u32 + 1);
            let sent = Time::ZERO + POLL.times(poll) + Nanos::from_millis(10 * index as i64);
            let back = sent + Nanos::from_micros(100);
            let there = sent + Nanos::from_micros(50 + ahead);
            let claim = Claim {
                reading: Time::from_nanos(there.as_nanos()),
                stratum: 2,
                root: ROOT,
                parent: ROOT,
                root_age: POLL,
                root_delay: Nanos::from_micros(100),
                root_dispersion: Nanos::from_micros(300),
                ..Claim::default()
            };
            clock.on_slot(sent);
            clock.on_message(&Message { from: peer, at: back, credit: Nanos::ZERO, claim: &claim });
            let [t1, t2, t3, t4] = [sent, there, there, back].map(|user| Point { user, wire: None });
            let exchange = Exchange { peer, t1, t2, t3, t4, claims: Claims::from_fn(|_| claim) };
            let change = clock.on_exchange(back, &exchange);
            bound = change.and_then(|change| change.bound).map(|bound| bound.initial).or(bound);
        }
    }
    let end = Time::ZERO + POLL.times(600);
    (offset(clock.reading().at(end), end), bound.expect("a bound"))
}

#[test]
fn equals_are_averaged_and_the_bound_reaches_as_far_as_the_system_peer() {
    for (ahead, expected) in [(&[60][..], 60), (&[60, -60], 0), (&[90, 30, -30], 30), (&[-40, -40, 80], 0)] {
        let (shown, bound) = settled(ahead);
        assert!((shown - Nanos::from_micros(expected)).abs() < Nanos::from_micros(2), "{ahead:?}: {shown}");
        assert!(bound > shown.abs() && bound < Nanos::from_millis(2), "{ahead:?}: {bound}");
    }
}

#[test]
fn of_four_the_outlier_does_not_count_unless_it_is_the_system_peer() {
    let (shown, _) = settled(&[10, 10, 10, 210]);
    assert!((shown - Nanos::from_micros(10)).abs() < Nanos::from_micros(2), "voted out: {shown}");
    let (shown, _) = settled(&[210, 10, 10, 10]);
    assert!((shown - Nanos::from_micros(60)).abs() < Nanos::from_micros(2), "the average of all four: {shown}");
}
