//! An agent that a lab steers over standard input and output, until the lab says stop or is gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{Stdin, Stdout};
use tokio::net::TcpListener;

use super::{Agent, Ended, Running};
use crate::host::clock::raw_now;
use crate::host::control::{AgentSetup, FromAgent, Lines, ToAgent, say};
use crate::host::key;
use crate::host::orderer::{Done, OrderSetup, Orderer, PATIENCE};
use crate::host::probing::Command;
use crate::host::spool::SpoolConfig;
use crate::journal::Note;
use crate::node::Mark;
use crate::time::{Raw, Time};

/// Runs an agent that a lab steers.
///
/// # Errors
/// What went wrong, for standard error.
pub async fn run() -> Result<()> {
    let key = key::from_environment()?;
    let mut input = Lines::new(tokio::io::stdin());
    let Some(ToAgent::Setup(setup)) = input.next().await? else { bail!("the first control line must be the setup") };
    let listener = listener(&setup).await?;
    let spool = SpoolConfig::new(&setup.spool);
    let agent = Agent::open(*setup, key, &spool)?;
    let _endpoint = agent.serve_metrics().await?;
    serve(agent, listener, input, tokio::io::stdout()).await
}

async fn listener(setup: &AgentSetup) -> Result<TcpListener> {
    let address = setup.order_listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    TcpListener::bind(address).await.with_context(|| format!("order_listen `{address}`: choose a free address"))
}

/// Obeys the lab.
async fn serve(agent: Agent, listener: TcpListener, mut input: Lines<Stdin>, mut output: Stdout) -> Result<()> {
    let order = listener.local_addr()?;
    say(&mut output, &FromAgent::Listening { probe: agent.socket.local_address()?, order }).await?;
    let Some(ToAgent::Peers(peers)) = input.next().await? else { bail!("the second control line must be the peers") };
    let Some(ToAgent::Start { raw_ns, measured }) = input.next().await? else {
        bail!("the third control line must be the start")
    };
    let start = Time::from_nanos(raw_ns);
    let (setup, key) = (agent.setup.clone(), agent.key.clone());
    let running = agent.start(peers.iter().map(|peer| (peer.node, peer.probe)).collect(), start);
    let (clock, published) = (running.clock.clone(), running.published.clone());
    let (cluster, patience) = (setup.run.cluster, PATIENCE);
    let peers = peers.iter().map(|peer| (peer.node, peer.order)).collect();
    let orderer = Orderer::start(OrderSetup { setup, key, listener, peers, clock, published, cluster, patience })?;
    obey(running, orderer, listen(input), output, start + measured).await
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

async fn obey(
    running: Running,
    mut orderer: Orderer,
    mut commands: Commands,
    mut output: Stdout,
    end: Time<Raw>,
) -> Result<()> {
    let remaining = Duration::from_nanos((end - raw_now()).0.max(0).unsigned_abs());
    let measuring = tokio::time::sleep(remaining);
    tokio::pin!(measuring);
    let mut measured = false;
    loop {
        tokio::select! {
            () = &mut measuring, if !measured => {
                measured = true;
                running.tell(Command::Mark(Mark::MeasuringEnded));
                say(&mut output, &FromAgent::Measured).await?;
            }
            done = orderer.done() => match done? {
                Done::Connected => say(&mut output, &FromAgent::Connected).await?,
                Done::Phase(report) => {
                    running.tell(Command::Note(Note::Phase(report.clone())));
                    say(&mut output, &FromAgent::PhaseDone(report)).await?;
                }
                Done::Ready { scene, raw_ns, reading_ns } => {
                    say(&mut output, &FromAgent::Ready { scene, raw_ns, reading_ns }).await?;
                }
                Done::Played { scene, cpu_ns, links, .. } => {
                    say(&mut output, &FromAgent::Played { scene, cpu_ns, links }).await?;
                }
                Done::Link(change) => say(&mut output, &FromAgent::Link(change)).await?,
                Done::Tried => say(&mut output, &FromAgent::Tried).await?,
            },
            command = commands.recv() => match command {
                Some(ToAgent::Connect) => orderer.connect().await,
                Some(ToAgent::Cut(cuts)) => orderer.cut(cuts).await,
                Some(ToAgent::Phase(phase)) => orderer.run(phase).await,
                Some(ToAgent::Trial(trial)) => orderer.play(trial).await,
                Some(ToAgent::Cue(cue)) => orderer.cue(cue).await,
                Some(ToAgent::Count) => say(&mut output, &FromAgent::Counted(orderer.count())).await?,
                Some(ToAgent::Stop) | None => break,
                Some(other) => bail!("the agent runs already: {other:?} comes too late"),
            },
        }
    }
    let unacknowledged = unacknowledged(running.stop().await?);
    say(&mut output, &FromAgent::Stopped { unacknowledged }).await
}

/// Frames that the collector has not; why is said on standard error.
fn unacknowledged(ended: Ended) -> u64 {
    let Ended { spooled, shipped, .. } = ended;
    if let Some(why) = &spooled.stopped {
        eprintln!("agent: {} frames were not written: {why}", spooled.dropped_frames);
    }
    let Some(shipped) = shipped else { return spooled.frames };
    if let Some(why) = shipped.last_error.filter(|_| shipped.unacked > 0) {
        eprintln!("agent: {} frames were not shipped: {why}", shipped.unacked);
    }
    shipped.unacked + shipped.damaged_frames
}
