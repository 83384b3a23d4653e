//! The stage inside a scenario: processes read the clocks that the scenario's nodes ran, and their messages take the
//! scenario's links.

use std::collections::BTreeMap;

use super::driver::{Carriage, Setting, run_with_side_channel};
use super::face::Face;
use crate::ids::{Arc, NodeId};
use crate::model::Path;
use crate::time::{Nanos, Synced, Time, True};
use crate::trial::{Delivery, Scene, Seen, Stage, Terms, World, fits};
use crate::workload::{Log, Process};

/// Messages of workloads have other numbers than probes, of which a boot sends less than this many.
const NUMBERS: u64 = 1 << 63;
/// No scene sends more messages.
const MOST_MESSAGES: u64 = 1 << 40;
/// How much longer than planned a scene may take: delays of a scenario need not have a limit.
const GRACE: Nanos = Nanos::from_seconds(8);

/// Where a scene finds the world.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What each node's clock shows.
    pub faces: Vec<Face>,
    /// Every arc.
    pub paths: BTreeMap<Arc, Path>,
    /// When nodes die, in true time of the world.
    pub crashes: Vec<(NodeId, Nanos)>,
    /// How long all scenes may be held back by cuts and by hosts that sleep.
    pub held: Nanos,
    /// When every scene begins.
    pub origin: Nanos,
    /// The node whose clock the others follow.
    pub reference: NodeId,
}

/// The stage: every scene begins at the same instant of the world.
#[derive(Clone)]
pub struct Inside {
    setting: Setting,
    crashes: Vec<(NodeId, Time<True>)>,
    base: Time<Synced>,
    scenes: u64,
    seen: Seen,
    died: bool,
}

impl Inside {
    /// The stage in these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings { faces, paths, crashes, held, origin, reference } = surroundings;
        let base = faces.get(reference.0 as usize).map_or(Time::ZERO, |face| face.at(Time::ZERO));
        let since = |at: Nanos| Time::ZERO + (at - origin).max(Nanos::ZERO);
        Self {
            setting: Setting {
                clocks: faces,
                paths,
                carriage: Carriage::Connection,
                crashes: Vec::new(),
                origin,
                first: NUMBERS,
                grace: GRACE + held,
                delivery: Delivery::Fifo,
            },
            crashes: crashes.into_iter().map(|(node, at)| (node, since(at))).collect(),
            base,
            scenes: 0,
            seen: Seen::default(),
            died: false,
        }
    }

    /// Whether a node of the world died while a scene was played.
    pub const fn lost_somebody(&self) -> bool {
        self.died
    }
}

impl Stage for Inside {
    fn play<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Log<P::Event> {
        let processes = terms.names().map(|me| (scene.cast)(me, self.base)).collect();
        self.setting.first = NUMBERS + self.scenes * MOST_MESSAGES;
        self.scenes += 1;
        self.setting.delivery = scene.delivery;
        self.setting.crashes = scene.crashes;
        self.setting.crashes.extend(self.crashes.iter().copied());
        let nudge = |entry: &_| scene.nudge.and_then(|nudge| nudge(entry));
        let log = run_with_side_channel(&self.setting, processes, scene.plan, scene.end, nudge);
        self.seen.look(&log, Some(self.base));
        let over = log.entries.last().map_or(Time::ZERO, |last| last.at + GRACE).min(scene.end);
        self.died |= self.crashes.iter().any(|(node, at)| node.0 < terms.nodes && *at <= over);
        log
    }

    fn world(&self, terms: &Terms) -> World {
        self.seen.world(terms)
    }

    fn fits(&self, terms: &Terms, wanted: u64, each: Nanos) -> u64 {
        fits(terms, wanted, each)
    }
}
