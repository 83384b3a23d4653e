//! How far a sweep is: a bar on a terminal, else a line now and then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::work::Job;

/// A sweep that takes no longer says nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where nobody sees a bar, a line comes so often.
const LINES: Duration = Duration::from_secs(10);

/// What is done of what is to be done. Runs count by their cost, points when their last run is done.
pub struct Progress {
    began: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
    quiet: bool,
    cost: [f64; 2],
    points: [usize; 2],
    missing: BTreeMap<usize, usize>,
}

impl Progress {
    /// Of these runs.
    pub fn new(jobs: &[Job], quiet: bool) -> Self {
        let mut missing = BTreeMap::new();
        jobs.iter().for_each(|job| *missing.entry(job.point).or_default() += 1);
        let (now, cost) = (Instant::now(), jobs.iter().map(|job| job.cost).sum());
        Self { began: now, told: now, bar: None, quiet, cost: [0.0, cost], points: [0, missing.len()], missing }
    }

    /// One more is done.
    pub fn done(&mut self, job: &Job) {
        self.cost[0] += job.cost;
        if let Some(missing) = self.missing.get_mut(&job.point) {
            *missing -= 1;
            self.points[0] += usize::from(*missing == 0);
        }
        self.show();
    }

    /// Shows how far it is, if it is time to.
    pub fn show(&mut self) {
        if self.quiet || self.began.elapsed() < PATIENCE {
            return;
        }
        let share = self.cost[0] / self.cost[1].max(f64::MIN_POSITIVE);
        let text = format!("{} of {} points{}", self.points[0], self.points[1], self.left(share));
        let bar = self.bar.get_or_insert_with(bar);
        bar.set_message(text.clone());
        bar.set_position((share * 1e3) as u64);
        if bar.is_hidden() && self.told.elapsed() >= LINES {
            eprintln!("sweep: {:.0} %, {text}", share * 1e2);
            self.told = Instant::now();
        }
    }

    /// How long the rest takes, if it goes on as it did.
    fn left(&self, share: f64) -> String {
        let left = self.began.elapsed().as_secs_f64() * (1.0 - share) / share;
        let told = |left| humantime::format_duration(Duration::from_secs(left));
        if left.is_finite() && left < 1e9 { format!(", {} left", told(left as u64)) } else { String::new() }
    }

    /// It is over.
    pub fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("sweeping [{bar:40}] {percent:>3}% {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}
