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
    let agreed = agreed(terms);
    let wanted = ((terms.rate * terms.span.as_seconds()) as u64).clamp(1, MOST);
    // Battles are all that there is: they have the time of four side scenes.
    let battles = stage.fits(terms, wanted, (agreed.round.times(3) + terms.eps.times(2) + SETTING_UP).over(4));
    let mut war = War::new(agreed);
    for number in 0..battles {
        let Battle { order, traitor, seed } = Battle::draw(terms, number);
        let world = Terms { nodes: agreed.generals, seed, ..*terms };
        let (sent, found) = fight(stage, &world, agreed, order, traitor);
        war.add(sent, found);
    }
    war.row()
}

/// What the generals agree on: one traitor is survived.
pub(super) fn agreed(terms: &Terms) -> byzantine::Terms {
    let generals = if terms.premise == Premise::Broken { 3 } else { terms.nodes };
    let scheme = if generals > 3 || terms.premise == Premise::Broken { Scheme::Oral } else { Scheme::Signed };
    let round = byzantine::round(terms.longest_delay(), terms.declared, 0);
    byzantine::Terms { generals, traitors: 1, scheme, start: Time::ZERO, round }
}

/// What is drawn of a battle.
pub(super) struct Battle {
    /// The commander's order.
    pub(super) order: Order,
    /// Who betrays, and how.
    pub(super) traitor: (NodeId, u64),
    seed: u64,
}

impl Battle {
    pub(super) fn draw(terms: &Terms, number: u64) -> Self {
        let mut rng = Rng::stream(terms.seed, Purpose::Users, number);
        let order = if rng.below(2) == 0 { Order::Attack } else { Order::Retreat };
        let traitor = (NodeId(rng.below(u64::from(agreed(terms).generals)) as u32), rng.next());
        Self { order, traitor, seed: rng.next() }
    }

    /// All but the traitor.
    pub(super) fn loyal(&self, generals: u32) -> Vec<NodeId> {
        (0..generals).map(NodeId).filter(|me| *me != self.traitor.0).collect()
    }
}

/// What many battles came to.
pub(super) struct War {
    agreed: byzantine::Terms,
    battles: u64,
    messages: u64,
    decided: u64,
    broken: [u64; 3],
}

impl War {
    pub(super) const fn new(agreed: byzantine::Terms) -> Self {
        Self { agreed, battles: 0, messages: 0, decided: 0, broken: [0; 3] }
    }

    /// A battle in which so many messages were sent.
    pub(super) fn add(&mut self, sent: u64, found: Findings) {
        self.battles += 1;
        self.messages += sent;
        self.decided += u64::from(found.decided == u64::from(self.agreed.generals) - 1);
        let broken = [u64::from(found.ic1), u64::from(found.ic2), found.wrong_round];
        self.broken.iter_mut().zip(broken).for_each(|(sum, broken)| *sum += broken);
    }

    pub(super) fn row(&self) -> Row {
        let Self { agreed, battles, messages, decided, broken } = self;
        let per_battle = *messages as f64 / *battles as f64;
        let predicted = oral_messages(agreed.generals, 1) as f64;
        Row {
            operations: *decided,
            operation: "battles",
            messages: Some(*messages),
            latency: None,
            violations: vec![
                ("IC1: loyal lieutenants disagree", broken[0]),
                ("IC2: a loyal commander is not obeyed", broken[1]),
                ("messages after their round", broken[2]),
            ],
            unfinished: vec![("battles in which not every loyal general decided", battles - decided)],
            checks: vec![match agreed.scheme {
                Scheme::Oral => Check::about("messages per battle", per_battle, predicted),
                // A traitorous commander may give everybody both orders, and everybody passes both on.
                Scheme::Signed => Check::at_most("messages per battle", per_battle, 2.0 * predicted),
            }],
        }
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
