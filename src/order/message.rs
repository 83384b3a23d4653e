//! Bytes of an ordering connection, after its handshake: a header of fixed length, little-endian, and for a batch its
//! commands. The decoder is total: any bytes give a message, a wish for more, or a reason; no size is believed before
//! it is checked.
//!
//! | bytes | what |
//! |---|---|
//! | 0, 1 | kind (1 batch, 2 heartbeat, 3 done, 4 receipt), zero |
//! | 2–4 | phase |
//! | 4–8 | batch: its commands; heartbeat: counter |
//! | 8–12 | batch: payload bytes of each command |
//! | 12–20 | how many commands of its receiver the sender has received in the phase |
//! | 20–28 | batch: number of its first command; heartbeat: time; done: commands issued in all |
//! | from 28 | for each command: time (8), counter (4), payload; the first 8 payload bytes are the raw clock at its issue |

use super::stamp::{LATEST, Stamp};
use crate::ids::NodeId;
use crate::time::{Raw, Time};

/// Length of a message without commands, in bytes.
pub const HEADER_BYTES: usize = 28;
/// No message is longer, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// The shortest payload, in bytes: it holds the raw clock at the issue, in ns.
pub const MIN_PAYLOAD_BYTES: usize = 8;

const STAMP_BYTES: usize = 12;
/// Where a header has the number of commands received.
const RECEIVED_AT: usize = 12;
const FILL: u8 = 0x5a;

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// An unknown kind.
    Kind,
    /// Longer than any message, or a payload too short.
    Length,
    /// A field that this kind does not have is set.
    Field,
    /// A stamp later than [`LATEST`].
    Stamp,
}

/// Commands sent together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch<'a> {
    /// Number of the first one among the issuer's commands of the phase.
    pub first: u64,
    /// Payload bytes of each.
    pub payload_bytes: usize,
    from: NodeId,
    body: &'a [u8],
}

impl<'a> Batch<'a> {
    /// How many commands it has; at least one.
    pub fn len(&self) -> usize {
        self.body.len() / (STAMP_BYTES + self.payload_bytes)
    }

    /// Never: a batch has at least one command.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The commands: stamp and payload.
    pub fn commands(&self) -> impl ExactSizeIterator<Item = (Stamp, &'a [u8])> + use<'a> {
        let from = self.from;
        self.body.chunks_exact(STAMP_BYTES + self.payload_bytes).map(move |command| {
            let (head, payload) = command.split_at(STAMP_BYTES);
            (Stamp { time: field_i64(head, 0), counter: field_u32(head, 8), node: from }, payload)
        })
    }

    /// The commands' bytes, for keeping them: each has [`command_bytes`], its payload at the end.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// Commands.
    Batch(Batch<'a>),
    /// Whatever the sender still sends is stamped later than this.
    Heartbeat(Stamp),
    /// The sender issues no more in this phase.
    Done {
        /// How many commands it issued.
        issued: u64,
    },
    /// Nothing but what every message says: how many commands the sender has received.
    Receipt,
}

/// One message with its phase and its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The phase that it belongs to.
    pub phase: u16,
    /// How many commands of its receiver the sender has received in the phase: those with lower numbers.
    pub received: u64,
    /// What it says.
    pub message: Message<'a>,
    /// Its length in bytes.
    pub bytes: usize,
}

/// The first message in `bytes`, which `from` sent; `None` if it is not complete yet.
///
/// # Errors
/// Says why the bytes are no message.
pub fn decode(bytes: &[u8], from: NodeId) -> Result<Option<Frame<'_>>, Malformed> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let (count, payload_bytes) = (field_u32(header, 4), field_u32(header, 8) as usize);
    let (received, number) = (field_i64(header, RECEIVED_AT) as u64, field_i64(header, 20));
    let phase = u16::from_le_bytes([header[2], header[3]]);
    let zero = |clear| if clear && header[1] == 0 { Ok(()) } else { Err(Malformed::Field) };
    let frame = |message| Ok(Some(Frame { phase, received, message, bytes: HEADER_BYTES }));
    match header[0] {
        1 => {
            zero(true)?;
            let Some(body) = rest.get(..body_bytes(count as usize, payload_bytes)?) else { return Ok(None) };
            let batch = Batch { first: number as u64, payload_bytes, from, body };
            Ok(Some(Frame { phase, received, message: Message::Batch(batch), bytes: HEADER_BYTES + body.len() }))
        }
        2 if number > LATEST => Err(Malformed::Stamp),
        2 => {
            zero(payload_bytes == 0)?;
            frame(Message::Heartbeat(Stamp { time: number, counter: count, node: from }))
        }
        3 => {
            zero(count == 0 && payload_bytes == 0)?;
            frame(Message::Done { issued: number as u64 })
        }
        4 => {
            zero(count == 0 && payload_bytes == 0 && number == 0)?;
            frame(Message::Receipt)
        }
        _ => Err(Malformed::Kind),
    }
}

/// Length of a command with its stamp, in bytes.
pub const fn command_bytes(payload_bytes: usize) -> usize {
    STAMP_BYTES + payload_bytes
}

/// Length of a batch of `count` commands with payloads of `payload_bytes`, in bytes; `None` if no batch may be so.
pub fn batch_bytes(count: usize, payload_bytes: usize) -> Option<usize> {
    body_bytes(count, payload_bytes).ok().map(|body| HEADER_BYTES + body)
}

fn body_bytes(count: usize, payload_bytes: usize) -> Result<usize, Malformed> {
    let most = MAX_MESSAGE_BYTES - HEADER_BYTES;
    match count.checked_mul(payload_bytes.saturating_add(STAMP_BYTES)) {
        Some(body) if count > 0 && payload_bytes >= MIN_PAYLOAD_BYTES && body <= most => Ok(body),
        _ => Err(Malformed::Length),
    }
}

/// Appends a batch: commands from number `first` on, each with its stamp and the raw clock at its issue.
pub fn put_batch(
    out: &mut Vec<u8>,
    phase: u16,
    first: u64,
    payload_bytes: usize,
    commands: impl ExactSizeIterator<Item = (Stamp, Time<Raw>)>,
) {
    let count = commands.len();
    assert!(batch_bytes(count, payload_bytes).is_some(), "the batch size was checked when the phase began");
    put_header(
        out,
        Header { kind: 1, phase, count: count as u32, payload: payload_bytes as u32, number: first as i64 },
    );
    for (stamp, issued) in commands {
        out.extend_from_slice(&stamp.time.to_le_bytes());
        out.extend_from_slice(&stamp.counter.to_le_bytes());
        out.extend_from_slice(&issued.as_nanos().to_le_bytes());
        out.resize(out.len() + payload_bytes - MIN_PAYLOAD_BYTES, FILL);
    }
}

/// Appends a heartbeat.
pub fn put_heartbeat(out: &mut Vec<u8>, phase: u16, stamp: Stamp) {
    put_header(out, Header { kind: 2, phase, count: stamp.counter, payload: 0, number: stamp.time });
}

/// Appends the last message of a phase.
pub fn put_done(out: &mut Vec<u8>, phase: u16, issued: u64) {
    put_header(out, Header { kind: 3, phase, count: 0, payload: 0, number: issued as i64 });
}

/// Appends a message that is nothing but a receipt.
pub fn put_receipt(out: &mut Vec<u8>, phase: u16) {
    put_header(out, Header { kind: 4, phase, count: 0, payload: 0, number: 0 });
}

/// Writes into a message how many commands of its receiver were received: the same message goes to many.
#[inline]
pub fn set_received(message: &mut [u8], received: u64) {
    if let Some(field) = message.get_mut(RECEIVED_AT..RECEIVED_AT + 8) {
        field.copy_from_slice(&received.to_le_bytes());
    }
}

/// The payload of a command that was kept with its stamp.
#[inline]
pub fn payload(command: &[u8]) -> &[u8] {
    command.get(STAMP_BYTES..).unwrap_or_default()
}

/// The raw clock at a command's issue, from its payload; the epoch if the payload is too short.
#[inline]
pub fn issued(payload: &[u8]) -> Time<Raw> {
    payload.first_chunk().map_or(Time::ZERO, |bytes| Time::from_nanos(i64::from_le_bytes(*bytes)))
}

#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    phase: u16,
    count: u32,
    payload: u32,
    number: i64,
}

fn put_header(out: &mut Vec<u8>, header: Header) {
    out.extend_from_slice(&[header.kind, 0]);
    out.extend_from_slice(&header.phase.to_le_bytes());
    out.extend_from_slice(&header.count.to_le_bytes());
    out.extend_from_slice(&header.payload.to_le_bytes());
    out.extend_from_slice(&0_u64.to_le_bytes());
    out.extend_from_slice(&header.number.to_le_bytes());
}

#[inline]
fn field_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u32::from_le_bytes(*field))
}

#[inline]
fn field_i64(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| i64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROM: NodeId = NodeId(3);

    fn stamp(time: i64, counter: u32) -> Stamp {
        Stamp { time, counter, node: FROM }
    }

    fn batch() -> Vec<u8> {
        let mut bytes = Vec::new();
        let commands = [(stamp(-5, 1), 100), (stamp(9, 2), 101)];
        put_batch(&mut bytes, 7, 40, 64, commands.into_iter().map(|(stamp, raw)| (stamp, Time::from_nanos(raw))));
        bytes
    }

    #[test]
    fn messages_survive_the_wire_one_after_the_other() {
        let mut bytes = batch();
        put_heartbeat(&mut bytes, 7, stamp(12, 3));
        let done = bytes.len();
        put_done(&mut bytes, 8, 42);
        set_received(&mut bytes[done..], 17);
        put_receipt(&mut bytes, 8);
        let first = decode(&bytes, FROM).unwrap().unwrap();
        assert_eq!((first.phase, first.bytes), (7, HEADER_BYTES + 2 * 76));
        let Message::Batch(batch) = first.message else { panic!("{first:?}") };
        assert_eq!((batch.first, batch.len(), batch.is_empty()), (40, 2, false));
        let found: Vec<_> = batch.commands().map(|(stamp, payload)| (stamp, payload.len(), issued(payload))).collect();
        assert_eq!(found, [(stamp(-5, 1), 64, Time::from_nanos(100)), (stamp(9, 2), 64, Time::from_nanos(101))]);
        let second = decode(&bytes[first.bytes..], FROM).unwrap().unwrap();
        assert_eq!(second.message, Message::Heartbeat(stamp(12, 3)));
        let third = decode(&bytes[done..], FROM).unwrap().unwrap();
        assert_eq!((third.phase, third.received, third.message), (8, 17, Message::Done { issued: 42 }));
        let fourth = decode(&bytes[done + third.bytes..], FROM).unwrap().unwrap();
        assert_eq!((fourth.received, fourth.message), (0, Message::Receipt));
    }

    #[test]
    fn a_part_of_a_message_is_no_message_yet() {
        let bytes = batch();
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], FROM), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let with = |at: usize, value: u32| {
            let mut bytes = batch();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            decode(&bytes, FROM).unwrap_err()
        };
        assert_eq!(with(0, 9), Malformed::Kind);
        assert_eq!(with(4, 0), Malformed::Length, "no commands");
        assert_eq!(with(4, u32::MAX), Malformed::Length, "far too many");
        assert_eq!(with(8, 7), Malformed::Length, "no room for the raw clock");
        let mut receipt = Vec::new();
        put_receipt(&mut receipt, 0);
        receipt[4] = 1;
        assert_eq!(decode(&receipt, FROM), Err(Malformed::Field));
        let mut late = Vec::new();
        put_heartbeat(&mut late, 0, stamp(LATEST + 1, 0));
        assert_eq!(decode(&late, FROM), Err(Malformed::Stamp));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_message_or_a_reason(mut bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..5_u8) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            if let Ok(Some(frame)) = decode(&bytes, FROM) {
                prop_assert!(frame.bytes <= bytes.len());
                if let Message::Batch(batch) = frame.message {
                    prop_assert_eq!(batch.commands().len(), batch.len());
                }
            }
        }
    }
}
