//! The file of a spool.

use std::fs::File;
use std::io::{self, Write};

/// Room that is kept below the cap for a last frame that says what was dropped.
const LAST_WORDS_BYTES: u64 = 16 << 10;

/// An append-only file of whole frames, with a cap. Once it could not take a frame it takes no more: later ones
/// without that one would be of less use than a clean end.
pub(super) struct SpoolFile {
    file: File,
    pub(super) bytes: u64,
    cap_bytes: u64,
    is_dirty: bool,
    pub(super) sync_failures: u64,
    pub(super) stopped: Option<String>,
}

impl SpoolFile {
    pub(super) fn new(file: File, cap_bytes: u64) -> Self {
        Self { file, bytes: 0, cap_bytes, is_dirty: false, sync_failures: 0, stopped: None }
    }

    /// Whether the file took all of `frames`.
    pub(super) fn append(&mut self, frames: &[u8]) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        let cap = self.cap_bytes.saturating_sub(LAST_WORDS_BYTES);
        match self.try_append(frames, cap) {
            Ok(()) => true,
            Err(error) => {
                self.stopped = Some(error.to_string());
                false
            }
        }
    }

    /// Whether the file took all of `frames`, also if it took no others any more.
    pub(super) fn append_last(&mut self, frames: &[u8]) -> bool {
        self.try_append(frames, self.cap_bytes).is_ok()
    }

    fn try_append(&mut self, frames: &[u8], cap: u64) -> io::Result<()> {
        if self.bytes + frames.len() as u64 > cap {
            return Err(io::Error::other(format!("the cap of {} bytes is reached", self.cap_bytes)));
        }
        let written = self.file.write_all(frames);
        match written {
            Ok(()) => {
                self.bytes += frames.len() as u64;
                self.is_dirty = true;
            }
            // Half a frame may be there. If it cannot be cut off either, readers still pass over it.
            Err(_) => drop(self.file.set_len(self.bytes)),
        }
        written
    }

    pub(super) fn sync(&mut self) {
        if std::mem::take(&mut self.is_dirty) && self.file.sync_data().is_err() {
            self.sync_failures += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_full_disk_stops_the_file_and_nothing_else() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut file = SpoolFile::new(full, 1 << 20);
        assert!(!file.append(&[1]) && !file.append(&[1]));
        assert_eq!(file.bytes, 0);
        assert!(file.stopped.is_some());
    }
}
