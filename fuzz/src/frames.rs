//! Frames around bytes that a fuzzer changed: the checksum, the lengths and the compression are made right, so that the
//! decoder behind them is reached.

use hmac::Mac;
use skewbench::journal::columns::Layout;
use skewbench::journal::frame::MAGIC;
use skewbench::probe::Key;

use crate::Bytes;

/// Bytes of a probe's MAC.
const MAC_BYTES: usize = 16;

/// The key of the fuzzed cluster.
pub const KEY: Key = Key::new([3; 32]);
/// Its id.
pub const CLUSTER: u64 = 7;

/// The bytes with the MAC that they should have.
pub fn authentic(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len().saturating_sub(MAC_BYTES);
    let (body, mac) = bytes.split_at_mut(length);
    let mut keyed = KEY.hmac();
    keyed.update(body);
    let length = mac.len();
    mac.copy_from_slice(&keyed.finalize().into_bytes()[..length]);
    bytes
}

/// A frame as the fuzzer's input has it: who and what, and the block of columns.
#[derive(Default)]
pub struct Loose<'a> {
    /// Node and boot.
    pub who: (u8, u8),
    /// Its number.
    pub number: u8,
    /// How it says that its columns are laid out: the second layout if odd, else the first.
    pub layout: u8,
    /// How many entries it declares.
    pub entries: u16,
    /// Up to when it covers.
    pub covers_until: i64,
    /// The columns.
    pub raw: &'a [u8],
}

impl<'a> Loose<'a> {
    /// The next one of the input.
    pub fn draw(bytes: &mut Bytes<'a>) -> Self {
        let (who, number, layout) = ((bytes.byte(), bytes.byte()), bytes.byte(), bytes.byte());
        let (entries, covers_until) = (u16::from_le_bytes(bytes.array()), bytes.whole());
        let length = u32::from_le_bytes(bytes.array()) as usize;
        Self { who, number, layout, entries, covers_until, raw: bytes.slice(length) }
    }

    /// The input that it is drawn from.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.who.0, self.who.1, self.number, self.layout];
        bytes.extend_from_slice(&self.entries.to_le_bytes());
        bytes.extend_from_slice(&self.covers_until.to_le_bytes());
        bytes.extend_from_slice(&(self.raw.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.raw);
        bytes
    }

    /// The frame with everything around the columns right.
    pub fn seal(&self) -> Vec<u8> {
        let payload = zstd::bulk::compress(self.raw, 1).expect("memory");
        let mut frame = MAGIC.to_vec();
        frame.push(if self.layout % 2 == 1 { Layout::Chosen } else { Layout::Usual } as u8);
        frame.extend_from_slice(&u32::from(self.who.0).to_le_bytes());
        frame.extend_from_slice(&u64::from(self.who.1).to_le_bytes());
        frame.extend_from_slice(&u64::from(self.number).to_le_bytes());
        frame.extend_from_slice(&u32::from(self.entries).to_le_bytes());
        frame.extend_from_slice(&self.covers_until.to_le_bytes());
        frame.extend_from_slice(&(self.raw.len() as u32).to_le_bytes());
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&frame);
        crc.update(&payload);
        frame.extend_from_slice(&crc.finalize().to_le_bytes());
        frame.extend_from_slice(&payload);
        frame
    }
}
