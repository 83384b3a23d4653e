//! The thread that draws and listens to keys.

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::watch;

use super::looker::Seen;
use super::terminal::{Terminal, palette};
use crate::report::live::{Palette, Running, Status, View};
use crate::time::Nanos;

/// The longest between two pictures.
const PERIOD: Duration = Duration::from_millis(250);

/// What the screen is told by the program that it belongs to.
pub enum Told {
    /// What is done now, and how long it takes.
    Stage(String, Option<Nanos>),
    /// The program is done.
    End,
}

/// Everything that the screen needs.
pub struct Screen {
    terminal: Terminal,
    palette: Palette,
    status: Status,
    began: Instant,
    stage_began: Instant,
    orders: Receiver<Told>,
    looks: Receiver<Option<Seen>>,
    seen: Seen,
    stop: watch::Sender<bool>,
}

impl Screen {
    /// A screen on `terminal`.
    pub fn new(
        terminal: Terminal,
        title: &str,
        orders: Receiver<Told>,
        looks: Receiver<Option<Seen>>,
        stop: watch::Sender<bool>,
    ) -> Self {
        let (status, now) = (Status { title: title.to_owned(), ..Status::default() }, Instant::now());
        let (palette, seen) = (palette(), Seen::default());
        Self { terminal, palette, status, began: now, stage_began: now, orders, looks, seen, stop }
    }

    /// Draws until told to end. A terminal that fails is a person who wants to go.
    pub fn run(mut self) {
        if self.show().is_err() {
            self.stop.send_replace(true);
        }
    }

    fn show(&mut self) -> io::Result<()> {
        while self.obey() && self.terminal.is_ours() {
            self.seen = self.looks.try_iter().flatten().last().unwrap_or_else(|| std::mem::take(&mut self.seen));
            self.status.elapsed = since(self.began);
            self.status.in_stage = since(self.stage_began);
            self.status.silent.clone_from(&self.seen.silent);
            self.status.phase = if *self.stop.borrow() { Running::Stopping } else { Running::On };
            let (status, summary, past, palette) = (&self.status, &self.seen.summary, &self.seen.past, self.palette);
            self.terminal.draw(&View { status, summary, past, palette })?;
            if wait_for_key()? && event::poll(Duration::ZERO)? && is_stop(&event::read()?) {
                self.stop.send_replace(true);
            }
        }
        Ok(())
    }

    /// Whether to go on, once all orders have been followed.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Told::Stage(what, length)) => {
                    (self.status.stage, self.status.stage_length) = (what, length);
                    self.stage_began = Instant::now();
                }
                Err(TryRecvError::Empty) => return true,
                Ok(Told::End) | Err(TryRecvError::Disconnected) => return false,
            }
        }
    }
}

/// Waits for a key, or for the next picture: whether there may be one. A terminal that is gone is an error; the library
/// that reads keys would look for them there for ever.
fn wait_for_key() -> io::Result<bool> {
    let keys = io::stdin();
    let mut waiting = [PollFd::new(keys.as_fd(), PollFlags::POLLIN)];
    // A signal ends the wait early, which is as good as its end.
    let _ = poll(&mut waiting, PollTimeout::try_from(PERIOD).unwrap_or(PollTimeout::ZERO));
    let found = waiting[0].revents().unwrap_or(PollFlags::empty());
    if found.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe));
    }
    Ok(found.contains(PollFlags::POLLIN))
}

fn since(then: Instant) -> Nanos {
    Nanos(i64::try_from(then.elapsed().as_nanos()).unwrap_or(i64::MAX))
}

/// q, Escape and Ctrl-C, which sends no signal while keys come at once.
fn is_stop(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return false };
    let control = modifiers.contains(KeyModifiers::CONTROL);
    let stops = match code {
        KeyCode::Char('c') => control,
        KeyCode::Char('q') => !control,
        KeyCode::Esc => true,
        _ => false,
    };
    stops && *kind == KeyEventKind::Press
}
