//! Delivery in the total order of stamps (docs/theory.md §8; Lamport, CACM 21(7), 1978).
//!
//! Each source's messages come in the order in which they were sent, their stamps increasing. A command is stable, and
//! is delivered, once a later stamp has been seen from every other source: nothing earlier can still come. Every
//! replica therefore delivers the same sequence, whatever the interleaving of the sources. An idle source must say
//! where its clock is (a null heartbeat), or it holds all others back; so does one that crashed.
//!
//! Cost: O(sources) each time that delivery passes from one source to another, O(1) for each further command; no
//! allocation once the queues have grown. Each source's queue has a bound: whoever reads from a source asks for
//! [`TotalOrder::room`] first and stops reading while there is none.

use std::collections::VecDeque;

use super::stamp::{LATEST, Stamp};

/// A source's messages were not sent, or did not come, in the order of their stamps; or a stamp is beyond the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfOrder;

#[derive(Clone, PartialEq, Hash, Debug)]
struct Source<T> {
    queue: VecDeque<(Stamp, T)>,
    seen: Stamp,
}

impl<T> Source<T> {
    /// Nothing from this source will be delivered that is earlier.
    #[inline]
    fn horizon(&self) -> Stamp {
        self.queue.front().map_or(self.seen, |(stamp, _)| *stamp)
    }
}

/// A replica's queue of commands that are not stable yet. `T` is what is known of a command beside its stamp.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct TotalOrder<T> {
    sources: Vec<Source<T>>,
    bound: usize,
}

impl<T: Copy> TotalOrder<T> {
    /// A replica that hears `sources` sources, itself among them, and holds up to `bound` commands of each.
    pub fn new(sources: usize, bound: usize) -> Self {
        let source = || Source { queue: VecDeque::with_capacity(bound), seen: Stamp::START };
        Self { sources: std::iter::repeat_with(source).take(sources).collect(), bound }
    }

    /// How many further commands of `source` there is room for.
    #[inline]
    pub fn room(&self, source: usize) -> usize {
        self.bound.saturating_sub(self.sources[source].queue.len())
    }

    /// How many commands of `source` are waiting.
    pub fn waiting(&self, source: usize) -> usize {
        self.sources[source].queue.len()
    }

    /// A command of `source` came.
    ///
    /// # Errors
    /// Refuses a stamp that is not later than all seen from that source before, or later than [`LATEST`].
    #[inline]
    pub fn push(&mut self, source: usize, stamp: Stamp, command: T) -> Result<(), OutOfOrder> {
        let source = &mut self.sources[source];
        if stamp <= source.seen || stamp.time > LATEST {
            return Err(OutOfOrder);
        }
        source.seen = stamp;
        source.queue.push_back((stamp, command));
        Ok(())
    }

    /// `source` promised that whatever it still sends is later than `stamp`. After [`Stamp::END`] nothing comes.
    ///
    /// # Errors
    /// Refuses a stamp that is earlier than one seen from that source before.
    pub fn see(&mut self, source: usize, stamp: Stamp) -> Result<(), OutOfOrder> {
        let source = &mut self.sources[source];
        if stamp < source.seen || (stamp.time > LATEST && stamp != Stamp::END) {
            return Err(OutOfOrder);
        }
        source.seen = stamp;
        Ok(())
    }

    /// Hands every stable command to `apply`, in order, with the number of its source.
    #[inline]
    pub fn deliver(&mut self, mut apply: impl FnMut(usize, Stamp, T)) {
        while let Some((source, limit)) = self.next_run() {
            let queue = &mut self.sources[source].queue;
            while let Some(&(stamp, command)) = queue.front().filter(|(stamp, _)| *stamp < limit) {
                queue.pop_front();
                apply(source, stamp, command);
            }
        }
    }

    /// The source of the earliest command, if that is stable, and the stamp up to which its commands are.
    fn next_run(&self) -> Option<(usize, Stamp)> {
        let (mut first, mut earliest, mut limit) = (None, Stamp::END, Stamp::END);
        for (index, source) in self.sources.iter().enumerate() {
            let horizon = source.horizon();
            if horizon < earliest {
                (first, limit, earliest) = (Some(index), earliest, horizon);
            } else {
                limit = limit.min(horizon);
            }
        }
        first.filter(|index| !self.sources[*index].queue.is_empty() && earliest < limit).map(|index| (index, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use proptest::prelude::*;

    fn stamp(time: i64, node: u32) -> Stamp {
        Stamp { time, counter: 0, node: NodeId(node) }
    }

    fn stable(order: &mut TotalOrder<()>) -> Vec<i64> {
        let mut times = Vec::new();
        order.deliver(|_, stamp, ()| times.push(stamp.time));
        times
    }

    #[test]
    fn nothing_is_delivered_before_every_other_source_was_seen_later() {
        let mut order = TotalOrder::new(3, 8);
        order.push(0, stamp(10, 0), ()).unwrap();
        order.see(1, stamp(50, 1)).unwrap();
        assert_eq!(stable(&mut order), [0_i64; 0], "source 2 is silent");
        order.see(2, stamp(9, 2)).unwrap();
        assert_eq!(stable(&mut order), [0_i64; 0], "9 is not later");
        order.see(2, stamp(10, 2)).unwrap();
        assert_eq!(stable(&mut order), [10], "the node breaks the tie");
        order.push(0, stamp(60, 0), ()).unwrap();
        order.see(1, Stamp::END).unwrap();
        order.see(2, Stamp::END).unwrap();
        assert_eq!(stable(&mut order), [60], "whoever is done holds nobody back");
    }

    #[test]
    fn the_bound_says_when_to_stop_reading() {
        let mut order = TotalOrder::new(2, 2);
        order.push(0, stamp(1, 0), ()).unwrap();
        order.push(0, stamp(2, 0), ()).unwrap();
        assert_eq!((order.room(0), order.room(1), order.waiting(0)), (0, 2, 2));
    }

    #[test]
    fn stamps_that_do_not_increase_are_refused() {
        let mut order = TotalOrder::new(2, 8);
        order.push(0, stamp(5, 0), ()).unwrap();
        assert_eq!(order.push(0, stamp(5, 0), ()), Err(OutOfOrder));
        assert_eq!(order.see(0, stamp(4, 0)), Err(OutOfOrder));
        assert_eq!(order.push(0, stamp(LATEST + 1, 0), ()), Err(OutOfOrder));
        assert_eq!(order.see(0, stamp(LATEST + 1, 0)), Err(OutOfOrder));
        assert_eq!(order.see(0, stamp(5, 0)), Ok(()), "a heartbeat may repeat itself");
    }

    /// Sends the streams' commands in the order that `picks` gives and returns what is delivered.
    fn replica(streams: &[Vec<Stamp>], picks: &[usize]) -> Vec<Stamp> {
        let mut order = TotalOrder::new(streams.len(), usize::from(u8::MAX));
        let (mut next, mut delivered) = (vec![0; streams.len()], Vec::new());
        let rest = (0..streams.len()).flat_map(|source| std::iter::repeat_n(source, 300));
        for source in picks.iter().copied().map(|pick| pick % streams.len()).chain(rest) {
            match streams[source].get(next[source]) {
                // A refused message is lost, as it would be to a replica that had already delivered a later one.
                Some(stamp) => drop(order.push(source, *stamp, ())),
                None => order.see(source, Stamp::END).unwrap(),
            }
            next[source] += 1;
            order.deliver(|_, stamp, ()| delivered.push(stamp));
        }
        delivered
    }

    fn streams() -> impl Strategy<Value = Vec<Vec<Stamp>>> {
        let gaps = prop::collection::vec(1..20_i64, 0..60);
        prop::collection::vec(gaps, 2..5).prop_map(|nodes| {
            let stream = |(node, gaps): (usize, Vec<i64>)| {
                let times = gaps.into_iter().scan(0, |time, gap| {
                    *time += gap;
                    Some(*time)
                });
                times.map(|time| stamp(time, node as u32)).collect()
            };
            nodes.into_iter().enumerate().map(stream).collect()
        })
    }

    proptest! {
        #[test]
        fn every_interleaving_of_fifo_streams_gives_the_same_order(
            streams in streams(), picks in prop::collection::vec(0..12_usize, 0..300),
        ) {
            let mut expected: Vec<Stamp> = streams.concat();
            expected.sort_unstable();
            prop_assert_eq!(replica(&streams, &picks), expected);
        }
    }

    /// The negative control: two messages of one source change places on the way.
    #[test]
    fn without_fifo_replicas_disagree() {
        let sent = vec![vec![stamp(10, 0), stamp(30, 0)], vec![stamp(20, 1), stamp(40, 1)]];
        let overtaken = vec![vec![stamp(30, 0), stamp(10, 0)], sent[1].clone()];
        let picks = [0, 1, 0, 1];
        assert_eq!(replica(&sent, &picks).iter().map(|s| s.time).collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert_ne!(replica(&overtaken, &picks), replica(&sent, &picks));
    }

    const MS: i64 = 1_000_000;

    /// Latency in ns at replica 0 of a command that node 1 issues at time zero, in virtual time of 10 us a step. The
    /// clocks of nodes 0 and 1 agree; that of node 2 is `ahead` ns ahead and it sends a null heartbeat every 20 ms, one
    /// of them at `phase`. Every message takes 5 ms.
    fn latency_ns(ahead: i64, phase: i64) -> i64 {
        let (delay, period, command) = (5 * MS, 20 * MS, stamp(0, 1));
        let mut order = TotalOrder::new(3, 8);
        let mut delivered_at = None;
        for now in (-100 * MS..200 * MS).step_by(10_000) {
            if now == delay {
                order.push(1, command, ()).unwrap();
            }
            if (now - delay - phase).rem_euclid(period) == 0 {
                order.see(2, stamp(now - delay + ahead, 2)).unwrap();
            }
            order.see(0, stamp(now, 0)).unwrap();
            order.deliver(|_, _, ()| delivered_at = Some(now));
            if let Some(at) = delivered_at {
                return at;
            }
        }
        unreachable!("heartbeats go on");
    }

    #[test]
    fn the_latency_is_the_longest_wait_for_any_clock_to_pass() {
        assert_eq!(latency_ns(50 * MS, 3 * MS), 5 * MS, "h = 20 ms, nu = 5 ms, C_j 50 ms ahead");
        for (ahead, phase) in [(-50_i64, 3_i64), (-50, 17), (-7, 0), (0, 11), (12, 4), (50, 19)] {
            let passes = -ahead;
            let wait = (phase - passes).rem_euclid(20);
            let formula = 5.max(passes + wait + 5).max(0);
            let found = latency_ns(ahead * MS, phase * MS);
            assert_eq!(found, formula * MS, "{ahead} ms ahead, heartbeat at {phase} ms");
        }
    }
}
