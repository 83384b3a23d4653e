//! The live view: what journals say while they come in, in the terminal.
//!
//! Two threads, so that neither disturbs what is measured: one reads what the journals have grown by and analyses the
//! last minute of them, at the lowest priority and never more than a tenth of the time (`looker`); the other draws and
//! listens to keys (`screen`). What is drawn is decided in [`crate::report::live`].

mod life;
mod looker;
mod screen;
mod tail;
mod terminal;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::sync::watch;

use self::looker::Looker;
use self::screen::{Screen, Told};
use self::terminal::Terminal;
use crate::time::Nanos;

/// How long the screen may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A live view that is running. Dropping it gives the terminal back.
pub struct Live {
    told: Sender<Told>,
    screen: Option<JoinHandle<()>>,
}

impl Live {
    /// Shows the journals in `dir`/journals under the name `title`, until it is dropped. When the person asks to stop,
    /// `stop` becomes true.
    ///
    /// # Errors
    /// If there is no terminal to draw on; nothing was drawn then.
    pub fn start(dir: &Path, title: &str, stop: watch::Sender<bool>) -> Result<Self> {
        if let Some(why) = terminal::missing() {
            bail!("--live: {why}");
        }
        let terminal = Terminal::open()?;
        let (told, orders) = channel();
        let (looks, seen) = sync_channel(1);
        let looker = Looker::new(&dir.join("journals"));
        std::thread::Builder::new().name("live-looker".into()).spawn(move || looker.run(&looks))?;
        let screen = Screen::new(terminal, title, orders, seen, stop);
        let screen = std::thread::Builder::new().name("live-screen".into()).spawn(move || screen.run())?;
        Ok(Self { told, screen: Some(screen) })
    }

    /// Says what the program is busy with now, and how long that takes.
    pub fn stage(&self, what: &str, length: Option<Nanos>) {
        // A view that is gone needs no news.
        let _ = self.told.send(Told::Stage(what.to_owned(), length));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.told.send(Told::End);
        let Some(screen) = self.screen.take() else { return };
        let deadline = Instant::now() + PATIENCE;
        while !screen.is_finished() {
            // One that hangs on a terminal that is gone must not keep the program from its report.
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // If it panicked, its terminal was given back all the same.
        let _ = screen.join();
    }
}
