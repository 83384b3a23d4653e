//! An agent's page: its meter, its spool and its shipping.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::page::Page;
use super::{Meter, names};
use crate::host::clock::LocalClock;
use crate::host::ship::ShipMeter;
use crate::host::spool::Progress;
use crate::ids::NodeId;

/// What an agent shows to a scraper.
#[derive(Debug)]
pub struct AgentPage {
    /// The node.
    pub node: NodeId,
    /// What its probe thread counts.
    pub meter: Arc<Meter>,
    /// Its local clock.
    pub clock: Mutex<LocalClock>,
    /// How much of its spool is written.
    pub spool: watch::Receiver<Progress>,
    /// How much of that is shipped.
    pub shipping: Arc<ShipMeter>,
}

impl AgentPage {
    /// The page as of now.
    pub fn text(&self) -> String {
        let now = self.clock.lock().unwrap_or_else(PoisonError::into_inner).now();
        let mut page = Page::default();
        page.family(&names::AGENT_INFO).put(&[("node", &self.node), ("version", &env!("CARGO_PKG_VERSION"))], 1);
        self.meter.write(now, &mut page);
        let spool = *self.spool.borrow();
        page.family(&names::JOURNAL_BYTES).put(&[], spool.bytes);
        page.family(&names::JOURNAL_FRAMES).put(&[], spool.frames);
        page.family(&names::JOURNAL_FRAMES_DROPPED).put(&[], spool.dropped_frames);
        page.family(&names::FRAMES_SHIPPED).put(&[], self.shipping.shipped());
        page.family(&names::FRAMES_ACKED).put(&[], self.shipping.acked());
        page.family(&names::SHIP_CONNECTIONS).put(&[], self.shipping.connections());
        page.into_text()
    }
}
