//! The agent's spool: a thread that writes what the probe thread saw to a file, frame by frame. The probe thread never
//! waits for it: what the thread cannot take at once stays in a bounded buffer, and what exceeds that is counted.

mod file;
mod sender;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::sync::watch;

use file::SpoolFile;
use sender::Batch;
pub use sender::Sender;

use crate::journal::{Entry, Header, Note, Writer, file_name};
use crate::time::{Local, Time};

/// How a spool is kept.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    /// The folder of the spool file; it is made if it is missing.
    pub dir: PathBuf,
    /// The file grows no larger than this.
    pub cap_bytes: u64,
    /// The longest that an entry waits for its frame: about what a killed agent loses.
    pub flush_every: Duration,
    /// The longest that a frame waits for fdatasync: about what a power cut loses.
    pub sync_every: Duration,
    /// How many batches the channel to the thread holds.
    pub queue_batches: usize,
    /// How many entries the probe thread keeps when the channel is full.
    pub buffer_entries: usize,
}

impl SpoolConfig {
    /// How large a spool file may grow unless it is said.
    pub const CAP_BYTES: u64 = 4 << 30;

    /// A spool in `dir` as it is usually kept: 4 GiB, a frame every 250 ms, fdatasync every second.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            cap_bytes: Self::CAP_BYTES,
            flush_every: Duration::from_millis(250),
            sync_every: Duration::from_secs(1),
            queue_batches: 64,
            buffer_entries: 1 << 16,
        }
    }
}

/// How much of a spool file is complete: whole frames only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// How many frames.
    pub frames: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many frames could not be written.
    pub dropped_frames: u64,
    /// Whether nothing will be added.
    pub closed: bool,
}

/// How a spool ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpoolReport {
    /// Frames in the file.
    pub frames: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Frames that were not written since the file was full.
    pub dropped_frames: u64,
    /// Entries of those frames.
    pub dropped_entries: u64,
    /// Entries that were too large for any frame.
    pub oversize_entries: u64,
    /// Calls of fdatasync that failed.
    pub sync_failures: u64,
    /// Why writing stopped, if it did.
    pub stopped: Option<String>,
}

/// A running spool.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    progress: watch::Receiver<Progress>,
    thread: JoinHandle<SpoolReport>,
}

impl Spool {
    /// Begins a spool file with `header` as its first entry, and the thread that writes it.
    ///
    /// # Errors
    /// If the file cannot be made, or exists: a boot has one spool.
    pub fn start(header: Header, config: &SpoolConfig) -> anyhow::Result<(Self, Sender)> {
        let path = config.dir.join(file_name(header.node, header.boot));
        std::fs::create_dir_all(&config.dir).with_context(|| {
            format!("spool folder `{}` cannot be made: choose one you may write", config.dir.display())
        })?;
        let file = OpenOptions::new().append(true).create_new(true).open(&path).with_context(|| {
            format!("spool file `{}` cannot be made: choose a folder you may write, free of it", path.display())
        })?;
        let (progress, watched) = watch::channel(Progress::default());
        let mut writing = Writing::new(Writer::new(header), SpoolFile::new(file, config.cap_bytes), progress);
        // The first frame holds the configuration, without which nothing that follows is of use.
        writing.flush();
        ensure!(writing.writer.lost() == 0, "the topology is too large for a journal's header: use fewer arcs");
        if let Some(reason) = &writing.file.stopped {
            anyhow::bail!("spool file `{}` cannot be written ({reason}): free some space", path.display());
        }
        let (channel, batches) = sync_channel(config.queue_batches);
        let (flush_every, sync_every) = (config.flush_every, config.sync_every);
        let thread = std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || writing.run(&batches, flush_every, sync_every))
            .context("the spool's thread cannot be started")?;
        Ok((Self { path, progress: watched, thread }, Sender::new(channel, config.buffer_entries)))
    }

    /// The spool file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much of the file is complete, now and at every change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until everything is written; the [`Sender`] must have been finished or dropped, or this waits for that.
    pub fn join(self) -> SpoolReport {
        self.thread.join().unwrap_or_else(|_| {
            let last = *self.progress.borrow();
            let stopped = Some("the spool's thread panicked".to_owned());
            SpoolReport { frames: last.frames, bytes: last.bytes, stopped, ..SpoolReport::default() }
        })
    }
}

/// The thread's side.
struct Writing {
    writer: Writer,
    file: SpoolFile,
    covers_until: Time<Local>,
    said: Time<Local>,
    progress: watch::Sender<Progress>,
    counters: BTreeMap<String, u64>,
    dropped_entries: u64,
}

impl Writing {
    fn new(writer: Writer, file: SpoolFile, progress: watch::Sender<Progress>) -> Self {
        let (covers_until, said) = (Time::MIN, Time::MIN);
        let counters = BTreeMap::new();
        Self { writer, file, covers_until, said, progress, counters, dropped_entries: 0 }
    }

    fn run(mut self, batches: &Receiver<Batch>, flush_every: Duration, sync_every: Duration) -> SpoolReport {
        let mut flush_at = Instant::now() + flush_every;
        let mut sync_at = Instant::now() + sync_every;
        loop {
            match batches.recv_timeout(flush_at.saturating_duration_since(Instant::now())) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = Instant::now();
            if now >= flush_at || self.writer.is_full() {
                self.flush();
                flush_at = now + flush_every;
            }
            if now >= sync_at {
                self.file.sync();
                sync_at = now + sync_every;
            }
        }
        self.flush();
        self.say_dropped();
        self.file.sync();
        self.progress.send_modify(|progress| progress.closed = true);
        self.report()
    }

    fn take(&mut self, batch: Batch) {
        if let Some(Entry::Note(Note::Counters(counters))) = batch.entries.last() {
            self.counters.clone_from(counters);
        }
        self.writer.extend(batch.entries);
        self.covers_until = self.covers_until.max(batch.covers_until);
    }

    /// Writes what there is, if there is anything.
    fn flush(&mut self) {
        let entries = self.writer.pending() as u64;
        if entries == 0 && self.covers_until == self.said {
            return;
        }
        let (mut bytes, before) = (Vec::new(), self.writer.frames());
        self.writer.cut(self.covers_until, &mut bytes);
        self.said = self.covers_until;
        let frames = self.writer.frames() - before;
        if self.file.append(&bytes) {
            self.advance(frames);
        } else {
            if self.progress.borrow().dropped_frames == 0 {
                let why = self.file.stopped.as_deref().unwrap_or_default();
                eprintln!("agent: the journal ends here, probing goes on: {why}");
            }
            self.progress.send_modify(|progress| progress.dropped_frames += frames);
            self.dropped_entries += entries;
        }
    }

    fn advance(&mut self, frames: u64) {
        self.progress.send_modify(|progress| {
            progress.frames += frames;
            progress.bytes = self.file.bytes;
        });
    }

    /// The last words of a journal that could not hold everything: what was dropped, after a gap in the numbers.
    fn say_dropped(&mut self) {
        let dropped_frames = self.progress.borrow().dropped_frames;
        if dropped_frames == 0 {
            return;
        }
        let dropped = [("journal_dropped_frames", dropped_frames), ("journal_dropped_entries", self.dropped_entries)];
        for (name, count) in dropped {
            *self.counters.entry(name.to_owned()).or_default() += count;
        }
        let (mut bytes, before) = (Vec::new(), self.writer.frames());
        self.writer.extend([Entry::Note(Note::Counters(self.counters.clone()))]);
        self.writer.cut(self.covers_until, &mut bytes);
        if self.file.append_last(&bytes) {
            self.advance(self.writer.frames() - before);
        }
    }

    fn report(self) -> SpoolReport {
        let Progress { frames, bytes, dropped_frames, .. } = *self.progress.borrow();
        let dropped_entries = self.dropped_entries;
        let (oversize_entries, sync_failures, stopped) =
            (self.writer.lost(), self.file.sync_failures, self.file.stopped);
        SpoolReport { frames, bytes, dropped_frames, dropped_entries, oversize_entries, sync_failures, stopped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;
    use crate::journal::{Journals, samples};

    fn ten() -> Time<Local> {
        Time::from_nanos(10)
    }

    #[test]
    fn everything_offered_is_in_the_file_after_the_end() {
        let dir = TempDir::new("spool-all");
        let (spool, mut sender) = Spool::start(samples::header(0, 1), &SpoolConfig::new(dir.path())).unwrap();
        let run = samples::run(3, 3_000);
        for batch in run.chunks(100) {
            sender.offer(batch.to_vec(), ten());
        }
        assert_eq!(sender.finish(Duration::from_secs(20)), 0);
        let (path, report) = (spool.path().to_owned(), spool.join());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((report.bytes, report.stopped), (bytes.len() as u64, None));
        assert!(path.ends_with("agent-000-1.skj"));
        let journals = Journals::read([&bytes[..]]);
        let journal = journals.iter().next().unwrap();
        assert!(journal.entries().eq(run));
        assert_eq!(journal.covers_until, ten());
    }

    #[test]
    fn a_frame_says_what_is_covered_even_if_nothing_happened() {
        let dir = TempDir::new("spool-quiet");
        let config = SpoolConfig { flush_every: Duration::from_millis(10), ..SpoolConfig::new(dir.path()) };
        let (spool, mut sender) = Spool::start(samples::header(0, 1), &config).unwrap();
        sender.offer(Vec::new(), ten());
        let deadline = Instant::now() + Duration::from_secs(10);
        while spool.progress().borrow().frames < 2 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The agent is still running; this is what would be left if it were killed now.
        let bytes = std::fs::read(spool.path()).unwrap();
        assert_eq!(Journals::read([&bytes[..]]).iter().next().unwrap().covers_until, ten());
    }

    #[test]
    fn at_the_cap_it_stops_writing_and_counts() {
        let dir = TempDir::new("spool-cap");
        let config = SpoolConfig { cap_bytes: 30_000, ..SpoolConfig::new(dir.path()) };
        let (spool, mut sender) = Spool::start(samples::header(0, 1), &config).unwrap();
        let run = samples::run(3, 3_000);
        sender.offer(run.clone(), ten());
        assert_eq!(sender.finish(Duration::from_secs(20)), 0);
        let (path, report) = (spool.path().to_owned(), spool.join());
        assert!(report.stopped.is_some() && report.dropped_entries == run.len() as u64, "{report:?}");
        let bytes = std::fs::read(path).unwrap();
        let journals = Journals::read([&bytes[..]]);
        assert!(bytes.len() <= 30_000 && journals.unreadable().is_nothing());
        let said = journals.iter().next().unwrap().entries().last();
        let Some(Entry::Note(Note::Counters(counters))) = said else { panic!("{said:?}") };
        assert_eq!(counters["journal_dropped_entries"], run.len() as u64);
    }

    #[test]
    fn a_spool_that_exists_is_not_touched() {
        let dir = TempDir::new("spool-twice");
        let config = SpoolConfig::new(dir.path());
        let (_spool, _sender) = Spool::start(samples::header(0, 1), &config).unwrap();
        let error = Spool::start(samples::header(0, 1), &config).unwrap_err();
        assert!(error.to_string().contains("agent-000-1.skj"));
    }
}
