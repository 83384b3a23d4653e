//! How evenly a resource that everybody wants goes round, and how evenly it must.
//!
//! Jain's index of the shares x of n processes (Jain, Chiu & Hawe, DEC-TR-301, 1984) is (Σx)²/(n·Σx²): 1 if all are equal, 1/n
//! if one has everything.
//!
//! What is predicted follows from grants in the order of stamps. While j waits for its grant, i is granted what it requested
//! before, and whatever it requests until then with an earlier stamp: [`turns`].

use crate::ids::NodeId;
use crate::time::Nanos;

/// Jain's index of `shares`, without unit; not a number if nobody has any.
pub fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

/// The most grants of one process between a request of another, made on releasing the resource, and its grant: the one that it
/// waits for itself, and those of requests that it can still make with an earlier stamp. Such ones are made within `window`
/// after the other's request: the first no sooner than `first`, each further one no sooner than `cycle` after the one before.
pub fn turns(window: Nanos, first: Nanos, cycle: Nanos) -> u64 {
    if window < first { 1 } else { 2 + ((window - first).0 / cycle.0.max(1)).unsigned_abs() }
}

/// The least that Jain's index can be of `grants` among `processes`, if between two grants of one process none of the others
/// has more than `turns`. With one turn each this is exact, and the index as well: the grants are q = ⌊m/n⌋ rounds and r
/// more, so that the index is m²/(m² + r(n − r)).
///
/// With more, the largest share h is at most turns·(a + 1), a being the least one. Σx² is convex, so that the index is least
/// where every share is one of both: so many have h, and all others a.
pub fn least_jain(grants: u64, processes: u32, turns: u64) -> f64 {
    let (m, n, b) = (grants as f64, f64::from(processes), turns as f64);
    if turns <= 1 {
        let r = (grants % u64::from(processes.max(1))) as f64;
        return m * m / (m * m + r * (n - r));
    }
    let with = |many: u32| {
        let k = f64::from(many);
        let least = (m - k * b) / (k * b + n - k);
        let most = b * (least + 1.0);
        // Of too few grants one process may have all.
        if least < 0.0 { n.recip() } else { m * m / (n * (k * most * most + (n - k) * least * least)) }
    };
    (1..processes).map(with).fold(1.0, f64::min)
}

/// One process as its users and its grants show it.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// Demands that are not granted yet.
    wanted: u64,
    /// Grants while everybody wanted the resource.
    share: u64,
    /// Whether it wanted the resource again when it last released it.
    again: bool,
    /// All grants when it made the request under way, if it made it as it released the resource.
    since: Option<u64>,
}

/// Counts whose turn it was.
#[derive(Clone)]
pub struct Turns {
    of: Vec<Turn>,
    grants: u64,
    bypasses: Option<u64>,
}

impl Turns {
    /// Of `nodes` processes.
    pub fn new(nodes: u32) -> Self {
        Self { of: vec![Turn::default(); nodes as usize], grants: 0, bypasses: None }
    }

    /// A user of `node` wants the resource.
    pub fn want(&mut self, node: NodeId) {
        self.of[node.0 as usize].wanted += 1;
    }

    /// `node` asks for it.
    pub fn request(&mut self, node: NodeId) {
        let turn = &mut self.of[node.0 as usize];
        turn.since = turn.again.then_some(self.grants);
    }

    /// `node` holds it.
    pub fn grant(&mut self, node: NodeId) {
        let all_want = self.of.iter().all(|turn| turn.wanted > 0);
        let turn = &mut self.of[node.0 as usize];
        turn.share += u64::from(all_want);
        turn.wanted = turn.wanted.saturating_sub(1);
        self.bypasses = self.bypasses.max(turn.since.take().map(|since| self.grants - since));
        self.grants += 1;
    }

    /// `node` holds it no more.
    pub fn release(&mut self, node: NodeId) {
        let turn = &mut self.of[node.0 as usize];
        turn.again = turn.wanted > 0;
    }

    /// Grants of each process while everybody wanted the resource.
    pub fn shares(&self) -> Vec<u64> {
        self.of.iter().map(|turn| turn.share).collect()
    }

    /// The most grants of others between a request, made on releasing the resource, and its grant, or until now if that has
    /// not come. None without such a request.
    pub fn bypasses(&self) -> Option<u64> {
        self.of.iter().filter_map(|turn| turn.since).map(|since| self.grants - since).max().max(self.bypasses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of grants in this order while all of `nodes` always want more.
    fn granted(nodes: u32, order: &[u32]) -> (Vec<u64>, Option<u64>) {
        let mut turns = Turns::new(nodes);
        for node in (0..nodes).map(NodeId) {
            order.iter().for_each(|_| turns.want(node));
            turns.request(node);
        }
        for node in order.iter().map(|node| NodeId(*node)) {
            turns.grant(node);
            turns.release(node);
            turns.request(node);
        }
        (turns.shares(), turns.bypasses())
    }

    #[test]
    fn jains_index_is_one_for_equals_and_one_of_n_for_one_alone() {
        assert_eq!([jain(&[5, 5, 5, 5]), jain(&[7, 0, 0, 0])], [1.0, 0.25]);
        // Jain, Chiu & Hawe: of k who share equally among n it is k/n.
        assert_eq!(jain(&[3, 3, 0]), 2.0 / 3.0);
        assert!(jain(&[0, 0]).is_nan());
    }

    #[test]
    fn rounds_are_fair_and_every_other_order_is_seen_as_what_it_is() {
        let (shares, bypasses) = granted(3, &[0, 1, 2, 0, 1, 2, 0]);
        assert_eq!((shares.as_slice(), bypasses), (&[3, 2, 2][..], Some(2)));
        assert_eq!(jain(&shares), least_jain(7, 3, 1));
        // Process 0 always goes first again.
        let (shares, bypasses) = granted(3, &[0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0]);
        assert_eq!((shares.as_slice(), bypasses), (&[6, 3, 2][..], Some(3)));
        assert!(jain(&shares) < 0.83 && least_jain(11, 3, 1) > 0.98);
        // One is starved: its request is never granted, and the index tells.
        assert_eq!(granted(2, &[0, 1, 0, 0, 0]), (vec![4, 1], Some(3)));
    }

    #[test]
    fn only_what_is_granted_while_all_want_it_is_a_share() {
        let mut turns = Turns::new(2);
        turns.want(NodeId(0));
        turns.grant(NodeId(0));
        assert_eq!(turns.shares(), [0, 0], "the other one did not want it");
        [0, 0, 1].into_iter().for_each(|node| turns.want(NodeId(node)));
        [1, 0, 0].into_iter().for_each(|node| turns.grant(NodeId(node)));
        assert_eq!((turns.shares(), turns.bypasses()), (vec![0, 1], None), "and then it wanted no more");
    }

    /// Every way to share so many grants.
    fn ways(grants: u64, processes: u32) -> Vec<Vec<u64>> {
        if processes == 1 {
            return vec![vec![grants]];
        }
        let with = |own: u64| ways(grants - own, processes - 1).into_iter().map(move |rest| [vec![own], rest].concat());
        (0..=grants).flat_map(with).collect()
    }

    #[test]
    fn no_shares_that_turns_allow_are_less_fair_than_the_least_index() {
        for (grants, processes) in [(7, 3), (12, 3), (13, 2), (10, 4), (4, 4), (30, 3)] {
            for turns in 1..=4 {
                let allowed = |shares: &&Vec<u64>| {
                    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
                    *most <= turns * (least + 1)
                };
                let all = ways(grants, processes);
                let worst = all.iter().filter(allowed).map(|shares| jain(shares)).fold(f64::INFINITY, f64::min);
                let bound = least_jain(grants, processes, turns);
                assert!(bound <= worst + 1e-12, "{grants} of {processes} by {turns}: {bound} {worst}");
                assert!(turns > 1 || (bound - worst).abs() < 1e-12, "{grants} of {processes}: {bound} {worst}");
                assert!(grants < 30 || worst - bound < 0.06, "{grants} of {processes} by {turns}: {bound} {worst}");
            }
        }
    }

    #[test]
    fn a_process_is_let_in_again_for_every_cycle_that_fits_the_window() {
        let [hold, delay] = [1, 5].map(Nanos::from_millis);
        let of = |window| turns(Nanos::from_millis(window), delay + hold, hold);
        assert_eq!([0, 5, 6, 7, 12, 60].map(of), [1, 1, 2, 3, 8, 56]);
        assert_eq!(turns(Nanos(9), Nanos(9), Nanos::ZERO), 2, "no cycle is shorter than a nanosecond");
    }
}
