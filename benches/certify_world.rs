//! A regular graph of nodes that probe each other ten times a second, as messages without journals.

use skewbench::certify::Message;
use skewbench::ids::{Arc, NodeId};
use skewbench::model::{Purpose, Rng};
use skewbench::time::{Local, Ppb, Time};

/// The limit on every clock's rate.
pub const KAPPA: Ppb = Ppb(50_000);
const SECOND: i64 = 1_000_000_000;

/// Nodes in a circle, each linked to the `degree` nearest others.
#[derive(Clone, Copy)]
pub struct World {
    pub nodes: u32,
    pub degree: u32,
    pub seconds: i64,
    /// Delays are 100 us and up to this more.
    pub jitter_ns: u64,
}

impl World {
    /// What a clock shows at a true time: offsets by the second, rates within kappa.
    pub fn local(&self, node: u32, at: i64) -> Time<Local> {
        let drift = i64::from(node * 7_919 % 100_001) - 50_000;
        Time::from_nanos(
            i64::from(node) * SECOND + at + (i128::from(at) * i128::from(drift)).div_euclid(1_000_000_000) as i64,
        )
    }

    pub fn reading(&self, node: u32, second: i64) -> Time<Local> {
        self.local(node, second * SECOND)
    }

    /// Each node asks each neighbour every 100 ms and is answered at once.
    pub fn messages(&self) -> Vec<(Arc, Message)> {
        let mut messages = Vec::new();
        for from in 0..self.nodes {
            for step in 1..=self.degree {
                let by = if step % 2 == 1 { step.div_ceil(2) } else { self.nodes - step / 2 };
                self.probe(from, (from + by) % self.nodes, &mut messages);
            }
        }
        messages
    }

    fn probe(&self, from: u32, to: u32, messages: &mut Vec<(Arc, Message)>) {
        let mut rng = Rng::stream(1, Purpose::Link, u64::from(from) << 32 | u64::from(to));
        let phase = rng.below(100_000_000) as i64;
        let mut delay = || 100_000 + rng.below(self.jitter_ns + 1) as i64;
        let arc = Arc { from: NodeId(from), to: NodeId(to) };
        for turn in 0..self.seconds * 10 {
            let sent = phase + turn * 100_000_000;
            let asked = sent + delay();
            let answered = asked + 5_000 + delay();
            // Requests and replies of both ends share an arc's numbers in a journal; here they are told apart by parity.
            let (request, reply) = (2 * turn as u64, 2 * turn as u64 + 1);
            let message = |sequence, sent, received| Message { sent, received, sequence };
            messages.push((arc, message(request, self.local(from, sent), self.local(to, asked))));
            messages.push((arc.reversed(), message(reply, self.local(to, asked + 5_000), self.local(from, answered))));
        }
    }
}
