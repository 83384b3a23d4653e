//! The bytes of what processes say and note, on connections and in the traces that are gathered from them.
//!
//! Numbers are little-endian, a variant is one byte, a list has its length before it and no more than [`MOST_ITEMS`]
//! items. The decoder is total: any bytes give a value or none, and no length is believed before it is checked.

use crate::ids::NodeId;
use crate::order::Stamp;
use crate::order::stamp::LATEST;
use crate::time::{Domain, Nanos, Time};

/// No list is longer: there is at most one item for each process.
pub const MOST_ITEMS: usize = 64;

/// A value with a form in bytes.
pub trait Wire: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it from the front of `input`; `None` if that is no such value.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

/// The value that `bytes` are, all of them.
pub fn decode<T: Wire>(mut bytes: &[u8]) -> Option<T> {
    T::take(&mut bytes).filter(|_| bytes.is_empty())
}

/// Implements [`Wire`] for an enum, each variant with its byte, or for a struct with fields.
macro_rules! wire {
    (enum $type:ident { $($byte:literal = $variant:ident $(($($part:ident),*))? $({$($field:ident),*})?;)* }) => {
        impl $crate::workload::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($part),*))? $({$($field),*})? => {
                        out.push($byte);
                        $($($crate::workload::wire::Wire::put($part, out);)*)?
                        $($($crate::workload::wire::Wire::put($field, out);)*)?
                    })*
                }
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                let variant: u8 = $crate::workload::wire::Wire::take(input)?;
                match variant {
                    $($byte => {
                        $($(let $part = $crate::workload::wire::Wire::take(input)?;)*)?
                        $($(let $field = $crate::workload::wire::Wire::take(input)?;)*)?
                        Some(Self::$variant $(($($part),*))? $({$($field),*})?)
                    })*
                    _ => None,
                }
            }
        }
    };
    (struct $type:ident $(($($part:ident),*))? $({$($field:ident),*})?) => {
        impl $crate::workload::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let Self $(($($part),*))? $({$($field),*})? = self;
                $($($crate::workload::wire::Wire::put($part, out);)*)?
                $($($crate::workload::wire::Wire::put($field, out);)*)?
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                $($(let $part = $crate::workload::wire::Wire::take(input)?;)*)?
                $($(let $field = $crate::workload::wire::Wire::take(input)?;)*)?
                Some(Self $(($($part),*))? $({$($field),*})?)
            }
        }
    };
}
pub(crate) use wire;

macro_rules! number {
    ($($type:ty),*) => {
        $(impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = input.split_first_chunk()?;
                *input = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        })*
    };
}
number!(u8, u16, u32, u64, i64);

wire!(struct NodeId(name));
wire!(struct Nanos(span));

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        u8::take(input).filter(|byte| *byte < 2).map(|byte| byte == 1)
    }
}

impl<D: Domain> Wire for Time<D> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_nanos().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        i64::take(input).map(Self::from_nanos)
    }
}

/// A stamp later than [`LATEST`] is none: it would push a counter to its end.
impl Wire for Stamp {
    fn put(&self, out: &mut Vec<u8>) {
        self.time.put(out);
        self.counter.put(out);
        self.node.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let (time, counter, node) = (i64::take(input)?, u32::take(input)?, NodeId::take(input)?);
        Some(Self { time, counter, node }).filter(|stamp| stamp.time <= LATEST)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some((A::take(input)?, B::take(input)?))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        if bool::take(input)? { T::take(input).map(Some) } else { Some(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        assert!(self.len() <= MOST_ITEMS, "one item for each process at most");
        (self.len() as u8).put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let length = usize::from(u8::take(input)?);
        if length > MOST_ITEMS {
            return None;
        }
        (0..length).map(|_| T::take(input)).collect()
    }
}

/// No message is longer, in bytes.
pub const MOST_BODY: usize = 4_096;
/// Length of a frame without its body, in bytes.
pub const HEADER_BYTES: usize = 16;

/// What a frame on a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A message of a process.
    Message,
    /// A command by the channel beside the messages.
    Nudge,
    /// The scene begins now, where nobody gives cues: what the sender's clock shows.
    Beginning,
}

/// What one agent sends another: header (kind, zero, scene, length of the body, number) and body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// Number of the scene that it belongs to.
    pub scene: u16,
    /// Of a message its number in the scene; of a nudge the raw instant, in ns, at which it is due, or between hosts of their
    /// own how long after its receipt it is, in ns; of a beginning zero.
    pub number: u64,
    /// The message, or the command.
    pub body: &'a [u8],
}

/// The bytes are no frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl<'a> Frame<'a> {
    /// The first frame in `bytes`; `None` if it is not complete yet.
    ///
    /// # Errors
    /// The bytes are no frame.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some((mut header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let mut take = || Some((u8::take(&mut header)?, u8::take(&mut header)?, u16::take(&mut header)?));
        let (kind, zero, scene) = take().ok_or(Malformed)?;
        let (length, number) = <(u32, u64)>::take(&mut header).ok_or(Malformed)?;
        let kind = match (kind, zero) {
            (16, 0) => Kind::Message,
            (17, 0) => Kind::Nudge,
            (18, 0) => Kind::Beginning,
            _ => return Err(Malformed),
        };
        if length as usize > MOST_BODY {
            return Err(Malformed);
        }
        Ok(rest.get(..length as usize).map(|body| Self { kind, scene, number, body }))
    }

    /// Its length in bytes.
    pub const fn bytes(&self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// Appends a frame with `body`.
    pub fn put(out: &mut Vec<u8>, kind: Kind, scene: u16, number: u64, body: &impl Wire) {
        let kind: u8 = match kind {
            Kind::Message => 16,
            Kind::Nudge => 17,
            Kind::Beginning => 18,
        };
        out.extend_from_slice(&[kind, 0]);
        scene.put(out);
        let length = out.len();
        (0_u32, number).put(out);
        let start = out.len();
        body.put(out);
        let bytes = (out.len() - start) as u32;
        assert!(bytes as usize <= MOST_BODY, "messages are values of bounded size");
        out[length..length + 4].copy_from_slice(&bytes.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{airline, anomaly, byzantine, causal, commit_wait, deadlock, exclusion, mutex, real_time};
    use super::super::{restart, ricart_agrawala, snapshot, stability_tests, state_machine, termination};
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;

    /// Whatever decodes is written again as the very bytes that it was read from.
    fn is_total<T: Wire + Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
        let mut rest = bytes;
        if let Some(value) = T::take(&mut rest) {
            let mut again = Vec::new();
            value.put(&mut again);
            prop_assert_eq!(again.as_slice(), &bytes[..bytes.len() - rest.len()], "{:?}", value);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_that_has_these_bytes_or_none(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            variant in 0..6_u8,
            small in any::<bool>(),
        ) {
            if let Some(first) = bytes.first_mut() {
                *first = variant;
            }
            if small {
                // Stamps, lists and flags are then mostly such as occur.
                bytes.iter_mut().for_each(|byte| *byte %= 4);
            }
            is_total::<exclusion::Demand>(&bytes)?;
            is_total::<real_time::Submit>(&bytes)?;
            is_total::<restart::Command>(&bytes)?;
            is_total::<snapshot::Command>(&bytes)?;
            is_total::<causal::Command>(&bytes)?;
            is_total::<deadlock::Ask>(&bytes)?;
            is_total::<mutex::Message>(&bytes)?;
            is_total::<ricart_agrawala::Message>(&bytes)?;
            is_total::<exclusion::Event>(&bytes)?;
            is_total::<airline::Message>(&bytes)?;
            is_total::<airline::Event>(&bytes)?;
            is_total::<state_machine::Message>(&bytes)?;
            is_total::<state_machine::Event>(&bytes)?;
            is_total::<real_time::Signed>(&bytes)?;
            is_total::<real_time::Event>(&bytes)?;
            is_total::<commit_wait::Write>(&bytes)?;
            is_total::<commit_wait::Committed>(&bytes)?;
            is_total::<restart::Message>(&bytes)?;
            is_total::<restart::Event>(&bytes)?;
            is_total::<snapshot::Message>(&bytes)?;
            is_total::<snapshot::Event>(&bytes)?;
            is_total::<(termination::Work, Stamp)>(&bytes)?;
            is_total::<termination::Event>(&bytes)?;
            is_total::<deadlock::Message>(&bytes)?;
            is_total::<deadlock::Event>(&bytes)?;
            is_total::<anomaly::Silence>(&bytes)?;
            is_total::<anomaly::Touch>(&bytes)?;
            is_total::<anomaly::Stamped>(&bytes)?;
            is_total::<causal::Message>(&bytes)?;
            is_total::<causal::Event>(&bytes)?;
            is_total::<byzantine::Told>(&bytes)?;
            is_total::<byzantine::Event>(&bytes)?;
            is_total::<stability_tests::Message>(&bytes)?;
            is_total::<(Stamp, stability_tests::Request)>(&bytes)?;
            is_total::<stability_tests::Event>(&bytes)?;
            if let Ok(Some(frame)) = Frame::decode(&bytes) {
                prop_assert!(frame.bytes() <= bytes.len());
            }
        }
    }

    #[test]
    fn a_frame_survives_the_wire_and_a_part_of_it_is_none_yet() {
        let told = byzantine::Told { path: vec![NodeId(0), NodeId(2)], order: byzantine::Order::Attack };
        let mut bytes = Vec::new();
        Frame::put(&mut bytes, Kind::Message, 7, 42, &told);
        for end in 0..bytes.len() {
            assert_eq!(Frame::decode(&bytes[..end]), Ok(None), "{end} bytes");
        }
        let frame = Frame::decode(&bytes).unwrap().unwrap();
        assert_eq!((frame.kind, frame.scene, frame.number, frame.bytes()), (Kind::Message, 7, 42, bytes.len()));
        assert_eq!(decode(frame.body), Some(told));
        bytes[4..8].copy_from_slice(&5_000_u32.to_le_bytes());
        assert_eq!(Frame::decode(&bytes), Err(Malformed), "longer than any message");
    }

    #[test]
    fn a_stamp_beyond_all_and_a_list_too_long_are_refused() {
        let stamp = |time| {
            let mut bytes = Vec::new();
            Stamp { time, counter: 1, node: NodeId(1) }.put(&mut bytes);
            decode::<Stamp>(&bytes)
        };
        assert!(stamp(LATEST).is_some() && stamp(i64::MIN).is_some() && stamp(LATEST + 1).is_none());
        assert_eq!(decode::<Vec<u8>>(&[2, 5, 6]), Some(vec![5, 6]));
        assert_eq!(decode::<Vec<u8>>(&[200; 201]), None);
    }
}
