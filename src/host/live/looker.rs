//! The thread that looks at the journals: once a second, if that costs little.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::life::Limits;
use super::tail::Tail;
use crate::analysis::{Summary, summarise};
use crate::ids::NodeId;
use crate::report::live::Past;
use crate::time::Nanos;

/// What is shown at most: a minute of three agents at a tenth of a second is 36,000 entries, some 20 MB while a look
/// lasts. Of more agents, or faster ones, a shorter span is shown.
const LIMITS: Limits = Limits { span: Nanos::from_seconds(60), entries: 60_000 };
/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// A look that takes long is not taken again before this many times as long has passed: the cores are for the agents.
const REST: u32 = 9;

/// What a look found.
#[derive(Clone, Default)]
pub struct Seen {
    /// The last span.
    pub summary: Summary,
    /// What is remembered of all of them.
    pub past: Past,
    /// Nodes that fell silent.
    pub silent: Vec<(NodeId, Nanos)>,
}

/// Looks at a folder of journals.
pub struct Looker {
    tail: Tail,
    past: Past,
}

impl Looker {
    /// A looker at `folder`, which may not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self { tail: Tail::new(folder, LIMITS), past: Past::default() }
    }

    /// Looks until nobody wants to hear of it any more.
    pub fn run(mut self, looks: &SyncSender<Option<Seen>>) {
        // Without the right to it, the view is as good, and the agents a little worse off.
        let _ = rustix::process::nice(19);
        let mut last = None;
        loop {
            let began = Instant::now();
            last = self.look(began).or(last);
            // Nothing at all is said, too, to learn whether anybody still listens.
            match looks.try_send(last.take()) {
                Ok(()) => {}
                Err(TrySendError::Full(seen)) => last = seen,
                Err(TrySendError::Disconnected(_)) => return,
            }
            let took = began.elapsed();
            std::thread::sleep(PERIOD.saturating_sub(took).max(took * REST));
        }
    }

    /// One look; `None` if nothing has changed.
    fn look(&mut self, now: Instant) -> Option<Seen> {
        if !self.tail.read(now) {
            return None;
        }
        let runs = self.tail.runs();
        let mut summary = if runs.is_empty() { Summary::default() } else { summarise("live", &runs) };
        if !summary.knows_truth() {
            // Between real hosts it is the certificate that decides.
            summary.certify(&runs);
        }
        self.past.add(&summary);
        Some(Seen { summary, past: self.past.clone(), silent: self.tail.silent() })
    }
}
