//! What traces and certified bearings prove of the clocks that processes read and of the messages between them: never more
//! than was so.

use super::super::Terms;
use super::super::figure::ms;
use super::heard::Heard;
use super::{Bearings, Judged};
use crate::ids::NodeId;
use crate::time::{Local, Nanos, Synced, Time};
use crate::workload::{Check, What};

/// Lower bounds; none where nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Proved {
    /// How far apart two processes' clocks were at one instant.
    eps: Option<Nanos>,
    /// How long a message took.
    delay: Option<Nanos>,
}

/// What the clock of a process showed, by its host's clock.
type Readings = Vec<(Time<Local>, Time<Synced>)>;

impl Proved {
    /// What one scene proves.
    pub(super) fn of<E>(heard: &Heard<E>, bearings: &Bearings) -> Self {
        if bearings.is_empty() {
            return Self::default();
        }
        Self { eps: eps(heard, bearings), delay: delay(heard, bearings) }
    }

    /// What two scenes prove.
    pub(super) fn and(self, other: Self) -> Self {
        Self { eps: self.eps.max(other.eps), delay: self.delay.max(other.delay) }
    }

    /// Says so beside what was declared.
    pub(super) fn tell(self, terms: &Terms, mut judged: Judged) -> Judged {
        let Judged { row, premises } = &mut judged;
        if let Some(eps) = self.eps {
            let declared = terms.believed();
            row.checks.push(Check::at_most("eps that stamps prove, ms", ms(eps), ms(declared)));
            if eps > declared {
                premises.push(format!("clocks were at least {eps} apart, {declared} were declared"));
            }
        }
        let declared = terms.longest_delay();
        if let Some(delay) = self.delay.filter(|delay| *delay > declared) {
            premises.push(format!("a message took at least {delay}, {declared} were declared"));
        }
        judged
    }
}

/// While one process's clock showed something, another one's showed no less than at its last entry that was surely before, and
/// no more than at its first that was surely after: clocks of processes never go back.
fn eps<E>(heard: &Heard<E>, bearings: &Bearings) -> Option<Nanos> {
    let mut readings: Vec<Readings> = vec![Vec::new(); heard.log.nodes as usize];
    for entry in &heard.log.entries {
        let (node, at) = heard.instant(entry)?;
        readings[node.0 as usize].push((at, entry.reading));
    }
    let mut most = None;
    for (node, own) in (0..).map(NodeId).zip(&readings) {
        for (other, shown) in (0..).map(NodeId).zip(&readings).filter(|(other, _)| *other != node) {
            for (at, reading) in own {
                let Some((low, high)) = bearings.reading(other, (node, *at)) else { continue };
                let before = shown.partition_point(|(at, _)| *at <= low).checked_sub(1).map(|place| shown[place].1);
                let after = shown.get(shown.partition_point(|(at, _)| *at < high)).map(|(_, reading)| *reading);
                let apart = [before.map(|before| before - *reading), after.map(|after| *reading - after)];
                most = apart.into_iter().flatten().fold(most, |most, apart| most.max(Some(apart.max(Nanos::ZERO))));
            }
        }
    }
    most
}

fn delay<E>(heard: &Heard<E>, bearings: &Bearings) -> Option<Nanos> {
    let (mut under_way, mut most) = (std::collections::BTreeMap::new(), None);
    for entry in &heard.log.entries {
        match entry.what {
            What::Sent { message, .. } => drop(under_way.insert(message, heard.instant(entry)?)),
            What::Received { message, .. } => {
                let (sent, got) = (under_way.remove(&message), heard.instant(entry)?);
                let took = sent.and_then(|sent| bearings.gap(sent, got)).map(|(least, _)| least);
                most = most.max(took);
            }
            What::Commanded { .. } | What::Event(_) => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged_by};
    use super::super::{Bearings, Sight};
    use super::*;
    use crate::order::Stamp;
    use crate::time::Ppb;
    use crate::trial::{Workload, testing};
    use crate::workload::restart::Event;

    /// Host 1's clock, which its process shows as it is, is `ahead` ns ahead of host 0's: known to 10 ns either way.
    fn told(ahead: i64, took: i64) -> Judged {
        let mut one = Host::new(0);
        let wrote = |time| Event::Wrote(Stamp { time, counter: 0, node: NodeId(0) });
        for turn in 0..10 {
            one.event(turn * 100, wrote(turn));
        }
        one.sent(900, 1, 0);
        let mut two = Host::new(1);
        for turn in 0..10 {
            two.event(ahead + 50 + turn * 100, wrote(turn));
        }
        two.received(ahead + 900 + took, 0, 0);
        let sight = Sight { own: Time::ZERO, low: Time::from_nanos(ahead - 10), high: Time::from_nanos(ahead + 10) };
        let kappas = [(NodeId(0), Ppb(0)), (NodeId(1), Ppb(0))].into();
        let bearings = Bearings::new(kappas, [(NodeId(0), NodeId(1), sight)]);
        let terms = Terms { declared: Nanos(5_000), delay: Nanos(1_000), ..testing::TERMS };
        judged_by(Workload::Restart, &[&[one, two]], &terms, &bearings)
    }

    #[test]
    fn clocks_that_were_further_apart_than_declared_and_messages_that_took_longer_are_told() {
        let fine = told(4_000, 100);
        assert_eq!(fine.premises, [] as [&str; 0]);
        let proved = fine.row.check("eps that stamps prove, ms").expect("a bound").measured;
        assert!((3_800e-6..=4_000e-6).contains(&proved), "what is between two entries is not known: {proved}");
        let apart = told(6_000, 100);
        assert!(apart.premises[0].starts_with("clocks were at least 5.9"), "{:?}", apart.premises);
        let slow = told(0, 2_000);
        assert!(slow.premises[0].starts_with("a message took at least 1.9"), "{:?}", slow.premises);
    }
}
