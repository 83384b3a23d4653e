//! One arc of a declared network: what happens to each message on it, as a function of (seed, arc, message, time). Nothing
//! is remembered between messages, so that no message shifts what another one meets.

use super::jitter::{Bursts, Jitter};
use super::queue::Queue;
use super::rng::{Purpose, Rng};
use crate::ids::Arc;
use crate::time::Nanos;

/// A declared arc.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// What its draws come from.
    pub stream: u64,
    /// Minimum delay.
    pub delay: Nanos,
    /// What is added to it.
    pub jitter: Jitter,
    /// When still more is added.
    pub bursts: Option<Bursts>,
    /// What messages wait behind.
    pub queue: Option<Queue>,
    /// Share of copies that are lost, 0 to 1.
    pub loss: f64,
    /// Share of messages of which a second copy is under way, 0 to 1.
    pub duplication: f64,
    /// From when on the minimum delay is another, in order.
    pub routes: Vec<(Nanos, Nanos)>,
    /// When everything that is sent is lost: from, until.
    pub cuts: Vec<(Nanos, Nanos)>,
    /// When more is lost, if it is more: from, until, share of copies.
    pub losses: Vec<(Nanos, Nanos, f64)>,
}

impl Path {
    /// An arc with a constant delay and nothing else.
    pub fn new(seed: u64, arc: Arc, delay: Nanos) -> Self {
        let id = (u64::from(arc.from.0) << 32) | u64::from(arc.to.0);
        Self {
            stream: Rng::stream(seed, Purpose::Link, id).next(),
            delay,
            jitter: Jitter::Constant { span: Nanos::ZERO },
            bursts: None,
            queue: None,
            loss: 0.0,
            duplication: 0.0,
            routes: Vec::new(),
            cuts: Vec::new(),
            losses: Vec::new(),
        }
    }

    /// The stream of `purpose` for message `id` on this arc.
    pub const fn draws(&self, purpose: Purpose, id: u64) -> Rng {
        Rng::stream(self.stream, purpose, id)
    }

    /// The delays of the copies of message `id` that arrive, if it is sent `after` the run's start.
    pub fn deliveries(&self, id: u64, after: Nanos) -> impl Iterator<Item = Nanos> + use<> {
        self.fates(self.stream, id, after).into_iter().flatten()
    }

    /// The same for an arc that differs from this one in its stream only: the delays of the message and of its second
    /// copy, where they arrive.
    #[inline]
    pub fn fates(&self, stream: u64, id: u64, after: Nanos) -> [Option<Nanos>; 2] {
        let mut rng = Rng::stream(stream, Purpose::Link, id);
        let doubled = happens(&mut rng, self.duplication);
        let cut = self.cuts.iter().any(|(from, until)| (*from..*until).contains(&after));
        let loss = self.loss_at(after);
        let crowd = self.bursts.map_or(Nanos::ZERO, |bursts| bursts.at(stream, after));
        let base = self.minimum(after) + crowd + self.queue.map_or(Nanos::ZERO, |queue| queue.wait(stream, after));
        let mut fate = || {
            let lost = happens(&mut rng, loss);
            let delay = base + self.jitter.draw(&mut rng);
            (!lost && !cut).then_some(delay)
        };
        let first = fate();
        [first, if doubled { fate() } else { None }]
    }

    /// The delay of message `id` on a connection that is kept up: nothing is lost or doubled, and what is sent during a cut
    /// leaves when that is over. What resending takes beside is not modelled.
    pub fn held(&self, id: u64, after: Nanos) -> Nanos {
        let mut leaves = after;
        while let Some((_, until)) = self.cuts.iter().find(|(from, until)| (*from..*until).contains(&leaves)) {
            leaves = *until;
        }
        let mut rng = Rng::stream(self.stream, Purpose::Link, id);
        let bursts = self.bursts.map_or(Nanos::ZERO, |bursts| bursts.at(self.stream, leaves));
        (leaves - after) + self.minimum(leaves) + bursts + self.jitter.draw(&mut rng)
    }

    /// The share of copies that is lost of what is sent `after` the run's start.
    fn loss_at(&self, after: Nanos) -> f64 {
        let raised = self.losses.iter().filter(|(from, until, _)| (*from..*until).contains(&after));
        raised.map(|(.., share)| *share).fold(self.loss, f64::max)
    }

    /// The minimum delay of a message sent `after` the run's start.
    pub fn minimum(&self, after: Nanos) -> Nanos {
        let taken = self.routes.iter().take_while(|(from, _)| *from <= after);
        taken.last().map_or(self.delay, |(_, delay)| *delay)
    }

    /// The smallest delay that the arc can ever have.
    pub fn least(&self) -> Nanos {
        self.routes.iter().map(|(_, delay)| *delay).fold(self.delay, Nanos::min)
    }
}

/// Whether something happens whose share is `share`: one number is drawn, though none is looked at where it never does.
#[inline]
fn happens(rng: &mut Rng, share: f64) -> bool {
    if share <= 0.0 {
        rng.skip();
        return false;
    }
    rng.unit() < share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    fn path() -> Path {
        Path::new(9, Arc { from: NodeId(1), to: NodeId(2) }, Nanos(1_000))
    }

    #[test]
    fn copies_are_lost_and_doubled_in_the_declared_shares() {
        let path = Path { loss: 0.25, duplication: 0.5, ..path() };
        let arrived: usize = (0..20_000).map(|id| path.deliveries(id, Nanos(0)).count()).sum();
        assert!((arrived as f64 / 20_000.0 - 1.5 * 0.75).abs() < 0.02, "{arrived}");
    }

    #[test]
    fn routes_change_and_cuts_cut_when_they_say() {
        let path = Path { routes: vec![(Nanos(10), Nanos(500))], cuts: vec![(Nanos(20), Nanos(30))], ..path() };
        let at = |after| path.deliveries(1, Nanos(after)).next();
        assert_eq!([at(9), at(10), at(20), at(30)], [Some(Nanos(1_000)), Some(Nanos(500)), None, Some(Nanos(500))]);
        assert_eq!(path.least(), Nanos(500));
    }

    #[test]
    fn a_connection_loses_nothing_and_waits_for_cuts() {
        let cuts = vec![(Nanos(20), Nanos(30)), (Nanos(30), Nanos(50))];
        let path = Path { cuts, loss: 0.9, duplication: 0.9, routes: vec![(Nanos(40), Nanos(500))], ..path() };
        assert_eq!([19, 20, 35, 50].map(|after| path.held(7, Nanos(after)).0), [1_000, 530, 515, 500]);
    }

    #[test]
    fn more_is_lost_while_more_is_lost() {
        let path = Path { losses: vec![(Nanos(10), Nanos(20), 0.33)], loss: 0.1, ..path() };
        let lost = |after| (0..20_000).filter(|id| path.deliveries(*id, Nanos(after)).next().is_none()).count();
        for (after, share) in [(9, 0.1), (10, 0.33), (19, 0.33), (20, 0.1)] {
            assert!((lost(after) as f64 / 20_000.0 - share).abs() < 0.015, "{after}: {}", lost(after));
        }
    }

    #[test]
    fn a_message_meets_the_same_whatever_else_is_sent() {
        let path = Path { jitter: Jitter::Exponential { mean: Nanos(700) }, duplication: 0.3, ..path() };
        let all: Vec<Vec<Nanos>> = (0..50).map(|id| path.deliveries(id, Nanos(0)).collect()).collect();
        assert_eq!(path.deliveries(33, Nanos(0)).collect::<Vec<_>>(), all[33]);
    }
}
