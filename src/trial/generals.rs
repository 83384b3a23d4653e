//! Byzantine generals: many battles, each with one traitor of drawn conduct.

use super::stage::{Delivery, SETTING_UP, Scene, Stage};
use super::terms::{Premise, Terms};
use crate::ids::NodeId;
use crate::model::{Purpose, Rng};
use crate::time::{Nanos, Time};
use crate::workload::byzantine::{self, Conduct, Findings, General, Order, Scheme, oral_messages};
use crate::workload::{Check, Row};

/// No more battles than this.
const MOST: u64 = 2_000;

/// Oral messages where there are enough generals for one traitor, signed ones otherwise.
pub fn byzantine(stage: &mut impl Stage, terms: &Terms) -> Row {
    let generals = if terms.premise == Premise::Broken { 3 } else { terms.nodes };
    let scheme = if generals > 3 || terms.premise == Premise::Broken { Scheme::Oral } else { Scheme::Signed };
    let round = byzantine::round(terms.longest_delay(), terms.declared, 0);
    let wanted = ((terms.rate * terms.span.as_seconds()) as u64).clamp(1, MOST);
    // Battles are all that there is: they have the time of four side scenes.
    let battles = stage.fits(terms, wanted, (round.times(3) + terms.eps.times(2) + SETTING_UP).over(4));
    let (mut messages, mut decided, mut sum) = (0, 0, [0_u64; 3]);
    for battle in 0..battles {
        let mut rng = Rng::stream(terms.seed, Purpose::Users, battle);
        let order = if rng.below(2) == 0 { Order::Attack } else { Order::Retreat };
        let traitor = (NodeId(rng.below(u64::from(generals)) as u32), rng.next());
        let world = Terms { nodes: generals, seed: rng.next(), ..*terms };
        let agreed = byzantine::Terms { generals, traitors: 1, scheme, start: Time::ZERO, round };
        let (sent, found) = fight(stage, &world, agreed, order, traitor);
        messages += sent;
        decided += u64::from(found.decided == u64::from(generals) - 1);
        let broken = [u64::from(found.ic1), u64::from(found.ic2), found.wrong_round];
        sum.iter_mut().zip(broken).for_each(|(sum, broken)| *sum += broken);
    }
    let per_battle = messages as f64 / battles as f64;
    let predicted = oral_messages(generals, 1) as f64;
    Row {
        operations: decided,
        operation: "battles",
        messages: Some(messages),
        latency: None,
        violations: vec![
            ("IC1: loyal lieutenants disagree", sum[0]),
            ("IC2: a loyal commander is not obeyed", sum[1]),
            ("messages after their round", sum[2]),
        ],
        unfinished: vec![("battles in which not every loyal general decided", battles - decided)],
        checks: vec![match scheme {
            Scheme::Oral => Check::about("messages per battle", per_battle, predicted),
            // A traitorous commander may give everybody both orders, and everybody passes both on.
            Scheme::Signed => Check::at_most("messages per battle", per_battle, 2.0 * predicted),
        }],
    }
}

/// One battle, which begins when every clock has passed the scene's beginning: messages sent, and what came of it.
pub fn fight(
    stage: &mut impl Stage,
    terms: &Terms,
    agreed: byzantine::Terms,
    order: Order,
    traitor: (NodeId, u64),
) -> (u64, Findings) {
    let conduct = |me| if me == traitor.0 { Conduct::Traitor(traitor.1) } else { Conduct::Loyal };
    let general = |me, base| {
        let agreed = byzantine::Terms { start: base + terms.eps, ..agreed };
        General::new(me, agreed, conduct(me), order)
    };
    let rounds = agreed.round.times(i64::from(agreed.traitors) + 3);
    let end = Time::ZERO + rounds + terms.eps.times(3) + terms.longest_delay() + Nanos(1);
    let log = stage.play(terms, Scene::new(&general, Vec::new(), end, Delivery::Unordered));
    let loyal: Vec<NodeId> = terms.names().filter(|me| *me != traitor.0).collect();
    (log.messages(), byzantine::check(&log, &loyal, order))
}
