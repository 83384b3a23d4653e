//! The wish to stop: SIGTERM from a service manager, SIGINT from a person.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, heard from the moment this exists.
#[derive(Debug)]
pub struct Stop {
    term: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Listens for both signals, on the present tokio runtime.
    ///
    /// # Errors
    /// The operating system's.
    pub fn listen() -> Result<Self> {
        let on = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self { term: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits for the next of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
