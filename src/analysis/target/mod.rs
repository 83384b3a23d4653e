//! Are clocks closer together than somebody needs them? SAFE, UNSAFE with the event that proves it, or UNKNOWN with the
//! reason and with what would settle it.
//!
//! With certified eps in [low, high]: SAFE if high ≤ target, UNSAFE if low > target, else UNKNOWN. Where true eps is known
//! it counts as both. In doubt it is UNKNOWN: SAFE also needs every node that is known of, and nothing that is certified
//! counts if an assumption has been proved false.

mod evidence;
mod profile;

pub use evidence::{Assumed, Clock, Evidence, Narrowest, Source};
pub use profile::{Distance, Limit, Profile};

use crate::ids::{Algorithm, NodeId};
use crate::time::Nanos;

/// What integer readings leave open of true eps.
const READING: Nanos = Nanos(2);

/// Whether clocks kept to a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Safety {
    /// They did, provably.
    Safe,
    /// They did not, provably.
    Unsafe,
    /// The evidence does not decide.
    Unknown,
}

impl Safety {
    /// The verdict's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "SAFE",
            Self::Unsafe => "UNSAFE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code of a program that reached this verdict.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Safe => 0,
            Self::Unsafe => 1,
            Self::Unknown => 4,
        }
    }
}

/// When two clocks were further apart than they may be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Event {
    /// Which nodes, the lower first.
    pub pair: (NodeId, NodeId),
    /// When, in seconds since all nodes measured: within one step of the grid from here, or exactly where truth is known.
    pub at_s: f64,
    /// They were at least this far apart.
    pub low: Nanos,
    /// And at most this; `None` if that is not known.
    pub high: Option<Nanos>,
}

/// Why the evidence does not decide.
#[derive(Clone, PartialEq, Debug)]
pub enum Doubt {
    /// Fewer than two nodes can be compared.
    Alone,
    /// Only some nodes have such a clock.
    NotEverywhere(Vec<NodeId>),
    /// Messages prove that an assumption is false: in words, and in how many windows.
    Contradiction(String, usize),
    /// What the journals declare as truth is not what their messages allow: the declared eps, and the certified least.
    Disagreement(Nanos, Nanos),
    /// The run ended before anything was judged.
    TooShort,
    /// At some instants nothing bounds how far apart some pairs were: one of them, and the first instant, in seconds.
    Unbounded((NodeId, NodeId), f64),
    /// Nodes that are known of left no journal, or none that can be used.
    Missing(Vec<NodeId>),
    /// Even at its best instant this pair was known no better than this either side.
    RoundTrip((NodeId, NodeId), Nanos),
    /// What lies between the instants of the grid makes the difference.
    Grid,
    /// The target lies between what is certain and what is possible.
    Between,
    /// Agreement proves nothing of UTC.
    NoUtc,
}

/// One clock held against one limit.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// Which clock.
    pub algorithm: Algorithm,
    /// The verdict.
    pub safety: Safety,
    /// How much is left of the limit: of what is possible, or of the truth. Only if it is SAFE.
    pub margin: Option<Nanos>,
    /// What proves UNSAFE.
    pub event: Option<Event>,
    /// Why it is UNKNOWN.
    pub doubt: Option<Doubt>,
}

impl Judged {
    const fn unknown(algorithm: Algorithm, doubt: Doubt) -> Self {
        Self { algorithm, safety: Safety::Unknown, margin: None, event: None, doubt: Some(doubt) }
    }
}

/// The clock that decides if none is named: the one that the hosts' software reads, or in a lab, whose agents have none of
/// their own, the undisciplined one.
pub fn usual(evidence: &Evidence) -> Algorithm {
    if evidence.clock(Algorithm::System).is_some() { Algorithm::System } else { Algorithm::Free }
}

/// Holds a clock against a limit. A clock that the evidence does not have is UNKNOWN.
pub fn judge(evidence: &Evidence, algorithm: Algorithm, limit: Limit) -> Judged {
    let unknown = |doubt| Judged::unknown(algorithm, doubt);
    let Some(clock) = evidence.clock(algorithm) else { return unknown(Doubt::Alone) };
    if !clock.without.is_empty() {
        return unknown(Doubt::NotEverywhere(clock.without.clone()));
    }
    let proof = match limit.distance {
        Distance::Mutual => limit.span,
        // Two clocks that are both within the limit of UTC are within twice that of each other.
        Distance::Utc => limit.span.times(2),
    };
    if let Some(doubt) = unusable(evidence, clock) {
        return unknown(doubt);
    }
    if let Some(event) = clock.furthest().filter(|event| event.low > proof) {
        return Judged { algorithm, safety: Safety::Unsafe, margin: None, event: Some(event), doubt: None };
    }
    if limit.distance == Distance::Utc {
        return unknown(Doubt::NoUtc);
    }
    match possible(evidence, clock, limit.span) {
        Ok(high) => {
            Judged { algorithm, safety: Safety::Safe, margin: Some(limit.span - high), event: None, doubt: None }
        }
        Err(doubt) => unknown(doubt),
    }
}

/// Why nothing that is said of a clock can be used, in either direction.
fn unusable(evidence: &Evidence, clock: &Clock) -> Option<Doubt> {
    match clock.truth {
        Some(truth) if clock.low > truth.low + READING && evidence.contradiction.is_none() => {
            Some(Doubt::Disagreement(truth.low, clock.low))
        }
        Some(_) => None,
        None if evidence.nodes.len() < 2 => Some(Doubt::Alone),
        None => evidence.contradiction.as_ref().map(|(said, windows)| Doubt::Contradiction(said.clone(), *windows)),
    }
}

/// The largest eps that is possible, if it is within the limit and nothing is missing; else why that cannot be said.
fn possible(evidence: &Evidence, clock: &Clock, limit: Nanos) -> Result<Nanos, Doubt> {
    let missing = || Doubt::Missing(evidence.missing.clone());
    if let Some(truth) = clock.truth {
        return if evidence.missing.is_empty() { Ok(truth.low) } else { Err(missing()) };
    }
    if evidence.judged.is_none() {
        return Err(Doubt::TooShort);
    }
    let Some(high) = clock.high else {
        return Err(clock.unbounded.map_or(Doubt::TooShort, |(pair, at_s)| Doubt::Unbounded(pair, at_s)));
    };
    if high <= limit {
        return if evidence.missing.is_empty() { Ok(high) } else { Err(missing()) };
    }
    match evidence.narrowest.filter(|narrowest| narrowest.half > limit) {
        Some(narrowest) => Err(Doubt::RoundTrip(narrowest.pair, narrowest.half)),
        None if high - clock.grid <= limit => Err(Doubt::Grid),
        None => Err(Doubt::Between),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: (NodeId, NodeId) = (NodeId(0), NodeId(1));

    fn ms(count: i64) -> Nanos {
        Nanos::from_millis(count)
    }

    /// Two nodes whose clocks were between 3 and 5 ms apart, 1 ms of that due to the grid; each knows the other to 2 ms.
    fn evidence() -> Evidence {
        let clock = Clock {
            algorithm: Algorithm::Free,
            without: Vec::new(),
            low: ms(3),
            high: Some(ms(5)),
            grid: ms(1),
            certain: Some(Event { pair: PAIR, at_s: 7.0, low: ms(3), high: Some(ms(5)) }),
            unbounded: None,
            truth: None,
        };
        Evidence {
            nodes: vec![NodeId(0), NodeId(1)],
            clocks: vec![clock],
            judged: Some((3.0, 9.0)),
            narrowest: Some(Narrowest { pair: PAIR, half: ms(2) }),
            ..Evidence::default()
        }
    }

    fn mutual(span: Nanos) -> Limit {
        Limit { span, distance: Distance::Mutual, what: "" }
    }

    fn against(evidence: &Evidence, span: Nanos) -> Judged {
        judge(evidence, Algorithm::Free, mutual(span))
    }

    fn doubt(evidence: &Evidence, span: Nanos) -> Doubt {
        let judged = against(evidence, span);
        assert_eq!((judged.safety, judged.margin, judged.event), (Safety::Unknown, None, None));
        judged.doubt.expect("a reason")
    }

    #[test]
    fn the_interval_decides_at_its_very_ends() {
        let evidence = evidence();
        let safe = against(&evidence, ms(5));
        assert_eq!((safe.safety, safe.margin, safe.doubt), (Safety::Safe, Some(Nanos::ZERO), None));
        assert_eq!(against(&evidence, ms(8)).margin, Some(ms(3)));
        assert_eq!(doubt(&evidence, ms(5) - Nanos(1)), Doubt::Grid);
        assert_eq!(doubt(&evidence, ms(4) - Nanos(1)), Doubt::Between);
        assert_eq!(doubt(&evidence, ms(3)), Doubt::Between);
        let bad = against(&evidence, ms(3) - Nanos(1));
        assert_eq!(bad.safety, Safety::Unsafe);
        let event = bad.event.expect("a proof");
        assert_eq!((event.pair, event.at_s, event.low, event.high), (PAIR, 7.0, ms(3), Some(ms(5))));
        assert_eq!([Safety::Safe, Safety::Unsafe, Safety::Unknown].map(Safety::exit_code), [0, 1, 4]);
    }

    #[test]
    fn half_a_round_trip_above_the_target_is_named_unless_excess_is_proved() {
        let mut evidence = evidence();
        evidence.narrowest = Some(Narrowest { pair: PAIR, half: ms(4) });
        assert_eq!(doubt(&evidence, ms(3)), Doubt::RoundTrip(PAIR, ms(4)));
        assert_eq!(doubt(&evidence, ms(4)), Doubt::Grid);
        assert_eq!(against(&evidence, ms(2)).safety, Safety::Unsafe);
    }

    #[test]
    fn a_false_assumption_takes_both_verdicts_back() {
        let mut evidence = evidence();
        evidence.contradiction = Some(("cannot all be true".to_owned(), 2));
        for span in [ms(1), ms(100)] {
            assert_eq!(doubt(&evidence, span), Doubt::Contradiction("cannot all be true".to_owned(), 2));
        }
    }

    #[test]
    fn nothing_unseen_is_safe_but_what_was_seen_is_unsafe() {
        let mut unseen = evidence();
        unseen.clocks[0].high = None;
        unseen.clocks[0].unbounded = Some((PAIR, 4.0));
        assert_eq!(doubt(&unseen, ms(100)), Doubt::Unbounded(PAIR, 4.0));
        assert_eq!(against(&unseen, ms(1)).safety, Safety::Unsafe);

        let mut missing = evidence();
        missing.missing = vec![NodeId(2)];
        assert_eq!(doubt(&missing, ms(100)), Doubt::Missing(vec![NodeId(2)]));
        assert_eq!(against(&missing, ms(1)).safety, Safety::Unsafe);

        let mut short = evidence();
        (short.judged, short.clocks[0].high, short.clocks[0].certain) = (None, None, None);
        assert_eq!(doubt(&short, ms(100)), Doubt::TooShort);

        let mut alone = evidence();
        alone.nodes.pop();
        assert_eq!(doubt(&alone, ms(100)), Doubt::Alone);
        assert_eq!(judge(&evidence(), Algorithm::System, mutual(ms(1))).doubt, Some(Doubt::Alone));

        let mut partial = evidence();
        partial.clocks[0].without = vec![NodeId(1)];
        assert_eq!(doubt(&partial, ms(1)), Doubt::NotEverywhere(vec![NodeId(1)]));
    }

    #[test]
    fn truth_counts_as_both_ends() {
        let mut evidence = evidence();
        let worst = Event { pair: PAIR, at_s: 8.5, low: ms(4), high: Some(ms(4)) };
        evidence.clocks[0].truth = Some(worst);
        // It decides where the certificate cannot, also where assumptions of the certificate are false.
        for contradiction in [None, Some((String::new(), 1))] {
            evidence.contradiction = contradiction;
            assert_eq!(against(&evidence, ms(4)).margin, Some(Nanos::ZERO));
            assert_eq!(against(&evidence, ms(4) - Nanos(1)).event, Some(worst));
        }
        evidence.missing = vec![NodeId(5)];
        assert_eq!(doubt(&evidence, ms(4)), Doubt::Missing(vec![NodeId(5)]));
    }

    #[test]
    fn a_truth_that_messages_refute_is_none() {
        let mut evidence = evidence();
        let claimed = ms(3) - READING - Nanos(1);
        evidence.clocks[0].truth = Some(Event { pair: PAIR, at_s: 8.5, low: claimed, high: Some(claimed) });
        assert_eq!(doubt(&evidence, ms(100)), Doubt::Disagreement(claimed, ms(3)));
    }

    #[test]
    fn clocks_twice_the_limit_apart_are_not_both_near_utc_and_no_agreement_shows_that_they_are() {
        let evidence = evidence();
        let of_utc = |span| judge(&evidence, Algorithm::Free, Limit { span, distance: Distance::Utc, what: "" });
        assert_eq!(of_utc(Nanos(1_499_999)).safety, Safety::Unsafe);
        assert_eq!(of_utc(Nanos(1_500_000)).doubt, Some(Doubt::NoUtc));
        assert_eq!(of_utc(ms(1_000)).doubt, Some(Doubt::NoUtc));
    }

    #[test]
    fn the_hosts_own_clock_decides_where_there_is_one() {
        let mut evidence = evidence();
        assert_eq!(usual(&evidence), Algorithm::Free);
        let system = Clock { algorithm: Algorithm::System, without: vec![NodeId(1)], ..evidence.clocks[0].clone() };
        evidence.clocks.push(system);
        assert_eq!(usual(&evidence), Algorithm::System, "also where only some hosts wrote it down");
    }
}
