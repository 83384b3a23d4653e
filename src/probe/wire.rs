//! Bytes of a probe: a fixed layout but for the claims, little-endian, closed by a keyed MAC. The version says which
//! clocks claim: in version 1 the usual three, in version 2 those whose bits are set (bit n: the algorithm with number n),
//! in the order of their numbers. The usual three are always sent as version 1. A reply claims for none but the clocks
//! that its request claims for, so that it never has more bytes. The decoder is total: any bytes give a probe or a
//! reason, and the length is checked before any field is used.
//!
//! | bytes | what |
//! |---|---|
//! | 0–4 | magic `SKB` and version |
//! | 4–12 | cluster id |
//! | 12 | flags: 1 reply, 2 `arrived` present, 4 `departed` present, 8 the sender stamps departures |
//! | 13–21 | from, to |
//! | 21–45 | boot, sequence, sent |
//! | 45–69 | answer: boot, sequence, received |
//! | 69–103 | answer: arrived (at, error, source); departed: sequence, stamp (at, error, source) |
//! | 103–107 | only in version 2: the clocks that claim |
//! | then | claims, 53 bytes each: in version 1 up to byte 262 |
//! | last 16 | HMAC-SHA-256 of everything before, cut to 16 bytes (RFC 2104, section 5) |

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Answer, Claim, Claims, Key, Kind, Probe, Source, Stamp};
use crate::ids::{Algorithms, BootId, NodeId};
use crate::time::{Nanos, Rate, Time};

/// Version of the layout in which the usual clocks claim.
pub const VERSION: u8 = 1;
/// Version of the layout that says which clocks claim.
pub const CHOSEN_VERSION: u8 = 2;
/// Length of a probe with the claims of the usual clocks, in bytes.
pub const PROBE_BYTES: usize = FIXED_BYTES + Algorithms::USUAL.count() * CLAIM_BYTES + MAC_BYTES;
/// Length of the longest probe in bytes.
pub const MAX_PROBE_BYTES: usize = FIXED_BYTES + SET_BYTES + Algorithms::MOST * CLAIM_BYTES + MAC_BYTES;

const MAGIC: [u8; 3] = *b"SKB";
const FIXED_BYTES: usize = 103;
const SET_BYTES: usize = 4;
const CLAIM_BYTES: usize = 53;
const MAC_BYTES: usize = 16;
/// The least datagram that any IPv6 path carries whole (RFC 8200, section 5: 1,280 bytes with 48 of headers).
const UNFRAGMENTED_BYTES: usize = 1_232;
const _: () = assert!(MAX_PROBE_BYTES <= UNFRAGMENTED_BYTES);

const REPLY: u8 = 1;
const ARRIVED: u8 = 2;
const DEPARTED: u8 = 4;
const STAMPS: u8 = 8;

/// A probe's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram {
    bytes: [u8; MAX_PROBE_BYTES],
    length: usize,
}

impl std::ops::Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The version for claims of these clocks, and how many bytes come before the MAC.
const fn layout(by: Algorithms) -> (u8, usize) {
    let claims = by.count() * CLAIM_BYTES;
    if by.bits() == Algorithms::USUAL.bits() {
        (VERSION, FIXED_BYTES + claims)
    } else {
        (CHOSEN_VERSION, FIXED_BYTES + SET_BYTES + claims)
    }
}

/// Why bytes are not a probe of this cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rejection {
    /// Not the length of a probe.
    Length,
    /// Not the magic of a probe.
    Magic,
    /// Another version of the layout.
    Version,
    /// A probe of another cluster.
    Cluster,
    /// The MAC is wrong: another key, or changed on the way.
    Mac,
    /// Authentic, yet a field has no meaning.
    Field,
}

/// Encodes and decodes the probes of one cluster.
#[derive(Clone, Debug)]
pub struct Codec {
    cluster: u64,
    keyed: Hmac<Sha256>,
}

impl Codec {
    /// The codec of a cluster with this id and key.
    pub fn new(cluster: u64, key: &Key) -> Self {
        Self { cluster, keyed: key.hmac() }
    }

    /// The probe's bytes.
    pub fn encode(&self, probe: &Probe) -> Datagram {
        let (version, body) = layout(probe.claims.by());
        let mut bytes = [0; MAX_PROBE_BYTES];
        let mut out = Writer { bytes: &mut bytes, at: 0 };
        out.put(MAGIC);
        out.put([version]);
        out.put(self.cluster.to_le_bytes());
        out.put([flags(probe)]);
        out.put(probe.from.0.to_le_bytes());
        out.put(probe.to.0.to_le_bytes());
        out.put(probe.boot.0.to_le_bytes());
        out.put(probe.sequence.to_le_bytes());
        out.put(probe.sent.as_nanos().to_le_bytes());
        let answer = match probe.kind {
            Kind::Request => Answer { boot: BootId(0), sequence: 0, received: Time::ZERO, arrived: None },
            Kind::Reply(answer) => answer,
        };
        out.put(answer.boot.0.to_le_bytes());
        out.put(answer.sequence.to_le_bytes());
        out.put(answer.received.as_nanos().to_le_bytes());
        out.stamp(answer.arrived);
        let (sequence, stamp) = probe.departed.map_or((0, None), |(sequence, stamp)| (sequence, Some(stamp)));
        out.put(sequence.to_le_bytes());
        out.stamp(stamp);
        if version == CHOSEN_VERSION {
            out.put(probe.claims.by().bits().to_le_bytes());
        }
        for (_, claim) in probe.claims.iter() {
            out.claim(claim);
        }
        debug_assert_eq!(out.at, body);
        let mac = self.mac(&bytes[..body]);
        let length = body + MAC_BYTES;
        bytes[body..length].copy_from_slice(&mac);
        Datagram { bytes, length }
    }

    /// The probe in `bytes`.
    ///
    /// # Errors
    /// Says why the bytes are not an authentic probe of this cluster.
    pub fn decode(&self, bytes: &[u8]) -> Result<Probe, Rejection> {
        if !(FIXED_BYTES + MAC_BYTES..=MAX_PROBE_BYTES).contains(&bytes.len()) {
            return Err(Rejection::Length);
        }
        let (body, mac) = bytes.split_at(bytes.len() - MAC_BYTES);
        let mut input = Reader { bytes: body };
        if input.take::<3>() != MAGIC {
            return Err(Rejection::Magic);
        }
        let by = claimants(input.take(), body)?;
        if input.u64() != self.cluster {
            return Err(Rejection::Cluster);
        }
        let mut keyed = self.keyed.clone();
        keyed.update(body);
        keyed.verify_truncated_left(mac).map_err(|_| Rejection::Mac)?;
        decode_body(&mut input, by).ok_or(Rejection::Field)
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        let mut keyed = self.keyed.clone();
        keyed.update(body);
        let full = keyed.finalize().into_bytes();
        std::array::from_fn(|index| full[index])
    }
}

/// The clocks that claim in a body of this version, if it has the length that their claims take. Two encodings of one
/// probe would be one too many: the usual clocks have a version of their own.
fn claimants([version]: [u8; 1], body: &[u8]) -> Result<Algorithms, Rejection> {
    let by = match version {
        VERSION => Algorithms::USUAL,
        CHOSEN_VERSION => {
            let set = body[FIXED_BYTES..].first_chunk().ok_or(Rejection::Length)?;
            Algorithms::from_bits(u32::from_le_bytes(*set)).ok_or(Rejection::Field)?
        }
        _ => return Err(Rejection::Version),
    };
    match layout(by) {
        (expected, _) if expected != version => Err(Rejection::Field),
        (_, length) if length != body.len() => Err(Rejection::Length),
        _ => Ok(by),
    }
}

fn flags(probe: &Probe) -> u8 {
    let (reply, arrived) = match probe.kind {
        Kind::Request => (false, false),
        Kind::Reply(answer) => (true, answer.arrived.is_some()),
    };
    let pick = |present: bool, flag: u8| if present { flag } else { 0 };
    pick(reply, REPLY)
        | pick(arrived, ARRIVED)
        | pick(probe.departed.is_some(), DEPARTED)
        | pick(probe.stamps_departures, STAMPS)
}

fn decode_body(input: &mut Reader<'_>, by: Algorithms) -> Option<Probe> {
    let [flags] = input.take::<1>();
    if flags & !(REPLY | ARRIVED | DEPARTED | STAMPS) != 0 {
        return None;
    }
    let has = |flag| flags & flag != 0;
    let (from, to) = (NodeId(input.u32()), NodeId(input.u32()));
    let (boot, sequence, sent) = (BootId(input.u64()), input.u64(), Time::from_nanos(input.i64()));
    let answer = Answer {
        boot: BootId(input.u64()),
        sequence: input.u64(),
        received: Time::from_nanos(input.i64()),
        arrived: input.stamp(has(ARRIVED))?,
    };
    let kind = if has(REPLY) { Kind::Reply(answer) } else { Kind::Request };
    let departed_sequence = input.u64();
    let departed = input.stamp(has(DEPARTED))?.map(|stamp| (departed_sequence, stamp));
    if layout(by).0 == CHOSEN_VERSION {
        input.take::<SET_BYTES>();
    }
    let claims = Claims::made_by(by, |_| input.claim());
    Some(Probe { from, to, boot, sequence, sent, kind, departed, stamps_departures: has(STAMPS), claims })
}

struct Writer<'a> {
    bytes: &'a mut [u8; MAX_PROBE_BYTES],
    at: usize,
}

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        self.bytes[self.at..self.at + N].copy_from_slice(&field);
        self.at += N;
    }

    fn stamp(&mut self, stamp: Option<Stamp>) {
        let stamp = stamp.unwrap_or(Stamp { at: Time::ZERO, error: Nanos::ZERO, source: Source::User });
        self.put(stamp.at.as_nanos().to_le_bytes());
        self.put(u32::try_from(stamp.error.0.max(0)).unwrap_or(u32::MAX).to_le_bytes());
        self.put([stamp.source as u8]);
    }

    fn claim(&mut self, claim: &Claim) {
        self.put(claim.reading.as_nanos().to_le_bytes());
        self.put(claim.rate.0.to_le_bytes());
        self.put(claim.counter.to_le_bytes());
        self.put(claim.root.0.to_le_bytes());
        self.put(claim.parent.0.to_le_bytes());
        self.put([claim.stratum]);
        for span in [claim.root_age, claim.root_delay, claim.root_dispersion] {
            self.put(span.0.to_le_bytes());
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    /// The next `N` bytes; zeros past the end, which a body of fixed length never reaches.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.bytes.split_first_chunk::<N>() else { return [0; N] };
        self.bytes = rest;
        *field
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    /// `None` if the source has no meaning; `Some(None)` if the stamp is absent.
    fn stamp(&mut self, present: bool) -> Option<Option<Stamp>> {
        let (at, error) = (Time::from_nanos(self.i64()), Nanos(i64::from(self.u32())));
        let [source] = self.take();
        let source = Source::from_code(source)?;
        Some(present.then_some(Stamp { at, error, source }))
    }

    fn claim(&mut self) -> Claim {
        let (reading, rate, counter) = (Time::from_nanos(self.i64()), Rate(self.i64()), self.u32());
        let (root, parent) = (NodeId(self.u32()), NodeId(self.u32()));
        let [stratum] = self.take();
        let mut span = || Nanos(self.i64());
        let (root_age, root_delay, root_dispersion) = (span(), span(), span());
        Claim { reading, rate, counter, stratum, root, parent, root_age, root_delay, root_dispersion }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::key::KEY_BYTES;

    fn codec() -> Codec {
        Codec::new(7, &Key::new([3; KEY_BYTES]))
    }

    fn probe() -> Probe {
        claiming(Algorithms::USUAL)
    }

    fn claiming(by: Algorithms) -> Probe {
        let stamp = |ns| Stamp { at: Time::from_nanos(ns), error: Nanos(30), source: Source::Kernel };
        let answer = Answer { boot: BootId(8), sequence: 4, received: Time::from_nanos(-9), arrived: Some(stamp(11)) };
        let mut reading = 0;
        let claims = Claims::made_by(by, |_| {
            reading += 1_000_003;
            Claim {
                reading: Time::from_nanos(reading),
                rate: Rate(-reading),
                counter: 6,
                stratum: 3,
                root: NodeId(0),
                parent: NodeId(9),
                root_age: Nanos(77),
                root_delay: Nanos(-5),
                root_dispersion: Nanos(1 << 40),
            }
        });
        Probe {
            from: NodeId(1),
            to: NodeId(2),
            boot: BootId(1 << 60),
            sequence: 5,
            sent: Time::from_nanos(123_456_789_012),
            kind: Kind::Reply(answer),
            departed: Some((3, stamp(12))),
            stamps_departures: true,
            claims,
        }
    }

    #[test]
    fn a_probe_survives_the_wire() {
        let request = Probe { kind: Kind::Request, departed: None, stamps_departures: false, ..probe() };
        for probe in [probe(), request] {
            assert_eq!(codec().decode(&codec().encode(&probe)), Ok(probe));
        }
    }

    #[test]
    fn claims_of_any_clocks_survive_the_wire_and_the_usual_ones_take_no_byte_more_than_ever() {
        assert_eq!((codec().encode(&probe()).len(), PROBE_BYTES), (278, 278));
        for bits in 0..=Algorithms::ALL.bits() {
            let Some(by) = Algorithms::from_bits(bits) else { continue };
            let bytes = codec().encode(&claiming(by));
            assert!(bytes.len() <= MAX_PROBE_BYTES);
            assert_eq!(codec().decode(&bytes), Ok(claiming(by)), "{by}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for probe in [probe(), claiming(Algorithms::ALL), claiming(Algorithms::NONE)] {
            let bytes = codec().encode(&probe);
            for bit in 0..8 * bytes.len() {
                let mut changed = bytes.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(codec().decode(&changed).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn claims_that_do_not_fill_the_datagram_are_refused_before_they_are_read() {
        let by = Algorithms::NONE.with(crate::ids::Algorithm::Lamport);
        let bytes = codec().encode(&claiming(by));
        let telling = |bits: u32| {
            let mut changed = bytes.to_vec();
            changed[FIXED_BYTES..FIXED_BYTES + SET_BYTES].copy_from_slice(&bits.to_le_bytes());
            sealed(changed)
        };
        assert_eq!(codec().decode(&telling(by.bits())), Ok(claiming(by)));
        assert_eq!(codec().decode(&telling(0)), Err(Rejection::Length));
        assert_eq!(codec().decode(&telling(Algorithms::ALL.bits())), Err(Rejection::Length));
        assert_eq!(codec().decode(&telling(u32::MAX)), Err(Rejection::Field), "no such clocks");
        assert_eq!(codec().decode(&telling(Algorithms::USUAL.bits())), Err(Rejection::Field), "these are version 1");
        for length in 0..bytes.len() {
            assert!(codec().decode(&bytes[..length]).is_err());
        }
    }

    /// The bytes of a body with a right MAC in place of their last ones.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let body = bytes.len() - MAC_BYTES;
        let mac = codec().mac(&bytes[..body]);
        bytes[body..].copy_from_slice(&mac);
        bytes
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let bytes = codec().encode(&probe());
        let other_key = Codec::new(7, &Key::new([4; KEY_BYTES]));
        let other_cluster = Codec::new(8, &Key::new([3; KEY_BYTES]));
        let with = |index: usize, value: u8| {
            let mut changed = bytes.to_vec();
            changed[index] = value;
            changed
        };
        assert_eq!(codec().decode(&bytes[..bytes.len() - 1]), Err(Rejection::Length));
        assert_eq!(codec().decode(&with(0, b'X')), Err(Rejection::Magic));
        assert_eq!(codec().decode(&with(3, 9)), Err(Rejection::Version));
        assert_eq!(other_cluster.decode(&bytes), Err(Rejection::Cluster));
        assert_eq!(other_key.decode(&bytes), Err(Rejection::Mac));
    }

    #[test]
    fn an_authentic_probe_with_a_meaningless_field_is_refused() {
        let mut bytes = codec().encode(&probe()).to_vec();
        bytes[12] |= 0x80;
        assert_eq!(codec().decode(&sealed(bytes)), Err(Rejection::Field));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_probe_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..MAX_PROBE_BYTES + 100)) {
            prop_assert!(codec().decode(&bytes).is_err(), "nobody guesses a MAC");
        }
    }
}
