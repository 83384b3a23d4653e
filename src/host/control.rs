//! How a lab steers its agents and its collector: one JSON value a line over their standard input and output.
//!
//! When the input ends, whoever held its other end is gone, and the process ends too: agents die with their lab.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::ordering::player::Count;
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::journal::RunConfig;
use crate::model::oscillator::Declaration;
use crate::order::link::{LinkChange, LinkReport, PlannedCut};
use crate::order::report::{Phase, PhaseReport};
use crate::time::{Nanos, Ppb};
use crate::trial::{Terms, Workload};

/// Longest line of the protocol. A topology of a thousand nodes fits.
const LINE_BYTES: u64 = 64 << 20;

/// The variable that carries the cluster's key to child processes, as 64 hexadecimal digits.
pub const KEY_VARIABLE: &str = "SKEWBENCH_KEY";

/// What an agent is told about itself, first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentSetup {
    /// The agent's node.
    pub node: NodeId,
    /// Where it listens for probes.
    pub listen: SocketAddr,
    /// Where it listens for ordering connections, if it takes part in ordering.
    pub order_listen: Option<SocketAddr>,
    /// Where it ships its journal to, as host and port.
    pub collector: Option<String>,
    /// Where it keeps its journal until then.
    pub spool: PathBuf,
    /// What all agents have in common.
    pub run: RunConfig,
    /// The oscillator of its local clock.
    pub oscillator: Option<Declaration>,
    /// Limit on |rate − 1| of its local clock.
    pub kappa_ppb: Ppb,
    /// The clocks that it runs.
    #[serde(default)]
    pub clocks: Algorithms,
    /// The loopback address at which it serves metrics, if it does.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
    /// Where chronyd takes commands, if not at its usual place.
    #[serde(default)]
    pub chrony_socket: Option<String>,
}

/// Where an agent can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerAddress {
    /// The agent's node.
    pub node: NodeId,
    /// For probes.
    pub probe: SocketAddr,
    /// For ordering connections.
    pub order: SocketAddr,
}

/// A trial as all agents are told to play it: each makes of it the same scenes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// What is played.
    pub workload: Workload,
    /// On which terms.
    pub terms: Terms,
    /// The clock that processes read.
    pub algorithm: Algorithm,
    /// Most messages in one write.
    pub batch: u32,
    /// Whether there is more to it than its first scene.
    pub scenes: Scenes,
}

/// Which scenes of a trial are played.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenes {
    /// All of them.
    All,
    /// The first alone, the main one; of the others nothing happens.
    First,
    /// The main ones alone, as many as [`Workload::main_scenes`] says.
    Main,
}

impl Scenes {
    /// How many are played, from the first on.
    pub fn most(self, workload: Workload) -> u16 {
        match self {
            Self::All => u16::MAX,
            Self::First => 1,
            Self::Main => workload.main_scenes() as u16,
        }
    }
}

/// When a scene begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cue {
    /// It begins.
    Begin {
        /// Which scene.
        scene: u16,
        /// CLOCK_MONOTONIC_RAW at its beginning.
        raw_ns: i64,
        /// What a clock without offset shows then.
        base_ns: i64,
        /// CLOCK_MONOTONIC_RAW at which it is over whatever happens.
        end_ns: i64,
    },
    /// It is over.
    Curtain {
        /// Which scene.
        scene: u16,
    },
}

/// From lab to agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToAgent {
    /// First of all.
    Setup(Box<AgentSetup>),
    /// Where everybody is, the agent itself included.
    Peers(Vec<PeerAddress>),
    /// Begin to probe.
    Start {
        /// CLOCK_MONOTONIC_RAW at which the node is born.
        raw_ns: i64,
        /// How long clocks are measured from then on.
        measured: Nanos,
    },
    /// Open the ordering connections.
    Connect,
    /// Cut connections in the next phase, or in the first scene of the next trial.
    Cut(Vec<PlannedCut>),
    /// Run an ordering phase.
    Phase(Phase),
    /// Play a trial.
    Trial(Box<Trial>),
    /// Begin or end a scene of it.
    Cue(Cue),
    /// Say how far the scene is.
    Count,
    /// Stop probing, ship the rest and end.
    Stop,
}

/// From agent to lab.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromAgent {
    /// The sockets are open.
    Listening {
        /// Of the probe socket.
        probe: SocketAddr,
        /// Of the ordering listener.
        order: SocketAddr,
    },
    /// The measured span is over.
    Measured,
    /// The ordering connections are open.
    Connected,
    /// An ordering phase is over.
    PhaseDone(Box<PhaseReport>),
    /// The agent is ready for a scene.
    Ready {
        /// Which scene.
        scene: u16,
        /// CLOCK_MONOTONIC_RAW now.
        raw_ns: i64,
        /// What the trial's clock shows now.
        reading_ns: i64,
    },
    /// How far the scene is.
    Counted(Count),
    /// A scene is over and its trace is written.
    Played {
        /// Which scene.
        scene: u16,
        /// CPU time of the thread that played it, in ns.
        cpu_ns: u64,
        /// What became of the agent's connections.
        links: Vec<LinkReport>,
    },
    /// A connection was cut, mended or lost.
    Link(LinkChange),
    /// A trial is over.
    Tried,
    /// Everything is written and shipped as far as it could be.
    Stopped {
        /// Frames that the collector has not acknowledged.
        unacknowledged: u64,
    },
}

/// From lab to collector.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToCollector {
    /// First of all.
    Setup {
        /// Where to listen.
        listen: SocketAddr,
        /// Where journals and results go.
        dir: PathBuf,
        /// The cluster it serves.
        cluster: u64,
        /// The loopback address at which it serves metrics, if it does.
        #[serde(default)]
        metrics: Option<SocketAddr>,
    },
    /// No more journals will come: analyse and report.
    Finish,
}

/// From collector to lab.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromCollector {
    /// The socket is open.
    Listening {
        /// Its address.
        address: SocketAddr,
    },
    /// The results are written.
    Done {
        /// The exit code of the verdict.
        exit_code: u8,
        /// The results as people read them.
        text: String,
    },
}

/// Reads values from lines.
#[derive(Debug)]
pub struct Lines<R> {
    input: BufReader<R>,
}

impl<R: tokio::io::AsyncRead + Unpin> Lines<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::new(input) }
    }

    /// The next value; `None` at the end of the input. Not to be cancelled half-way.
    ///
    /// # Errors
    /// A line that is too long or not a value of this type.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let mut line = String::new();
        let length = (&mut self.input).take(LINE_BYTES).read_line(&mut line).await.context("control line")?;
        match line.strip_suffix('\n') {
            None if length == 0 => Ok(None),
            None => bail!("a control line ended half-way"),
            Some(text) => serde_json::from_str(text).map(Some).with_context(|| format!("control line `{text}`")),
        }
    }
}

/// Writes a value as one line.
///
/// # Errors
/// The operating system's.
pub async fn say<T: Serialize>(output: &mut (impl AsyncWrite + Unpin), value: &T) -> Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    output.write_all(&line).await?;
    output.flush().await?;
    Ok(())
}
