//! How far a run is.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A run that takes longer than this says how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// A progress bar that comes only if the run takes long.
pub struct Progress {
    doing: &'static str,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of a simulation. None is shown yet.
    pub fn new() -> Self {
        Self::of("simulating")
    }

    /// Of what is being done, in a word. None is shown yet.
    pub fn of(doing: &'static str) -> Self {
        Self { doing, began: Instant::now(), bar: None }
    }

    /// So much of the run is over, as a share.
    pub fn show(&mut self, share: f64) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(1_000);
            let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent:>3}% {eta}");
            bar.set_message(self.doing);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar
        });
        bar.set_position((share * 1e3) as u64);
    }

    /// The run is over.
    pub fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
