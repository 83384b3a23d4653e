//! Coded pairs: two probes, one shortly after the other on the same arc, that tell whether they met a queue.
//!
//! Y. Geng and others, *Exploiting a natural network effect for scalable, fine-grained clock synchronization*, NSDI 2018,
//! §3: if neither probe waited, they arrive as far apart as they were sent. Two that waited behind the same burst leave the
//! queue one after the other, nearer to each other; what came between them drives them apart. Two that waited equally long
//! look like two that did not: a delay that stays the same is nothing that a pair can see.
//!
//! Who asks knows all eight stamps of its two exchanges, and by its own stamps which two belong together, so that neither
//! the wire nor the journal needs a field for it. Each reply leaves as soon as its request came: replies are a pair too,
//! whose gap is what the requests' arrivals and the peer made it.

use crate::time::{Local, Nanos, Time};

/// A longer gap says little: the second probe meets another network.
pub const LONGEST: Nanos = Nanos::from_millis(1);
const SHORTEST: Nanos = Nanos::from_micros(1);
/// The pairs of all peers take this share of a period at most.
const PERIOD_SHARE: i64 = 4;

/// The gap that is asked for, if it fits into the slots of a node with so many peers; zero asks for single requests.
///
/// # Errors
/// The mend, in words.
pub fn checked(gap: Option<Nanos>, tau: Nanos, peers: usize) -> Result<Option<Nanos>, String> {
    let Some(gap) = gap.filter(|gap| *gap != Nanos::ZERO) else { return Ok(None) };
    let share = tau.over(PERIOD_SHARE).over(i64::try_from(peers.max(1)).unwrap_or(i64::MAX));
    let most = LONGEST.min(share);
    if (SHORTEST..=most).contains(&gap) {
        return Ok(Some(gap));
    }
    if most < SHORTEST {
        return Err(format!("{peers} peers in {tau} leave no room for pairs: leave it out, or choose a longer tau"));
    }
    let why = if share < LONGEST { format!(", a quarter of tau for {peers} peers") } else { String::new() };
    Err(format!("choose from {SHORTEST} to {most}{why}, or 0s for single requests"))
}

/// Whether two requests, sent when these stamps say, can be a pair with this gap: one that was sent too late is none.
pub fn belong_together(first: Time<Local>, second: Time<Local>, gap: Nanos) -> bool {
    let apart = (second - first).abs();
    apart > Nanos::ZERO && apart <= gap.times(2)
}

/// By how much the gaps of two exchanges changed on their way, from t1 to t2 and from t3 to t4: the larger change of the
/// two. Clocks that run differently change it by some parts per million of the gap, which is nothing.
pub fn disagreement(first: &[Time<Local>; 4], second: &[Time<Local>; 4]) -> Nanos {
    let [sent, arrived, answered, received] = [0, 1, 2, 3].map(|place| second[place] - first[place]);
    (arrived - sent).abs().max((received - answered).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(ns: [i64; 4]) -> [Time<Local>; 4] {
        ns.map(Time::from_nanos)
    }

    /// The paper's rule: two probes sent 10 us apart. Delays of 50 us both ways, the peer is 1 ms ahead and answers after 2 us.
    #[test]
    fn gaps_agree_if_nothing_waited_or_both_waited_alike() {
        let exchange = |sent: i64, there: i64, back: i64| {
            let arrived = sent + 50_000 + there;
            stamps([sent, arrived + 1_000_000, arrived + 1_002_000, arrived + 52_000 + back])
        };
        let gap = |there: [i64; 2], back: [i64; 2]| {
            disagreement(&exchange(0, there[0], back[0]), &exchange(10_000, there[1], back[1])).0
        };
        assert_eq!(gap([0, 0], [0, 0]), 0, "no queue");
        assert_eq!(gap([7_000, 7_000], [0, 0]), 0, "the same wait, which nobody can tell from none");
        assert_eq!(
            gap([80_000, 70_000], [0, 0]),
            10_000,
            "both behind one burst: the second catches up with the first"
        );
        assert_eq!(gap([0, 0], [0, 30_000]), 30_000, "a burst came between the replies");
        assert_eq!(gap([5_000, 0], [0, 30_000]), 30_000, "the worse of both directions");
        let (first, second) = (exchange(0, 3_000, 0), exchange(10_000, 0, 0));
        assert_eq!(disagreement(&first, &second), disagreement(&second, &first));
    }

    #[test]
    fn what_was_sent_far_too_late_is_no_pair() {
        let pair = |ns| belong_together(Time::from_nanos(0), Time::from_nanos(ns), Nanos(10_000));
        assert_eq!([9_000, -11_000, 20_000, 20_001, 0].map(pair), [true, true, true, false, false]);
        assert!(!belong_together(Time::MIN, Time::MAX, Nanos(10_000)), "nothing overflows");
    }

    #[test]
    fn a_gap_that_does_not_fit_is_refused_with_its_mend() {
        let tau = Nanos::from_millis(100);
        let of = |gap, tau, peers| checked(Some(gap), tau, peers);
        let refused = |gap, tau, peers| of(gap, tau, peers).unwrap_err();
        assert_eq!([checked(None, tau, 2), of(Nanos::ZERO, tau, 2)], [Ok(None), Ok(None)]);
        assert_eq!(of(Nanos::from_micros(20), tau, 1_000), Ok(Some(Nanos::from_micros(20))));
        assert!(of(Nanos::from_millis(1), tau, 25).is_ok());
        let (short, long) = (refused(Nanos(1), tau, 2), refused(Nanos::from_millis(2), tau, 2));
        assert_eq!((short.as_str(), &short), ("choose from 1us to 1ms, or 0s for single requests", &long));
        let crowded = refused(Nanos::from_micros(30), tau, 1_000);
        assert!(crowded.starts_with("choose from 1us to 25us, a quarter of tau for 1000 peers"), "{crowded}");
        assert!(refused(Nanos(1_000), Nanos(3_000), 2).contains("leave no room"));
    }
}
