//! An agent that steers itself: it probes from its start until its time is over or somebody asks it to stop, whatever
//! happens to its collector meanwhile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::config::Standalone;
use super::ordering::Ordering;
use super::{Agent, Ended, Running, SHIPPING};
use crate::host::clock::raw_now;
use crate::host::lock::Lock;
use crate::host::probing::Command;
use crate::host::program::MISSING;
use crate::host::ship::Shipment;
use crate::host::ship::leftovers::{self, Leftover, Which};
use crate::host::signals::Stop;
use crate::host::spool::SpoolConfig;
use crate::ids::{BootId, NodeId};
use crate::node::Mark;
use crate::probe::Key;
use crate::time::Nanos;

/// From the start of the threads to the birth of the node.
const HEAD_START: Nanos = Nanos::from_millis(10);

/// Runs an agent as planned.
///
/// # Errors
/// What kept it from starting, or the bug that ended it. A collector that is out of reach is no error.
pub async fn run(plan: Standalone, key: Key) -> Result<()> {
    let mut stop = Stop::listen()?;
    let Standalone { setup, peers, spool_cap_bytes, assumed, order } = plan;
    assumed.iter().for_each(|assumption| eprintln!("agent: {assumption}"));
    let _lock = Lock::take(&setup.spool, &lock_name(setup.node))?;
    let addresses = resolve(&peers, setup.listen).await?;
    let spool = SpoolConfig { cap_bytes: spool_cap_bytes, ..SpoolConfig::new(&setup.spool) };
    let measured = setup.run.measured;
    let agent = Agent::open(setup, key, &spool)?;
    let _endpoint = agent.serve_metrics().await?;
    let rest = Rest::of(&agent)?;
    let ordering = match order {
        Some(order) => Some(Ordering::listen(order, &agent).await?),
        None => None,
    };
    say_begin(&agent)?;
    let running = agent.start(addresses, raw_now() + HEAD_START);
    let rest = rest.map(|rest| rest.ship(running.welcomed.clone()));
    let cause = live(&running, measured, ordering, &mut stop).await;
    let ended = running.stop().await?;
    say_end(&ended)?;
    if let Some(rest) = rest {
        rest.finish().await;
    }
    if cause == Cause::Failed { bail!("the probe thread ended by itself: this is a bug") } else { Ok(()) }
}

/// Ships what the spool folder holds and nothing else.
///
/// # Errors
/// A spool that cannot be read.
pub async fn ship_only(plan: &Standalone, key: Key) -> Result<u8> {
    let setup = &plan.setup;
    let _lock = Lock::take(&setup.spool, &lock_name(setup.node))?;
    let collector = setup.collector.clone().context("collector: not given: say where to ship to")?;
    let found = leftovers::find(&setup.spool, setup.node, setup.run.cluster, Which::All)?;
    let template = template(setup.node, collector, key, setup.run.cluster);
    let mut missing = 0;
    for leftover in &found {
        let shipped = leftover.ship(&template, SHIPPING).await;
        let name = leftover.path.display();
        match shipped.last_error.filter(|_| !shipped.is_closed) {
            None => eprintln!("agent: {name}: the collector has all {} frames", leftover.progress.frames),
            Some(why) => {
                missing += 1;
                eprintln!("agent: {name}: {} frames are not acknowledged: {why}", shipped.unacked);
            }
        }
    }
    eprintln!("agent: shipped {} of {} journals", found.len() - missing, found.len());
    Ok(if missing == 0 { 0 } else { MISSING })
}

fn lock_name(node: NodeId) -> String {
    format!("agent-{:03}.lock", node.0)
}

/// Where the peers are: of several addresses the first of the family that is listened on.
async fn resolve(peers: &[(NodeId, String)], listen: SocketAddr) -> Result<BTreeMap<NodeId, SocketAddr>> {
    let mut addresses = BTreeMap::new();
    for (node, text) in peers {
        let mut found = lookup_host(text)
            .await
            .with_context(|| format!("peers `{text}`: the host is not known: write its address, or mend its name"))?;
        let address = found.find(|address| address.is_ipv4() == listen.is_ipv4()).with_context(|| {
            format!("peers `{text}`: has no address of the family of listen `{listen}`: use the same family for both")
        })?;
        addresses.insert(*node, address);
    }
    Ok(addresses)
}

/// Measures clocks, and orders what there is to order when it is time: why that ended.
async fn live(running: &Running, measured: Option<Nanos>, ordering: Option<Ordering>, stop: &mut Stop) -> Cause {
    let measuring_ended = || running.tell(Command::Mark(Mark::MeasuringEnded));
    let Some(ordering) = ordering else {
        let cause = wait(running, measured, stop).await;
        if cause == Cause::Over || measured.is_none() {
            measuring_ended();
        }
        return cause;
    };
    let after = ordering.after();
    let mut cause = wait(running, Some(measured.unwrap_or(after)), stop).await;
    if cause == Cause::Over && measured.is_some() {
        measuring_ended();
        cause = wait(running, Some(after - measured.unwrap_or(after)), stop).await;
    }
    if cause == Cause::Over {
        cause = tokio::select! {
            () = ordering.carry_out(running) => Cause::Over,
            other = wait(running, None, stop) => other,
        };
    }
    if measured.is_none() {
        if cause == Cause::Over {
            cause = wait(running, None, stop).await;
        }
        measuring_ended();
    }
    cause
}

/// Why an agent ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    /// Its time is over.
    Over,
    /// Somebody asked.
    Asked,
    /// The probe thread is gone.
    Failed,
}

async fn wait(running: &Running, measured: Option<Nanos>, stop: &mut Stop) -> Cause {
    let mut progress = running.spool.progress();
    tokio::select! {
        () = elapsed(measured) => Cause::Over,
        () = stop.asked() => Cause::Asked,
        _ = progress.wait_for(|progress| progress.closed) => Cause::Failed,
    }
}

async fn elapsed(measured: Option<Nanos>) {
    match measured {
        Some(measured) => sleep(Duration::from_nanos((measured + HEAD_START).0.unsigned_abs())).await,
        None => std::future::pending().await,
    }
}

fn say_begin(agent: &Agent) -> Result<()> {
    let (node, address) = (agent.setup.node, agent.socket.local_address()?);
    let stamps = if agent.socket.kernel_stamps() { "kernel" } else { "user-space" };
    eprintln!(
        "agent: node {node} probes from {address} with {stamps} stamps, journal {}",
        agent.spool.path().display()
    );
    Ok(())
}

/// Says what became of the journal, and marks it if it needs no more shipping.
fn say_end(ended: &Ended) -> Result<()> {
    let Ended { path, spooled, shipped } = ended;
    let name = path.display();
    if let Some(why) = &spooled.stopped {
        let (frames, entries) = (spooled.dropped_frames, spooled.dropped_entries);
        eprintln!("agent: {name}: {frames} frames with {entries} entries were dropped: {why}");
    }
    match shipped {
        None => eprintln!("agent: {name}: {} frames, kept here: no collector is given", spooled.frames),
        Some(shipped) if shipped.is_closed => {
            eprintln!("agent: {name}: {} frames, all acknowledged by the collector", spooled.frames);
            leftovers::mark_shipped(path)?;
        }
        Some(shipped) => {
            let why = shipped.last_error.as_deref().unwrap_or("time was up");
            eprintln!(
                "agent: {name}: {} of {} frames are not acknowledged ({why}): they stay here; start the agent again or \
                 use --ship-only",
                shipped.unacked, spooled.frames
            );
        }
    }
    Ok(())
}

fn template(node: NodeId, collector: String, key: Key, cluster: u64) -> Shipment {
    let (welcomed, _) = watch::channel(false);
    let (boot, spool, close_deadline) = (BootId(0), Default::default(), SHIPPING);
    Shipment { collector, key, cluster, node, boot, spool, close_deadline, welcomed, meter: std::sync::Arc::default() }
}

/// What earlier starts of the agent left in the spool folder.
struct Rest {
    found: Vec<Leftover>,
    template: Shipment,
}

impl Rest {
    fn of(agent: &Agent) -> Result<Option<Self>> {
        let setup = &agent.setup;
        let Some(collector) = setup.collector.clone() else { return Ok(None) };
        let mut found = leftovers::find(&setup.spool, setup.node, setup.run.cluster, Which::Unshipped)?;
        found.retain(|leftover| leftover.boot != agent.boot);
        if !found.is_empty() {
            eprintln!("agent: {} journals of earlier starts were not shipped to their end: they follow", found.len());
        }
        Ok(Some(Self { found, template: template(setup.node, collector, agent.key.clone(), setup.run.cluster) }))
    }

    /// Ships once the present journal has been welcomed, so that the collector knows the newest start first.
    fn ship(self, mut welcomed: watch::Receiver<bool>) -> Shipping {
        let (left, remaining) = watch::channel(self.found.len());
        let reached = welcomed.clone();
        let task = tokio::spawn(async move {
            let _ = welcomed.wait_for(|welcomed| *welcomed).await;
            leftovers::ship_all(self.found, &self.template, left).await;
        });
        Shipping { task, reached, remaining }
    }
}

/// Shipping of leftovers under way.
struct Shipping {
    task: tokio::task::JoinHandle<()>,
    reached: watch::Receiver<bool>,
    remaining: watch::Receiver<usize>,
}

impl Shipping {
    async fn finish(mut self) {
        // A collector that was never reached is not waited for a second time.
        let patience = if *self.reached.borrow() { SHIPPING } else { Duration::ZERO };
        let _ = timeout(patience, self.remaining.wait_for(|remaining| *remaining == 0)).await;
        self.task.abort();
        let remaining = *self.remaining.borrow();
        if remaining > 0 {
            eprintln!("agent: {remaining} journals of earlier starts are still not shipped");
        }
    }
}
