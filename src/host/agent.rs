//! The agent: what runs on a host. It probes on a thread of its own, journals on another, orders on a third, and steers
//! and ships from this one.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{Stdin, Stdout};
use tokio::net::TcpListener;

use super::clock::{LocalClock, raw_now, wall_now_ns};
use super::control::{AgentSetup, FromAgent, KEY_VARIABLE, Lines, PeerAddress, ToAgent, say};
use super::facts;
use super::hold::Hold;
use super::orderer::{Done, OrderSetup, Orderer};
use super::probing::{Command, Probing};
use super::published::Published;
use super::ship::{Shipment, Shipped, ship};
use super::socket::ProbeSocket;
use super::spool::{Sender, Spool, SpoolConfig};
use crate::ids::BootId;
use crate::journal::{Header, Note};
use crate::model::{Oscillator, Purpose, Rng};
use crate::node::{Config, Mark};
use crate::probe::Codec;
use crate::probe::wire::Key;
use crate::time::{Nanos, Raw, Time};

/// How long shipping may go on after probing has stopped.
const SHIPPING: Duration = Duration::from_secs(10);

/// How the agent is told what to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Take orders from a lab over standard input and output
    #[arg(long, required = true)]
    controlled: bool,
}

/// Runs an agent.
///
/// # Errors
/// What went wrong, for standard error.
pub fn main(args: &Args) -> Result<u8> {
    debug_assert!(args.controlled, "the only way so far");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run_controlled())?;
    Ok(0)
}

/// The cluster's key, from the environment.
///
/// # Errors
/// Names the variable and the mend.
pub fn key_from_environment() -> Result<Key> {
    let text = std::env::var(KEY_VARIABLE)
        .with_context(|| format!("{KEY_VARIABLE} is not set: give the cluster's key there"))?;
    Key::from_hex(&text).with_context(|| format!("{KEY_VARIABLE} is no key: write 64 hexadecimal digits"))
}

/// Runs an agent that a lab steers over standard input and output, until the lab says stop or is gone.
///
/// # Errors
/// What went wrong, for standard error.
async fn run_controlled() -> Result<()> {
    let key = key_from_environment()?;
    let mut input = Lines::new(tokio::io::stdin());
    let Some(ToAgent::Setup(setup)) = input.next().await? else { bail!("the first control line must be the setup") };
    let agent = Agent::open(*setup, key).await?;
    agent.serve(input, tokio::io::stdout()).await
}

/// An agent whose sockets are open and whose journal has begun.
struct Agent {
    setup: AgentSetup,
    key: Key,
    boot: BootId,
    socket: ProbeSocket,
    listener: TcpListener,
    journal: Sender,
    spool: Spool,
}

impl Agent {
    async fn open(setup: AgentSetup, key: Key) -> Result<Self> {
        let boot = BootId(wall_now_ns().unsigned_abs());
        let socket = ProbeSocket::bind(setup.listen)
            .with_context(|| format!("listen `{}`: choose a free address", setup.listen))?;
        let listener = TcpListener::bind(setup.order_listen)
            .await
            .with_context(|| format!("order_listen `{}`: choose a free address", setup.order_listen))?;
        let header = Header {
            node: setup.node,
            boot,
            run: setup.run.clone(),
            oscillator: setup.oscillator,
            kappa_ppb: setup.kappa_ppb,
            host: facts::gather(socket.kernel_stamps()),
        };
        let (spool, journal) = Spool::start(header, &SpoolConfig::new(&setup.spool))?;
        Ok(Self { setup, key, boot, socket, listener, journal, spool })
    }

    /// Obeys the lab.
    async fn serve(self, mut input: Lines<Stdin>, mut output: Stdout) -> Result<()> {
        let order = self.listener.local_addr()?;
        say(&mut output, &FromAgent::Listening { probe: self.socket.local_address()?, order }).await?;
        let Some(ToAgent::Peers(peers)) = input.next().await? else {
            bail!("the second control line must be the peers")
        };
        let Some(ToAgent::Start { raw_ns, measured }) = input.next().await? else {
            bail!("the third control line must be the start")
        };
        let start = Time::from_nanos(raw_ns);
        let running = self.start(&peers, start)?;
        let commands = listen(input);
        running.obey(commands, output, start + measured).await
    }

    /// Starts the threads.
    fn start(self, peers: &[PeerAddress], start: Time<Raw>) -> Result<Running> {
        let Self { setup, key, boot, socket, listener, journal, spool } = self;
        let shipping = tokio::spawn(ship(shipment(&setup, &key, boot, &spool), spool.progress()));
        let clock = local_clock(&setup);
        let published = Arc::new(Published::default());
        let config = node_config(&setup, boot, socket.kernel_stamps());
        let seed = setup.run.seed.unwrap_or(0);
        let (commands, receiver) = mpsc::channel();
        let probing = Probing {
            socket,
            codec: Codec::new(setup.run.cluster, &key),
            clock: clock.clone(),
            hold: Hold::new(seed, setup.node, &setup.run.arcs),
            addresses: peers.iter().map(|peer| (peer.node, peer.probe)).collect(),
            journal,
            published: Arc::clone(&published),
            commands: receiver,
        };
        let probing = std::thread::spawn(move || probing.run(config, start));
        let orderer = Orderer::start(OrderSetup { setup, key, listener, peers: peers.to_vec(), clock, published })?;
        Ok(Running { commands, probing, spool, shipping, orderer })
    }
}

/// Hands on what the lab says. When the input ends the lab is gone, and the agent with it, whatever it is doing.
fn listen(mut input: Lines<Stdin>) -> Commands {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let line = match input.next::<ToAgent>().await {
                Ok(Some(line)) => line,
                Ok(None) => leave("the lab is gone"),
                Err(why) => leave(&format!("{why:#}")),
            };
            if sender.send(line).await.is_err() {
                // The agent is ending by itself; only the lab's death still matters.
                while let Ok(Some(_)) = input.next::<ToAgent>().await {}
                return;
            }
        }
    });
    receiver
}

fn leave(why: &str) -> ! {
    eprintln!("agent: {why}");
    std::process::exit(3)
}

type Commands = tokio::sync::mpsc::Receiver<ToAgent>;

/// An agent whose threads are running.
struct Running {
    commands: mpsc::Sender<Command>,
    probing: JoinHandle<()>,
    spool: Spool,
    shipping: tokio::task::JoinHandle<Shipped>,
    orderer: Orderer,
}

impl Running {
    async fn obey(mut self, mut commands: Commands, mut output: Stdout, end: Time<Raw>) -> Result<()> {
        let remaining = Duration::from_nanos((end - raw_now()).0.max(0).unsigned_abs());
        let measuring = tokio::time::sleep(remaining);
        tokio::pin!(measuring);
        let mut measured = false;
        loop {
            tokio::select! {
                () = &mut measuring, if !measured => {
                    measured = true;
                    self.tell(Command::Mark(Mark::MeasuringEnded));
                    say(&mut output, &FromAgent::Measured).await?;
                }
                done = self.orderer.done() => match done? {
                    Done::Connected => say(&mut output, &FromAgent::Connected).await?,
                    Done::Phase(report) => {
                        let delivered_in_time = report.delivered_in_time;
                        self.tell(Command::Note(Note::Phase(report)));
                        say(&mut output, &FromAgent::PhaseDone { delivered_in_time }).await?;
                    }
                },
                command = commands.recv() => match command {
                    Some(ToAgent::Connect) => self.orderer.connect().await,
                    Some(ToAgent::Phase(phase)) => self.orderer.run(phase).await,
                    Some(ToAgent::Stop) | None => break,
                    Some(other) => bail!("the agent runs already: {other:?} comes too late"),
                },
            }
        }
        let unacknowledged = self.stop().await?;
        say(&mut output, &FromAgent::Stopped { unacknowledged }).await
    }

    /// The probe thread only ends when it is told to, or by a bug that its join will report.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Stops probing, closes the journal, and ships what is left of it.
    async fn stop(self) -> Result<u64> {
        self.tell(Command::Stop);
        if self.probing.join().is_err() {
            bail!("the probe thread panicked");
        }
        let spooled = self.spool.join();
        if let Some(why) = &spooled.stopped {
            eprintln!("agent: {} frames were not written: {why}", spooled.dropped_frames);
        }
        let shipped = self.shipping.await?;
        if let Some(why) = shipped.last_error.filter(|_| shipped.unacked > 0) {
            eprintln!("agent: {} frames were not shipped: {why}", shipped.unacked);
        }
        Ok(shipped.unacked + shipped.damaged_frames)
    }
}

fn shipment(setup: &AgentSetup, key: &Key, boot: BootId, spool: &Spool) -> Shipment {
    Shipment {
        collector: setup.collector,
        key: key.clone(),
        cluster: setup.run.cluster,
        node: setup.node,
        boot,
        spool: spool.path().to_owned(),
        close_deadline: SHIPPING,
    }
}

fn local_clock(setup: &AgentSetup) -> LocalClock {
    match setup.oscillator {
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
        boot,
        peers: inward.map(|(arc, settings)| (arc.from, settings.mu)).collect(),
        tau: run.tau,
        phase: Nanos(rng.below(run.tau.0.unsigned_abs()) as i64),
        reference: run.reference,
        kappa: setup.kappa_ppb,
        plausible: run.plausible,
        stamps_departures,
    }
}
