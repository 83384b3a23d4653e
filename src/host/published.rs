//! The present readings of an agent's clocks, for its other threads: a sequence lock made of safe atomics. Readers never
//! make the probe thread wait.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};

use crate::affine::Line;
use crate::clock::Reading;
use crate::ids::Algorithm;
use crate::time::{Rate, Time};

/// Words of one reading: two lines of three numbers.
const WORDS: usize = 6;

/// One reading that one thread writes and any thread reads.
#[derive(Debug, Default)]
struct Slot {
    version: AtomicU64,
    words: [AtomicI64; WORDS],
}

impl Slot {
    fn store(&self, words: [i64; WORDS]) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (slot, word) in self.words.iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    fn load(&self) -> [i64; WORDS] {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let words = std::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                return words;
            }
            std::hint::spin_loop();
        }
    }
}

/// The readings of all algorithms. Written by the probe thread alone.
#[derive(Debug, Default)]
pub struct Published {
    slots: [Slot; Algorithm::ALL.len()],
}

impl Published {
    /// Makes `reading` the present one of `algorithm`.
    pub fn publish(&self, algorithm: Algorithm, reading: &Reading) {
        let line = reading.line;
        let then = reading.then.unwrap_or(Line { start: Time::MAX, ..line });
        let words = [line, then].map(|l| [l.start.as_nanos(), l.value.as_nanos(), l.rate.0]);
        self.slots[algorithm as usize].store(std::array::from_fn(|index| words[index / 3][index % 3]));
    }

    /// The present reading of `algorithm`; before the first is published, the local clock itself.
    pub fn reading(&self, algorithm: Algorithm) -> Reading {
        let words = self.slots[algorithm as usize].load();
        let line = |from: usize| Line {
            start: Time::from_nanos(words[from]),
            value: Time::from_nanos(words[from + 1]),
            rate: Rate(words[from + 2]),
        };
        Reading { line: line(0), then: Some(line(3)).filter(|then| then.start > Time::ZERO && then.start < Time::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Nanos, Synced};
    use std::sync::Arc;

    #[test]
    fn a_reader_never_sees_half_of_one_reading_and_half_of_another() {
        let published = Arc::new(Published::default());
        assert_eq!(published.reading(Algorithm::Ntp), Reading::LOCAL);
        let writer = Arc::clone(&published);
        let writing = std::thread::spawn(move || {
            for n in 1..200_000_i64 {
                let line = Line { start: Time::from_nanos(n), value: Time::<Synced>::from_nanos(n), rate: Rate(n) };
                let then = Line { start: line.start + Nanos(n), ..line };
                writer.publish(Algorithm::Ntp, &Reading { line, then: Some(then) });
            }
        });
        while !writing.is_finished() {
            let reading = published.reading(Algorithm::Ntp);
            let n = reading.line.rate.0;
            assert_eq!((reading.line.start.as_nanos(), reading.line.value.as_nanos()), (n, n));
            assert!(reading.then.is_none_or(|then| then.start.as_nanos() == 2 * n && then.rate.0 == n));
        }
        writing.join().unwrap();
    }
}
