//! Byzantine generals on hosts that share no clock: what each obeyed its own trace says, and rounds are told apart by the
//! generals' clocks themselves.

use super::super::Terms;
use super::super::generals::{Battle, War, agreed};
use super::heard::{Heard, all};
use super::proved::Proved;
use super::{Bearings, Judged, Trace};
use crate::workload::byzantine::{Event, check};

/// What the battles came to, each a scene.
pub(super) fn byzantine(scenes: &[Vec<Option<Trace>>], terms: &Terms, bearings: &Bearings) -> Judged {
    let agreed = agreed(terms);
    let mut war = War::new(agreed);
    let (mut lacks, mut proved) = (Vec::new(), Proved::default());
    for (traces, number) in scenes.iter().zip(0_u64..) {
        let heard: Heard<Event> = Heard::of(traces, terms);
        let battle = Battle::draw(terms, number);
        war.add(heard.log.messages(), check(&heard.log, &battle.loyal(agreed.generals), battle.order));
        lacks.push(heard.lacks());
        proved = proved.and(Proved::of(&heard, bearings));
    }
    proved.tell(terms, all(&lacks).conclude(war.row()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged};
    use super::*;
    use crate::trial::{Workload, testing};
    use crate::workload::byzantine::Order;

    #[test]
    fn a_loyal_lieutenant_that_does_not_obey_is_found() {
        let terms = Terms { nodes: 4, ..testing::TERMS };
        let battle = Battle::draw(&terms, 0);
        let other = if battle.order == Order::Attack { Order::Retreat } else { Order::Attack };
        let generals = |obeyed: [Order; 4]| {
            let general = |(node, order): (u32, Order)| {
                let mut host = Host::new(node);
                host.event(i64::from(node) * 3_600_000_000_000, Event::Decided(order));
                host
            };
            (0..).zip(obeyed).map(general).collect::<Vec<Host<Event>>>()
        };
        let broken = |obeyed: [Order; 4]| judged(Workload::Byzantine, &[&generals(obeyed)], &terms).row;
        let loyal = broken([battle.order; 4]);
        assert_eq!((loyal.operations, loyal.broken()), (1, 0), "{loyal:?}");
        let mut obeyed = [battle.order; 4];
        let disloyal = battle.loyal(4).into_iter().find(|node| node.0 > 0).unwrap();
        obeyed[disloyal.0 as usize] = other;
        assert!(broken(obeyed).broken() > 0);
    }
}
