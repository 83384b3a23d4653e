//! The collector's file of one boot: frames are on the disk before anybody hears that they are.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::host::frames::window;
use crate::host::ship::hello::Identity;
use crate::journal::file_name;
use crate::journal::scan::RawFrame;

/// The frames of one boot on disk.
pub struct Store {
    file: File,
    /// Bytes that are known to be on the disk.
    bytes: u64,
    /// All frames below this number are there.
    next: u64,
    /// And these above it.
    beyond: BTreeSet<u64>,
    is_broken: bool,
}

/// What became of a group of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Appended {
    /// Frames that were written.
    pub new: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Frames that were there already.
    pub duplicates: u64,
    /// How long it took until what was written was on the disk.
    pub sync: Option<Duration>,
}

impl Store {
    /// Opens the file of a boot, makes it if it is missing, and cuts off a last frame that is only half there.
    pub fn open(dir: &Path, who: Identity) -> io::Result<Self> {
        let path = dir.join(file_name(who.node, who.boot));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut store = Self { file, bytes: 0, next: 0, beyond: BTreeSet::new(), is_broken: false };
        store.load(who)?;
        if store.file.metadata()?.len() > store.bytes {
            store.file.set_len(store.bytes)?;
        }
        // What an earlier collector wrote may not be on the disk yet, nor the file in its folder.
        store.file.sync_data()?;
        File::open(dir)?.sync_all()?;
        Ok(store)
    }

    fn load(&mut self, who: Identity) -> io::Result<()> {
        let (length, mut offset) = (self.file.metadata()?.len(), 0);
        while offset < length {
            let window = window(&self.file, offset, length)?;
            for (header, _) in &window.frames {
                if (header.node, header.boot) == (who.node, who.boot) {
                    self.add(header.number);
                }
            }
            if !window.frames.is_empty() {
                self.bytes = offset + window.end as u64;
            }
            offset = window.next_offset;
        }
        Ok(())
    }

    /// The first frame that is missing.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether a write failed and could not be undone: nothing more can be kept here.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn has(&self, number: u64) -> bool {
        number < self.next || self.beyond.contains(&number)
    }

    fn add(&mut self, number: u64) {
        if number >= self.next {
            self.beyond.insert(number);
        }
        while self.beyond.remove(&self.next) {
            self.next += 1;
        }
    }

    /// Writes those of `frames` that are not there and waits until they are on the disk. If that fails, nothing was
    /// added.
    pub fn append(&mut self, frames: &[RawFrame<'_>]) -> io::Result<Appended> {
        let (mut bytes, mut numbers, mut appended) = (Vec::new(), BTreeSet::new(), Appended::default());
        for frame in frames {
            if self.has(frame.header.number) || !numbers.insert(frame.header.number) {
                appended.duplicates += 1;
            } else {
                bytes.extend_from_slice(frame.bytes);
            }
        }
        appended.sync = self.write(&bytes)?;
        (appended.new, appended.bytes) = (numbers.len() as u64, bytes.len() as u64);
        numbers.into_iter().for_each(|number| self.add(number));
        Ok(appended)
    }

    /// Returns how long the disk took, if there was anything to write.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Option<Duration>> {
        if self.is_broken {
            return Err(io::Error::other("an earlier write failed and could not be undone"));
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let written = self.file.write_all_at(bytes, self.bytes).and_then(|()| {
            let began = Instant::now();
            self.file.sync_data()?;
            Ok(Some(began.elapsed()))
        });
        match &written {
            Ok(_) => self.bytes += bytes.len() as u64,
            // After a failed sync the kernel may call pages clean that never reached the disk. So they are cut off and,
            // when the agent ships them again, written anew.
            Err(_) => self.is_broken = self.file.set_len(self.bytes).is_err(),
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;
    use crate::ids::{BootId, NodeId};
    use crate::journal::frame::seal;
    use crate::journal::{samples, scan};
    use crate::time::Time;

    const WHO: Identity = Identity { node: NodeId(1), boot: BootId(2), cluster: 3 };

    fn frames(count: u64) -> Vec<Vec<u8>> {
        let seal = |number| seal((WHO.node, WHO.boot, number), Time::ZERO, &samples::run(2, 9)).unwrap();
        (0..count).map(seal).collect()
    }

    #[test]
    fn frames_that_are_there_are_not_written_again() {
        let dir = TempDir::new("store-twice");
        let bytes = frames(3).concat();
        let mut store = Store::open(dir.path(), WHO).unwrap();
        assert_eq!(store.append(&scan(&bytes).frames[..2]).unwrap().new, 2);
        let again = store.append(&scan(&bytes).frames).unwrap();
        assert_eq!((again.new, again.duplicates, store.next()), (1, 2, 3));
        assert_eq!(std::fs::read(dir.path().join("agent-001-2.skj")).unwrap(), bytes);
    }

    #[test]
    fn what_cannot_be_written_is_not_there() {
        let dir = TempDir::new("store-fails");
        let bytes = frames(1).concat();
        let mut store = Store::open(dir.path(), WHO).unwrap();
        store.file = File::open(dir.path().join("agent-001-2.skj")).unwrap();
        assert!(store.append(&scan(&bytes).frames).is_err());
        assert!(store.is_broken() && store.next() == 0);
    }

    #[test]
    fn half_a_frame_at_the_end_is_cut_off_and_wanted_again() {
        let (dir, frames) = (TempDir::new("store-half"), frames(2));
        let path = dir.path().join("agent-001-2.skj");
        for cut in [1, 30, 60] {
            std::fs::write(&path, [&frames[0][..], &frames[1][..cut]].concat()).unwrap();
            assert_eq!(Store::open(dir.path(), WHO).unwrap().next(), 1);
            assert_eq!(std::fs::read(&path).unwrap(), frames[0]);
        }
    }

    #[test]
    fn a_frame_damaged_in_the_middle_is_wanted_again_and_costs_no_other() {
        let (dir, frames) = (TempDir::new("store-middle"), frames(4));
        let mut bytes = frames.concat();
        bytes[frames[0].len() + 55] ^= 1;
        std::fs::write(dir.path().join("agent-001-2.skj"), &bytes).unwrap();
        let mut store = Store::open(dir.path(), WHO).unwrap();
        assert_eq!(store.next(), 1);
        let all = frames.concat();
        let appended = store.append(&scan(&all).frames).unwrap();
        assert_eq!((appended.new, appended.duplicates, store.next()), (1, 3, 4));
        let bytes = std::fs::read(dir.path().join("agent-001-2.skj")).unwrap();
        assert_eq!(scan(&bytes).frames.len(), 4);
    }
}
