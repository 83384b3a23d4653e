//! Ships a spool to the collector while it grows. It reads the file, never the probe thread: whatever happens to the
//! collector or the network, the spool stays, and shipping goes on where the collector's disk ends.

pub mod hello;
pub mod leftovers;
mod meter;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::hello::{Answer, Identity};
pub use self::meter::ShipMeter;
use super::frames::{Window, window};
use super::spool::Progress;
use crate::ids::{BootId, NodeId};
use crate::probe::Key;

/// The longest wait for a connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// The longest wait for a welcome, before which the collector may have to read a large file, and for an ack of what was
/// shipped; after it the connection counts as dead.
const SILENCE: Duration = Duration::from_secs(30);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// What is shipped, and where to.
#[derive(Clone, Debug)]
pub struct Shipment {
    /// The collector's host and port.
    pub collector: String,
    /// The cluster's key.
    pub key: Key,
    /// The cluster's id.
    pub cluster: u64,
    /// The node whose spool it is.
    pub node: NodeId,
    /// The boot whose spool it is.
    pub boot: BootId,
    /// The spool file.
    pub spool: PathBuf,
    /// How long shipping may go on after the spool was closed.
    pub close_deadline: Duration,
    /// Told when the collector has welcomed the first time.
    pub welcomed: watch::Sender<bool>,
    /// Where the shipment says how far it is.
    pub meter: Arc<ShipMeter>,
}

/// How a shipment ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shipped {
    /// Frames that are on the collector's disk.
    pub acked: u64,
    /// Frames of the spool that are not known to be there.
    pub unacked: u64,
    /// Whether the collector confirmed the end.
    pub is_closed: bool,
    /// Connections on which both sides proved who they are.
    pub connections: u64,
    /// Frames of the spool that were damaged on this host's disk and could not be shipped.
    pub damaged_frames: u64,
    /// What went wrong last, if anything did.
    pub last_error: Option<String>,
}

/// Ships the spool whose growth `progress` tells, until it is closed and everything is acked, or until the deadline
/// after its end.
pub async fn ship(shipment: Shipment, progress: watch::Receiver<Progress>) -> Shipped {
    let deadline = shipment.close_deadline;
    let mut shipper = Shipper::new(shipment, progress.clone());
    tokio::select! {
        () = shipper.run() => {}
        () = expiry(progress.clone(), deadline) => {}
    }
    shipper.report(progress.borrow().frames)
}

async fn expiry(mut progress: watch::Receiver<Progress>, deadline: Duration) {
    // A spool whose thread is gone is closed, too.
    let _ = progress.wait_for(|progress| progress.closed).await;
    sleep(deadline).await;
}

struct Shipper {
    shipment: Shipment,
    progress: watch::Receiver<Progress>,
    acked: watch::Sender<u64>,
    shipped: Shipped,
    place: Place,
}

/// Where in the spool a connection is.
#[derive(Default)]
struct Place {
    offset: u64,
    /// One more than the number of the last frame passed.
    next: u64,
    /// Offsets by the number of the frame that lies there, one for each window.
    known: BTreeMap<u64, u64>,
    /// The largest `next` so far.
    highest: u64,
    /// Numbers that were skipped: frames that this host's disk damaged.
    damaged: u64,
}

impl Place {
    /// Goes to a window that begins at or before frame `next`.
    fn rewind(&mut self, next: u64) {
        let (number, offset) =
            self.known.range(..=next).next_back().map_or((0, 0), |(number, offset)| (*number, *offset));
        (self.next, self.offset) = (number, offset);
    }

    /// The frames of `window` that the collector wants, as they are.
    fn pass(&mut self, window: Window, wanted: u64) -> Vec<u8> {
        if let Some((first, range)) = window.frames.first() {
            self.known.insert(first.number, self.offset + range.start as u64);
        }
        self.offset = window.next_offset;
        for (header, _) in &window.frames {
            self.damaged += header.number.saturating_sub(self.highest);
            self.next = header.number.saturating_add(1);
            self.highest = self.highest.max(self.next);
        }
        let wanted = window.frames.iter().filter(|(header, _)| header.number >= wanted);
        wanted.flat_map(|(_, range)| &window.bytes[range.clone()]).copied().collect()
    }
}

impl Shipper {
    fn new(shipment: Shipment, progress: watch::Receiver<Progress>) -> Self {
        let (acked, _) = watch::channel(0);
        Self { shipment, progress, acked, shipped: Shipped::default(), place: Place::default() }
    }

    async fn run(&mut self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let before = self.shipped.connections;
            match self.connection().await {
                Ok(()) => return self.shipped.is_closed = true,
                Err(error) => self.shipped.last_error = Some(format!("{error:#}")),
            }
            backoff = if self.shipped.connections > before { FIRST_BACKOFF } else { backoff };
            sleep(backoff).await;
            backoff = (2 * backoff).min(LAST_BACKOFF);
        }
    }

    /// One connection, from the greeting to the confirmed end.
    async fn connection(&mut self) -> anyhow::Result<()> {
        let Shipment { collector, key, cluster, node, boot, .. } = &self.shipment;
        let identity = Identity { node: *node, boot: *boot, cluster: *cluster };
        let unreachable =
            || format!("collector {collector} cannot be reached: check that it runs and its port is open");
        let connecting = timeout(CONNECTING, TcpStream::connect(collector)).await;
        let mut stream = connecting.with_context(unreachable)?.with_context(unreachable)?;
        stream.set_nodelay(true)?;
        let next = timeout(SILENCE, hello::introduce(&mut stream, key, identity))
            .await
            .context("the collector did not welcome in time")??;
        self.shipped.connections += 1;
        self.shipment.welcomed.send_replace(true);
        self.acked.send_replace(next);
        self.shipment.meter.welcomed(next);
        self.place.rewind(next);
        let (read, write) = stream.split();
        let acked = &self.acked;
        let sent = AtomicU64::new(next);
        let mut sending = Sending { shipment: &self.shipment, place: &mut self.place, sent: &sent, wanted: next };
        tokio::select! {
            result = sending.run(write, self.progress.clone(), acked.subscribe()) => result,
            result = receive(read, acked, &sent, &self.shipment.meter) => result,
        }
    }

    fn report(self, frames: u64) -> Shipped {
        let acked = frames.min(*self.acked.borrow());
        Shipped { acked, unacked: frames - acked, damaged_frames: self.place.damaged, ..self.shipped }
    }
}

/// The half of a connection that ships.
struct Sending<'a> {
    shipment: &'a Shipment,
    place: &'a mut Place,
    sent: &'a AtomicU64,
    wanted: u64,
}

impl Sending<'_> {
    async fn run(
        &mut self,
        mut write: WriteHalf<'_>,
        mut progress: watch::Receiver<Progress>,
        mut acked: watch::Receiver<u64>,
    ) -> anyhow::Result<()> {
        loop {
            let now = *progress.borrow_and_update();
            while self.place.offset < now.bytes {
                let frames = self.next_window(now.bytes).await?;
                self.sent.fetch_max(self.place.next, Ordering::Relaxed);
                write.write_all(&frames).await?;
                self.shipment.meter.shipped_up_to(self.place.next);
            }
            if now.closed || progress.changed().await.is_err() {
                break;
            }
        }
        let all = self.place.next;
        acked.wait_for(|acked| *acked >= all).await?;
        write.write_all(&hello::end(all)).await?;
        // The other half sees the confirmation.
        std::future::pending().await
    }

    async fn next_window(&mut self, limit: u64) -> anyhow::Result<Vec<u8>> {
        let (path, offset) = (self.shipment.spool.clone(), self.place.offset);
        let read = tokio::task::spawn_blocking(move || window(&File::open(path)?, offset, limit));
        let window =
            read.await?.with_context(|| format!("spool file `{}` cannot be read", self.shipment.spool.display()))?;
        Ok(self.place.pass(window, self.wanted))
    }
}

/// The half of a connection that hears acks, until the collector confirms the end.
async fn receive(
    mut read: ReadHalf<'_>,
    acked: &watch::Sender<u64>,
    sent: &AtomicU64,
    meter: &ShipMeter,
) -> anyhow::Result<()> {
    loop {
        if timeout(SILENCE, read.readable()).await.is_err() {
            ensure!(*acked.borrow() >= sent.load(Ordering::Relaxed), "the collector acks nothing: check its disk");
            continue;
        }
        let mut bytes = [0; Answer::BYTES];
        let cut = "the collector closed the connection: its counters say why";
        timeout(SILENCE, read.read_exact(&mut bytes)).await.context("half an ack")?.context(cut)?;
        match Answer::from_bytes(bytes) {
            Some(Answer::Acked(next)) => {
                meter.acked_up_to(next);
                acked.send_replace(next);
            }
            Some(Answer::Closed(_)) => return Ok(()),
            None => bail!("the collector's answer has no meaning: it is of another version"),
        }
    }
}
