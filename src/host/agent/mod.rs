//! The agent: what runs on a host. It probes on a thread of its own, journals on another, and steers and ships from this
//! one. A lab steers it over standard input and output (`controlled`); on a real host it steers itself by its
//! configuration ([`standalone`]).

pub mod config;
mod controlled;
pub mod order_config;
mod ordering;
pub mod peer_config;
pub mod standalone;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

use super::claims::{self, Listening};
use super::clock::{LocalClock, raw_now, wall_now_ns};
use super::control::AgentSetup;
use super::facts;
use super::hold::Hold;
use super::metrics::{self, AgentPage, Endpoint, Meter};
use super::probing::{Command, Probing};
use super::published::Published;
use super::ship::{ShipMeter, Shipment, Shipped, ship};
use super::socket::ProbeSocket;
use super::spool::{Sender, Spool, SpoolConfig, SpoolReport};
use crate::ids::{BootId, NodeId};
use crate::journal::Header;
use crate::model::{Oscillator, Purpose, Rng};
use crate::node::Config;
use crate::probe::Codec;
use crate::probe::Key;
use crate::time::{Nanos, Raw, Time};

/// How long shipping may go on after probing has stopped.
const SHIPPING: Duration = Duration::from_secs(10);

/// How the agent is told what to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Take orders from a lab over standard input and output
    #[arg(long, exclusive = true)]
    controlled: bool,
    /// File with the settings below, as `key = value` (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ship what the spool holds, once more if need be, and probe nobody
    #[arg(long)]
    ship_only: bool,
    #[command(flatten)]
    settings: config::Settings,
}

/// Runs an agent.
///
/// # Errors
/// What went wrong, for standard error.
pub fn main(args: &Args) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.controlled {
        runtime.block_on(controlled::run())?;
        return Ok(0);
    }
    let settings = args.settings.clone().or(super::settings::load(args.config.as_deref())?);
    let plan = settings.check()?;
    let key = super::key::find(settings.key_file.as_deref())?;
    if args.ship_only {
        return runtime.block_on(standalone::ship_only(&plan, key));
    }
    runtime.block_on(standalone::run(plan, key))?;
    Ok(0)
}

/// An agent whose socket is open and whose journal has begun.
struct Agent {
    setup: AgentSetup,
    key: Key,
    boot: BootId,
    socket: ProbeSocket,
    journal: Sender,
    spool: Spool,
    clock: LocalClock,
    published: Arc<Published>,
    meter: Arc<Meter>,
    shipping: Arc<ShipMeter>,
}

impl Agent {
    fn open(setup: AgentSetup, key: Key, spool: &SpoolConfig) -> Result<Self> {
        let boot = BootId(wall_now_ns().unsigned_abs());
        let socket = ProbeSocket::bind(setup.listen)
            .with_context(|| format!("listen `{}`: choose a free address", setup.listen))?;
        let header = Header {
            node: setup.node,
            boot,
            run: setup.run.clone(),
            oscillator: setup.oscillator.clone(),
            kappa_ppb: setup.kappa_ppb,
            clocks: setup.clocks,
            host: facts::gather(socket.kernel_stamps()),
        };
        let (spool, journal) = Spool::start(header, spool)?;
        let (clock, published) = (local_clock(&setup), Arc::new(Published::default()));
        let meter = Arc::new(Meter::new(setup.node, peers_of(&setup), setup.clocks, Arc::clone(&published)));
        let shipping = Arc::default();
        Ok(Self { setup, key, boot, socket, journal, spool, clock, published, meter, shipping })
    }

    /// Serves metrics where the setup asks for them, as long as the endpoint lives.
    async fn serve_metrics(&self) -> Result<Option<Endpoint>> {
        let Some(listen) = self.setup.metrics else { return Ok(None) };
        let (meter, shipping) = (Arc::clone(&self.meter), Arc::clone(&self.shipping));
        let (clock, spool) = (Mutex::new(self.clock.clone()), self.spool.progress());
        let page = AgentPage { node: self.setup.node, meter, clock, spool, shipping };
        metrics::serve(listen, move || page.text()).await.map(Some)
    }

    /// Starts to probe the peers at `addresses` from raw instant `start` on, and to ship.
    fn start(self, addresses: BTreeMap<NodeId, SocketAddr>, start: Time<Raw>) -> Running {
        let Self { setup, key, boot, socket, journal, spool, clock, published, meter, shipping } = self;
        let (welcomed, watched) = watch::channel(false);
        let shipment =
            shipment(&setup, &key, boot, &spool, welcomed).map(|shipment| Shipment { meter: shipping, ..shipment });
        let shipping = shipment.map(|shipment| tokio::spawn(ship(shipment, spool.progress())));
        let config = node_config(&setup, boot, socket.kernel_stamps());
        let (commands, receiver) = mpsc::channel();
        // The agents of a lab share one host: the first speaks for it.
        let speaks = !clock.is_declared() || setup.node == NodeId(0);
        let claims = speaks.then(|| claims::listen(clock.clone(), commands.clone(), setup.chrony_socket.clone()));
        let probing = Probing {
            socket,
            codec: Codec::new(setup.run.cluster, &key),
            clock: clock.clone(),
            hold: Hold::new(setup.run.seed.unwrap_or(0), setup.node, &setup.run.arcs),
            addresses,
            journal,
            published: Arc::clone(&published),
            meter,
            commands: receiver,
        };
        let probing = std::thread::spawn(move || probing.run(config, start));
        Running { commands, probing, spool, shipping, welcomed: watched, clock, published, _claims: claims }
    }
}

/// An agent whose threads are running.
struct Running {
    commands: mpsc::Sender<Command>,
    probing: JoinHandle<()>,
    spool: Spool,
    shipping: Option<tokio::task::JoinHandle<Shipped>>,
    welcomed: watch::Receiver<bool>,
    clock: LocalClock,
    published: Arc<Published>,
    /// The host is asked what it says of its clock as long as this is held.
    _claims: Option<Listening>,
}

/// How an agent ended.
struct Ended {
    path: PathBuf,
    spooled: SpoolReport,
    /// What became of the journal; none without a collector.
    shipped: Option<Shipped>,
}

impl Running {
    /// The probe thread only ends when it is told to, or by a bug that its join will report.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Stops probing, closes the journal, and ships what is left of it.
    async fn stop(self) -> Result<Ended> {
        self.tell(Command::Stop);
        if self.probing.join().is_err() {
            bail!("the probe thread panicked");
        }
        let path = self.spool.path().to_owned();
        let spooled = self.spool.join();
        let shipped = match self.shipping {
            Some(shipping) => Some(shipping.await?),
            None => None,
        };
        Ok(Ended { path, spooled, shipped })
    }
}

fn shipment(
    setup: &AgentSetup,
    key: &Key,
    boot: BootId,
    spool: &Spool,
    welcomed: watch::Sender<bool>,
) -> Option<Shipment> {
    Some(Shipment {
        collector: setup.collector.clone()?,
        key: key.clone(),
        cluster: setup.run.cluster,
        node: setup.node,
        boot,
        spool: spool.path().to_owned(),
        close_deadline: SHIPPING,
        welcomed,
        meter: Arc::default(),
    })
}

/// The nodes at the other ends of the agent's arcs.
fn peers_of(setup: &AgentSetup) -> BTreeSet<NodeId> {
    let arcs = setup.run.arcs.iter().map(|(arc, _)| *arc);
    arcs.filter(|arc| arc.to == setup.node).map(|arc| arc.from).collect()
}

fn local_clock(setup: &AgentSetup) -> LocalClock {
    match setup.oscillator.clone() {
        Some(declared) => LocalClock::declared(Oscillator::new(declared, setup.node)),
        None => LocalClock::undisciplined(Nanos(wall_now_ns()) - (raw_now() - Time::ZERO)),
    }
}

fn node_config(setup: &AgentSetup, boot: BootId, stamps_departures: bool) -> Config {
    let run = &setup.run;
    let mut rng = Rng::stream(run.seed.unwrap_or(boot.0), Purpose::Phase, u64::from(setup.node.0));
    let inward = run.arcs.iter().filter(|(arc, _)| arc.to == setup.node);
    Config {
        node: setup.node,
        nodes: run.nodes,
        boot,
        peers: inward.map(|(arc, settings)| (arc.from, settings.mu)).collect(),
        tau: run.tau,
        pair_gap: run.probe_pairs,
        phase: Nanos(rng.below(run.tau.0.unsigned_abs()) as i64),
        reference: run.reference,
        kappa: setup.kappa_ppb,
        clocks: setup.clocks,
        plausible: run.plausible,
        stamps_departures,
    }
}
