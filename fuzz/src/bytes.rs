//! Draws values from the fuzzer's bytes. It never runs dry: past the end there are zeros.

use skewbench::time::{Domain, Nanos, Time};

/// The rest of an input.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Whether everything was drawn.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes, or what is left of them.
    pub fn slice(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.slice(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// Eight bytes.
    pub fn whole(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    /// One of `count` choices.
    pub fn pick(&mut self, count: u8) -> u8 {
        self.byte() % count.max(1)
    }

    /// Whether something is there.
    pub fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number near `base`, as an honest agent would write; now and then any.
    pub fn likely(&mut self, base: i64) -> i64 {
        match self.byte() {
            0..=15 => self.number(base),
            _ => base.saturating_add(i64::from(i16::from_le_bytes(self.array()))),
        }
    }

    /// A number: near `base`, small, an extreme, or anything.
    pub fn number(&mut self, base: i64) -> i64 {
        match self.pick(12) {
            0..=5 => base.saturating_add(i64::from(i32::from_le_bytes(self.array()))),
            6 => 0,
            7 => i64::from(self.byte() as i8),
            8 => i64::MIN,
            9 => i64::MAX,
            _ => self.whole(),
        }
    }

    /// A span near `base` ns.
    pub fn span(&mut self, base: i64) -> Nanos {
        Nanos(self.number(base))
    }

    /// An instant near `base` ns.
    pub fn time<D: Domain>(&mut self, base: i64) -> Time<D> {
        Time::from_nanos(self.number(base))
    }

    /// A small number, now and then any.
    pub fn id(&mut self) -> u32 {
        match self.byte() {
            small @ 0..=247 => u32::from(small % 4),
            _ => u32::from_le_bytes(self.array()),
        }
    }
}
