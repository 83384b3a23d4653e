//! What this host says of its own clock, written down for the audit of claims. A thread of its own asks, seldom, and hands
//! what it hears to the probe thread's queue of commands: nothing here is ever waited for.

pub mod chrony;
pub mod clockbound;
mod kernel;
mod phc;

use std::io::Read;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::clock::LocalClock;
use super::probing::Command;
use crate::journal::{ClaimSource, HostClaim, Note};
use crate::time::Nanos;

/// How often the host is asked.
const EVERY: Duration = Duration::from_secs(1);
/// Of so many times one asks the daemon as well.
const DAEMON_EVERY: u32 = 4;
/// A program that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of what a program prints no more is read.
const MOST_BYTES: u64 = 4_096;

/// What a source said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Said {
    /// Whether it calls the clock synchronised.
    pub synchronised: bool,
    /// |clock − true time| is at most this.
    pub error_bound: Nanos,
    /// clock − true time as it estimates it.
    pub offset: Option<Nanos>,
    /// How far off it takes the clock to be, give or take; no promise.
    pub estimated_error: Option<Nanos>,
}

/// Asks the host until it is dropped.
#[derive(Debug)]
pub struct Listening(#[expect(dead_code, reason = "it is held: the thread ends when it is gone")] Sender<()>);

/// Starts the thread that asks; what it hears goes to `commands`. `chrony_socket` is where chronyd listens, if not at its
/// usual place.
pub fn listen(clock: LocalClock, commands: Sender<Command>, chrony_socket: Option<String>) -> Listening {
    let (stop, stopped) = channel();
    let asking = Asking { clock, commands, chrony_socket, has_chronyc: true };
    // Without the thread nothing is heard, and nothing else is lost.
    let _ = std::thread::Builder::new().name("claims".into()).spawn(move || asking.run(&stopped));
    Listening(stop)
}

struct Asking {
    clock: LocalClock,
    commands: Sender<Command>,
    chrony_socket: Option<String>,
    has_chronyc: bool,
}

impl Asking {
    fn run(mut self, stopped: &Receiver<()>) {
        for turn in 0_u32.. {
            self.ask(turn.is_multiple_of(DAEMON_EVERY));
            if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn ask(&mut self, daemon_too: bool) {
        self.tell(ClaimSource::ClockBound, clockbound::read(Path::new(clockbound::PATH)));
        for said in phc::read() {
            self.tell(ClaimSource::Phc, Some(said));
        }
        self.tell(ClaimSource::Kernel, kernel::read());
        if daemon_too && self.has_chronyc {
            let socket: Vec<&str> = self.chrony_socket.iter().flat_map(|socket| ["-h", socket]).collect();
            let printed = run("chronyc", &[&socket[..], &["-n", "-c", "tracking"]].concat(), &mut self.has_chronyc);
            self.tell(ClaimSource::Chrony, printed.and_then(|text| chrony::parse(&text)));
        }
    }

    fn tell(&mut self, source: ClaimSource, said: Option<Said>) {
        let Some(Said { synchronised, error_bound, offset, estimated_error }) = said else { return };
        let at_ns = self.clock.now().as_nanos();
        let claim = HostClaim { at_ns, source, synchronised, error_bound, offset, estimated_error };
        // A probe thread that is gone needs no more claims.
        let _ = self.commands.send(Command::Note(Note::Claim(claim)));
    }
}

/// What a program prints, if it ends well and soon; `is_there` becomes false if there is no such program.
fn run(program: &str, arguments: &[&str], is_there: &mut bool) -> Option<String> {
    let quiet =
        Process::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = quiet else {
        *is_there = false;
        return None;
    };
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut printed = Vec::new();
    child.stdout.take()?.take(MOST_BYTES).read_to_end(&mut printed).ok()?;
    status.success().then(|| String::from_utf8_lossy(&printed).into_owned())
}

/// Seconds as a program prints them, in ns; none if that is no number or beyond what a clock shows.
fn seconds(text: &str) -> Option<Nanos> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds.is_finite() && seconds.abs() < 9e9).then(|| Nanos((seconds * 1e9).round() as i64))
}
