//! A folder of journals as they grow: each file is read from where the last look ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::life::{Life, Limits};
use crate::analysis::AgentRun;
use crate::host::frames::window;
use crate::ids::NodeId;
use crate::time::Nanos;

/// Most windows of a file that are read at one look: a long journal that is already there is caught up with bit by bit.
const WINDOWS: usize = 4;
/// How long a message may be under way beside its configured delay before it counts as lost.
const GRACE: Nanos = Nanos::from_millis(100);
/// The longest that the view lags behind for messages with long delays.
const MOST_GRACE: Nanos = Nanos::from_seconds(5);
/// A node whose journal has not grown for this long while others have is left out, or time would stand still for all.
const SILENCE: Duration = Duration::from_secs(5);

/// A folder that is followed. What it holds is bounded, however long the run.
pub struct Tail {
    folder: PathBuf,
    limits: Limits,
    offsets: BTreeMap<PathBuf, u64>,
    lives: BTreeMap<NodeId, Life>,
}

impl Tail {
    /// Follows `folder`, which may not exist yet.
    pub fn new(folder: &Path, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), limits, offsets: BTreeMap::new(), lives: BTreeMap::new() }
    }

    /// Reads what is new; says whether there is anything to show that was not there before.
    pub fn read(&mut self, now: Instant) -> bool {
        let Ok(entries) = fs::read_dir(&self.folder) else { return false };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let journals: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "skj")).collect();
        // A file that cannot be read now may be readable at the next look; the report at the end names it.
        let is_new = journals.into_iter().map(|path| self.read_file(path, now).unwrap_or(false));
        let is_new = is_new.fold(false, |one, other| one | other);
        let share = self.share();
        self.lives.values_mut().for_each(|life| life.forget(&share));
        is_new
    }

    fn read_file(&mut self, path: PathBuf, now: Instant) -> io::Result<bool> {
        let mut offset = self.offsets.get(&path).copied().unwrap_or(0);
        let (file, mut is_new) = (File::open(&path)?, false);
        let length = file.metadata()?.len();
        for _ in 0..WINDOWS {
            if offset >= length {
                break;
            }
            let window = window(&file, offset, length)?;
            for (header, range) in &window.frames {
                is_new |= self.add(header, &window.bytes[range.clone()], now);
            }
            let is_last = window.next_offset >= length;
            // At the end half a frame may lie, whose rest is yet to come.
            offset = if is_last { offset + window.end as u64 } else { window.next_offset };
            if is_last {
                break;
            }
        }
        self.offsets.insert(path, offset);
        Ok(is_new)
    }

    fn add(&mut self, header: &crate::journal::FrameHeader, bytes: &[u8], now: Instant) -> bool {
        let share = self.share();
        let life = self.lives.entry(header.node).or_insert_with(|| Life::new(header.boot, now));
        if header.boot > life.boot {
            *life = Life::new(header.boot, now);
        }
        header.boot == life.boot && life.add(header, bytes, now, &share)
    }

    /// What each node may keep.
    fn share(&self) -> Limits {
        Limits { entries: self.limits.entries / self.lives.len().max(1), ..self.limits }
    }

    /// The journals of the nodes that are heard.
    pub fn runs(&self) -> Vec<AgentRun> {
        let slowest = self.lives.values().map(Life::slowest_arc).fold(Nanos::ZERO, Nanos::max);
        let grace = (slowest + GRACE).min(MOST_GRACE);
        let heard = self.lives.values().filter(|life| self.silence(life).is_zero());
        heard.filter_map(|life| life.run(grace)).collect()
    }

    /// Nodes that fell silent, and for how long they have been.
    pub fn silent(&self) -> Vec<(NodeId, Nanos)> {
        let nanos = |span: Duration| Nanos(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX));
        let all = self.lives.iter().map(|(node, life)| (*node, nanos(self.silence(life))));
        all.filter(|(_, silence)| *silence > Nanos::ZERO).collect()
    }

    /// How long a node has been silent while others were not; zero for what is no silence yet.
    fn silence(&self, life: &Life) -> Duration {
        let newest = self.lives.values().map(|life| life.heard).max().unwrap_or(life.heard);
        Some(newest - life.heard).filter(|silence| *silence > SILENCE).unwrap_or_default()
    }
}
