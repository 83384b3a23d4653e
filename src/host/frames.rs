//! Frames in a file, read a window at a time: a journal of any size needs a few megabytes of memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::journal::frame::{FrameHeader, MAX_FRAME_BYTES};
use crate::journal::scan;

/// Any frame that begins in the first half of a window ends in it.
const WINDOW_BYTES: u64 = 2 * MAX_FRAME_BYTES as u64;

/// The frames in one stretch of a file.
pub struct Window {
    /// The stretch.
    pub bytes: Vec<u8>,
    /// Every readable frame and where in `bytes` it lies.
    pub frames: Vec<(FrameHeader, Range<usize>)>,
    /// How many bytes there are up to the end of the last of them.
    pub end: usize,
    /// Where in the file the next window begins.
    pub next_offset: u64,
}

/// The window at `offset` of a file of which `limit` bytes are complete. Damage is passed over.
pub fn window(file: &File, offset: u64, limit: u64) -> io::Result<Window> {
    let length = limit.saturating_sub(offset).min(WINDOW_BYTES);
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset)?;
    let found = scan(&bytes);
    let (mut frames, start) = (Vec::with_capacity(found.frames.len()), bytes.as_ptr() as usize);
    for frame in &found.frames {
        let at = frame.bytes.as_ptr() as usize - start;
        frames.push((frame.header, at..at + frame.bytes.len()));
    }
    let is_last = offset + length >= limit;
    let end = found.end;
    let advance = match (is_last, end) {
        (true, _) => length,
        (false, 0) => WINDOW_BYTES / 2,
        (false, end) => end as u64,
    };
    Ok(Window { frames, end, next_offset: offset + advance, bytes })
}
