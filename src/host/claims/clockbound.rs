//! ClockBound's claim, from the file that its daemon shares: its protocol, version 2 of the layout and the daemon, which
//! says of the bytes, in the order of the processor:
//!
//! | bytes | what |
//! |---|---|
//! | 0–8 | magic: two 32-bit numbers |
//! | 8–12 | size of the segment |
//! | 12–14 | version of the layout |
//! | 14–16 | generation: odd while the daemon writes |
//! | 16–32 | CLOCK_MONOTONIC_COARSE at which the bound was computed: seconds, ns |
//! | 32–48 | the same clock, beyond which it is void |
//! | 48–56 | the bound, in ns |
//! | 56–64 | marker of disruptions |
//! | 64–68 | most drift since, in ppb |
//! | 68–72 | status: 1 is synchronised, 2 free-running within the drift |
//!
//! Version 1 of the layout, of older daemons, is refused.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::time::{ClockId, clock_gettime};

use super::Said;
use crate::time::{Nanos, Ppb, Rate};

/// Where the daemon keeps the file.
pub const PATH: &str = "/var/run/clockbound/shm0";

const MAGIC: [u32; 2] = [0x414D_5A4E, 0x4342_0200];
const VERSION: u16 = 2;
const BYTES: usize = 72;
const TRIES: usize = 5;

/// What the file at `path` says now; `None` if there is none, or it is not one that this program knows.
pub fn read(path: &Path) -> Option<Said> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).ok()?;
    let now = Nanos::from_seconds(now.tv_sec()) + Nanos(now.tv_nsec());
    // The daemon may be writing: two equal copies of an even generation are one state of it.
    (0..TRIES).find_map(|_| {
        let (first, second) = (copy(path)?, copy(path)?);
        (first == second).then(|| parse(&first, now)).flatten()
    })
}

fn copy(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()
        .filter(|file| file.metadata().is_ok_and(|found| found.is_file()))?
        .take(BYTES as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// What the bytes say at `now` on CLOCK_MONOTONIC_COARSE.
pub fn parse(bytes: &[u8], now: Nanos) -> Option<Said> {
    let bytes: &[u8; BYTES] = bytes.first_chunk()?;
    let (size, version, generation) = (word(bytes, 8), half(bytes, 12), half(bytes, 14));
    let is_known = [word(bytes, 0), word(bytes, 4)] == MAGIC && version == VERSION && size as usize >= BYTES;
    let is_settled = generation != 0 && generation % 2 == 0;
    if !is_known || !is_settled {
        return None;
    }
    let (as_of, void_after) = (instant(bytes, 16)?, instant(bytes, 32)?);
    let (bound, drift) = (Nanos(long(bytes, 48)), Ppb(i64::from(word(bytes, 64))));
    if bound < Nanos::ZERO || drift >= Ppb::ONE {
        return None;
    }
    let age = (now - as_of).max(Nanos::ZERO);
    let error_bound = bound + Rate::from_ppb(drift).over(age) + Nanos(1);
    let synchronised = matches!(word(bytes, 68), 1 | 2) && now <= void_after;
    Some(Said { synchronised, error_bound, offset: None, estimated_error: None })
}

fn part<const N: usize>(bytes: &[u8; BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

fn half(bytes: &[u8; BYTES], at: usize) -> u16 {
    u16::from_ne_bytes(part(bytes, at))
}

fn word(bytes: &[u8; BYTES], at: usize) -> u32 {
    u32::from_ne_bytes(part(bytes, at))
}

fn long(bytes: &[u8; BYTES], at: usize) -> i64 {
    i64::from_ne_bytes(part(bytes, at))
}

/// A timespec.
fn instant(bytes: &[u8; BYTES], at: usize) -> Option<Nanos> {
    let (seconds, nanos) = (long(bytes, at), long(bytes, at + 8));
    let is_sane = (0..=9_000_000_000).contains(&seconds) && (0..1_000_000_000).contains(&nanos);
    is_sane.then(|| Nanos::from_seconds(seconds) + Nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file of the daemon: computed at 100 s, void after 1,100 s, 25 us and 50 ppm.
    fn file(generation: u16, status: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        MAGIC.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        bytes.extend(80_u32.to_ne_bytes());
        bytes.extend(VERSION.to_ne_bytes());
        bytes.extend(generation.to_ne_bytes());
        [100_i64, 0, 1_100, 0, 25_000, 0].iter().for_each(|long| bytes.extend(long.to_ne_bytes()));
        bytes.extend(50_000_u32.to_ne_bytes());
        bytes.extend(status.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes
    }

    fn at(seconds: i64) -> Nanos {
        Nanos::from_seconds(seconds)
    }

    #[test]
    fn the_bound_grows_by_the_stated_drift() {
        let said = parse(&file(8, 1), at(102)).unwrap();
        assert_eq!((said.synchronised, said.offset), (true, None));
        assert!(
            (said.error_bound - Nanos(125_001)).abs() <= Nanos(1),
            "25 us and 2 s of 50 ppm: {:?}",
            said.error_bound
        );
        assert!(!parse(&file(8, 1), at(1_101)).unwrap().synchronised, "void");
        assert!(!parse(&file(8, 3), at(102)).unwrap().synchronised, "disrupted");
    }

    #[test]
    fn what_is_half_written_or_unknown_says_nothing() {
        let change = |at: usize, byte: u8| {
            let mut bytes = file(8, 1);
            bytes[at] = byte;
            bytes
        };
        assert_eq!(parse(&file(9, 1), at(102)), None, "the daemon is writing");
        assert_eq!(parse(&file(0, 1), at(102)), None, "never written");
        for (place, byte) in [(0, 0), (4, 9), (8, 71), (12, 1), (12, 3), (55, 0x80), (23, 0x80), (31, 1)] {
            assert_eq!(parse(&change(place, byte), at(102)), None, "byte {place}");
        }
        assert_eq!(parse(&file(8, 1)[..71], at(102)), None);
        assert_eq!(read(Path::new("/nonexistent/shm0")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_say_something_sane_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..100), from in 16..72_usize, now: i64) {
            let mut near = file(8, 1);
            near[from..].iter_mut().zip(&bytes).for_each(|(place, byte)| *place = *byte);
            for bytes in [&bytes, &near] {
                if let Some(said) = parse(bytes, Nanos(now)) {
                    prop_assert!(said.error_bound >= Nanos::ZERO);
                }
            }
        }
    }
}
