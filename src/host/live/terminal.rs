//! The terminal, borrowed: whatever happens it is given back as it was.

use std::io::{self, IsTerminal, Stderr, stderr};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use crate::report::live::{Palette, View, draw};

/// Whether the terminal is ours at the moment.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// Why there is no terminal to draw on, if there is none.
pub fn missing() -> Option<&'static str> {
    match std::env::var("TERM") {
        _ if !stderr().is_terminal() => Some("standard error is no terminal"),
        Ok(kind) if kind == "dumb" => Some("the terminal is a dumb one (TERM)"),
        _ => None,
    }
}

/// Colours, unless NO_COLOR asks for none (no-color.org).
pub fn palette() -> Palette {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if refused { Palette::Plain } else { Palette::Colours }
}

/// The borrowed terminal.
pub struct Terminal(ratatui::Terminal<CrosstermBackend<Stderr>>);

impl Terminal {
    /// Borrows it: another page, no echo, keys at once.
    pub fn open() -> Result<Self> {
        give_back_on_panic();
        BORROWED.store(true, Ordering::SeqCst);
        let opened = enable_raw_mode()
            .and_then(|()| execute!(stderr(), EnterAlternateScreen))
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stderr())));
        if opened.is_err() {
            give_back();
        }
        opened.map(Self).context("--live: the terminal cannot be drawn on")
    }

    /// Whether it was not given back meanwhile, as a panic anywhere does.
    pub fn is_ours(&self) -> bool {
        BORROWED.load(Ordering::SeqCst)
    }

    /// Draws.
    pub fn draw(&mut self, view: &View<'_>) -> io::Result<()> {
        self.0.draw(|frame| draw(frame, view)).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if BORROWED.swap(false, Ordering::SeqCst) {
        // There is nobody left to be told if this fails.
        let _ = disable_raw_mode();
        let _ = execute!(stderr(), LeaveAlternateScreen, Show);
    }
}

/// A panic's words must not be lost on a page that goes away.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_on_any_thread_gives_the_terminal_back_before_it_speaks() {
        give_back_on_panic();
        BORROWED.store(true, Ordering::SeqCst);
        let panicked = std::thread::spawn(|| panic!("on purpose")).join();
        assert!(panicked.is_err() && !BORROWED.load(Ordering::SeqCst));
    }
}
