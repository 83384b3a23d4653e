//! Runs on all cores: threads take the next run that nobody has taken, and say what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use skewbench::sim::scenario::Refused;
use skewbench::sim::{Scenario, World};
use skewbench::sweep::{Grid, Measured, grid, measure};

/// What is to be run.
#[derive(Debug)]
pub struct Plan {
    pub base: Scenario,
    pub grid: Grid,
    pub seeds: u32,
    pub first_seed: u64,
}

impl Plan {
    /// The seeds of every point.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.first_seed;
        (0..u64::from(self.seeds)).map(move |seed| first.wrapping_add(seed))
    }

    /// The seeds in words: `seeds 1 to 5`.
    pub fn seeds_told(&self) -> String {
        match self.seeds().last() {
            Some(last) if last != self.first_seed => format!("seeds {} to {last}", self.first_seed),
            _ => format!("seed {}", self.first_seed),
        }
    }

    /// Every run of the grid, in its order, after each point was checked to be possible.
    pub fn jobs(&self) -> Result<Vec<Job>, Refused> {
        let mut jobs = Vec::new();
        for point in 0..self.grid.len() {
            let scenario = self.scenario(point)?;
            World::new(&scenario, self.first_seed)
                .map_err(|why| Refused(format!("{}: {why}", self.grid.name(point))))?;
            let cost = grid::cost(&scenario);
            jobs.extend(self.seeds().map(|seed| Job { point, seed, cost }));
        }
        Ok(jobs)
    }

    fn scenario(&self, point: usize) -> Result<Scenario, Refused> {
        self.grid.scenario(&self.base, point, self.first_seed)
    }

    fn carry_out(&self, job: &Job) -> Result<Measured, Refused> {
        let named = |why: Refused| Refused(format!("{}: {why}", self.grid.name(job.point)));
        measure(&self.scenario(job.point)?, job.seed).map_err(named)
    }
}

/// One run: a point with a seed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Job {
    pub point: usize,
    pub seed: u64,
    /// How much of the whole it is, in a unit of its own.
    pub cost: f64,
}

/// What came from the workers.
pub enum Next {
    /// A run is done.
    Done(Job, Result<Measured, Refused>),
    /// None was for the time given.
    Nothing,
    /// All are done.
    Over,
}

/// Threads at work. They go with the program: one that is in the middle of a run is not waited for.
pub struct Workers(Receiver<(Job, Result<Measured, Refused>)>);

impl Workers {
    /// Starts so many threads on these runs.
    pub fn start(plan: &Arc<Plan>, jobs: Vec<Job>, threads: usize) -> Self {
        let (say, hear) = mpsc::sync_channel(threads);
        let (jobs, next) = (Arc::new(jobs), Arc::new(AtomicUsize::new(0)));
        for _ in 0..threads.min(jobs.len()) {
            let (plan, jobs, next, say) = (Arc::clone(plan), Arc::clone(&jobs), Arc::clone(&next), say.clone());
            thread::spawn(move || work(&plan, &jobs, &next, &say));
        }
        Self(hear)
    }

    /// What came next, if something does within this time.
    pub fn next(&self, within: Duration) -> Next {
        match self.0.recv_timeout(within) {
            Ok((job, found)) => Next::Done(job, found),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Over,
        }
    }
}

fn work(plan: &Plan, jobs: &[Job], next: &AtomicUsize, say: &SyncSender<(Job, Result<Measured, Refused>)>) {
    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        if say.send((*job, plan.carry_out(job))).is_err() {
            return;
        }
    }
}
