//! The lab's children as processes: started, steered by lines, and remembered by their last words.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::{OPENING, Plan};
use crate::host::control::{FromCollector, KEY_VARIABLE, Lines, ToCollector, say};

/// How long the collector may take to analyse.
const ANALYSING: Duration = Duration::from_secs(120);
/// How long a child that was told to end may take.
const ENDING: Duration = Duration::from_secs(2);
/// Lines of a child's standard error that are kept.
const LOG_LINES: usize = 12;

/// The last lines that a child wrote to its standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn follow(&self, input: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(input).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == LOG_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
    }

    pub(super) fn last_lines(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|line| format!("\n    | {line}")).collect()
    }
}

/// A child process that is steered over its standard input.
pub(super) struct Steered {
    pub(super) name: String,
    child: Child,
    input: Option<ChildStdin>,
    pub(super) log: Log,
}

impl Steered {
    /// Starts a copy of the program in a process group of its own, so that Ctrl-C reaches the lab alone.
    pub(super) fn start(plan: &Plan, name: String, subcommand: &str) -> Result<(Self, ChildStdout)> {
        let mut child = Command::new(&plan.program)
            .args([subcommand, "--controlled"])
            .env(KEY_VARIABLE, plan.key.to_hex())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name}: cannot start {}", plan.program.display()))?;
        let log = Log::default();
        if let Some(errors) = child.stderr.take() {
            log.follow(errors);
        }
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.with_context(|| format!("{name}: no standard output"))?;
        Ok((Self { name, child, input, log }, output))
    }

    /// Says a line; a child that is gone is noticed by the end of its output.
    pub(super) async fn tell(&mut self, line: &impl Serialize) {
        if let Some(input) = &mut self.input {
            let _ = say(input, line).await;
        }
    }

    /// Ends the child at once, as kill -9 does.
    pub(super) async fn kill(&mut self) {
        // It may have ended this very moment.
        let _ = self.child.kill().await;
    }

    /// The child's process id, while it lives.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How the child ended. Waits a moment for it to be gone.
    pub(super) async fn epitaph(&mut self) -> String {
        match timeout(Duration::from_secs(1), self.child.wait()).await {
            Ok(Ok(status)) => format!("{} died: {status}", self.name),
            _ => format!("{} no longer answers", self.name),
        }
    }

    /// Ends the child, by force if it does not end by itself once nobody steers it any more.
    pub(super) async fn end(&mut self) {
        self.input = None;
        if timeout(ENDING, self.child.wait()).await.is_err() {
            // It may have ended this very moment.
            let _ = self.child.kill().await;
        }
    }
}

/// The collector.
pub(super) struct CollectorProcess {
    process: Steered,
    lines: Lines<ChildStdout>,
    pub(super) address: SocketAddr,
}

impl CollectorProcess {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let (mut process, output) = Steered::start(plan, "collector".to_owned(), "collector")?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (dir, cluster) = (plan.dir.clone(), plan.run.cluster);
        process.tell(&ToCollector::Setup { listen, dir, cluster, metrics: None }).await;
        let mut lines = Lines::new(output);
        match timeout(OPENING, lines.next()).await {
            Ok(Ok(Some(FromCollector::Listening { address }))) => Ok(Self { process, lines, address }),
            _ => bail!("the lab could not start: {}{}", process.epitaph().await, process.log.last_lines()),
        }
    }

    pub(super) async fn finish(&mut self) -> Result<(u8, String)> {
        self.process.tell(&ToCollector::Finish).await;
        match timeout(ANALYSING, self.lines.next()).await {
            Ok(Ok(Some(FromCollector::Done { exit_code, text }))) => Ok((exit_code, text)),
            Ok(Ok(_)) => Err(anyhow!("{}{}", self.process.epitaph().await, self.process.log.last_lines())),
            Ok(Err(why)) => Err(why.context("the collector")),
            Err(_) => Err(anyhow!("the collector did not finish within {} s", ANALYSING.as_secs())),
        }
    }
}
