//! The fields of every record: which column each has and what it is predicted from. One description serves encoder and
//! decoder; where it says `old`, the encoder has the record and the decoder a blank one whose values are ignored.

use super::claims;
use super::columns::{Column, Malformed, Pass};
use super::entry::Entry;
use super::past::{Past, Peer};
use crate::affine::Line;
use crate::clock::{Change, ClockEvent, ErrorBound, Reading};
use crate::ids::{Algorithm, BootId, NodeId};
use crate::node::Record;
use crate::node::record::{Mark, Received, Sent, SystemSample};
use crate::probe::{Claims, Exchange, Point, Source, Stamp};
use crate::time::{Domain, Local, Nanos, Rate, Synced, Time};

// A stamp takes three columns, a point four, a line three.
const MARK: Column = Column(3);
const SENT: Column = Column(5);
const RECEIVED: Column = Column(10);
const EXCHANGED: Column = Column(19);
const CHANGED: Column = Column(41);
const AHEAD: Column = Column(56);
const SYSTEM: Column = Column(90);
const BOOTTIME: Column = Column(93);
const _: () =
    assert!(AHEAD.0 + 2 <= Column::CLAIMS.0 && SYSTEM.0 + 3 <= BOOTTIME.0 && BOOTTIME.0 + 3 <= Column::USUAL_COUNT);

const NO_TIME: Time<Local> = Time::ZERO;
const NO_POINT: Point = Point { user: NO_TIME, wire: None };
const NO_SAMPLE: SystemSample = SystemSample { at: NO_TIME, reading: Time::ZERO, error: Nanos::ZERO };
const NO_CHANGE: Change = Change { reading: Reading::LOCAL, stepped: false, bound: None, event: None };

/// The record's number in the column of kinds.
pub fn kind(record: &Record) -> i64 {
    match record {
        Record::Mark(..) => 1,
        Record::Sent(_) => 2,
        Record::Received(_) => 3,
        Record::Exchanged(..) => 4,
        Record::Changed(..) => 5,
        Record::Ahead(..) => 6,
        Record::System(_) => 7,
        Record::Boottime(_) => 8,
    }
}

/// A record of this kind without content.
pub fn blank(kind: i64) -> Option<Record> {
    Some(match kind {
        1 => Record::Mark(NO_TIME, Mark::ProbingBegan),
        2 => Record::Sent(Sent { at: NO_TIME, to: NodeId(0), sequence: 0, due: None }),
        3 => Record::Received(no_message()),
        4 => Record::Exchanged(NO_TIME, 0, no_exchange()),
        5 => Record::Changed(Algorithm::Free, NO_CHANGE),
        6 => Record::Ahead(NO_TIME, Time::ZERO),
        7 => Record::System(NO_SAMPLE),
        8 => Record::Boottime(NO_SAMPLE),
        _ => return None,
    })
}

fn no_message() -> Received {
    let (from, boot, claims) = (NodeId(0), BootId(0), Claims::default());
    Received { at: NO_TIME, from, boot, sequence: 0, sent: NO_TIME, arrived: None, credit: Nanos::ZERO, claims }
}

fn no_exchange() -> Exchange {
    let (peer, claims) = (NodeId(0), Claims::default());
    Exchange { peer, t1: NO_POINT, t2: NO_POINT, t3: NO_POINT, t4: NO_POINT, claims }
}

/// All fields of a record; `before` are the entries that `past` was learned from.
#[inline]
pub fn record<P: Pass>(pass: &mut P, past: &Past, before: &[Entry], old: &Record) -> Result<Record, Malformed> {
    Ok(match old {
        Record::Mark(at, mark) => {
            let at = time(pass, MARK, past.at, *at)?;
            Record::Mark(at, code(pass.number(MARK.plus(1), 0, *mark as i64)?, Mark::from_code)?)
        }
        Record::Sent(old) => Record::Sent(sent(pass, past, old)?),
        Record::Received(old) => Record::Received(received(pass, past, before, old)?),
        Record::Exchanged(at, sequence, old) => exchanged(pass, past, before, (*at, *sequence, old))?,
        Record::Changed(algorithm, old) => {
            let algorithm = code(pass.number(CHANGED, 0, *algorithm as i64)?, Algorithm::from_code)?;
            Record::Changed(algorithm, changed(pass, past, past.change(algorithm).unwrap_or(&NO_CHANGE), old)?)
        }
        Record::Ahead(at, old) => {
            let at = time(pass, AHEAD, past.at, *at)?;
            let physical = past.change(Algorithm::Ntp).map_or(Reading::LOCAL, |change| change.reading).at(at);
            Record::Ahead(at, time(pass, AHEAD.plus(1), physical, *old)?)
        }
        Record::System(old) => Record::System(sample(pass, past, (SYSTEM, past.system), old)?),
        Record::Boottime(old) => Record::Boottime(sample(pass, past, (BOOTTIME, past.boottime), old)?),
    })
}

fn sent<P: Pass>(pass: &mut P, past: &Past, old: &Sent) -> Result<Sent, Malformed> {
    let to = node(pass, SENT, NodeId(0), old.to)?;
    let last = past.peer(to).map_or(0, |peer| peer.sent_sequence);
    let sequence = unsigned(pass, SENT.plus(1), last.wrapping_add(1), old.sequence)?;
    let mut due = None;
    if flag(pass.number(SENT.plus(2), 0, old.due.is_some().into())?)? {
        // The grid is even, so the last step of it foretells the next one.
        let next = moved(past.due[0], past.due[1], past.due[0]);
        due = Some(time(pass, SENT.plus(3), next, old.due.unwrap_or_default())?);
    }
    let at = time(pass, SENT.plus(4), due.unwrap_or(past.at), old.at)?;
    Ok(Sent { at, to, sequence, due })
}

fn received<P: Pass>(pass: &mut P, past: &Past, before: &[Entry], old: &Received) -> Result<Received, Malformed> {
    let from = node(pass, RECEIVED, NodeId(0), old.from)?;
    let last = past.peer(from).and_then(|peer| peer.last(before));
    let (last_boot, last_sequence) = last.map_or((0, 0), |last| (last.boot.0, last.sequence));
    let at = time(pass, RECEIVED.plus(1), past.at, old.at)?;
    let boot = BootId(unsigned(pass, RECEIVED.plus(2), last_boot, old.boot.0)?);
    let sequence = unsigned(pass, RECEIVED.plus(3), last_sequence.wrapping_add(1), old.sequence)?;
    let arrived = stamp(pass, RECEIVED.plus(4), at, None, old.arrived)?;
    // Two messages take about equally long: as much time passed between the sends as between the arrivals.
    let arrival = |at: Time<Local>, arrived: Option<Stamp>| arrived.map_or(at, |stamp| stamp.at);
    let expected = last.map_or(at, |last| moved(last.sent, arrival(last.at, last.arrived), arrival(at, arrived)));
    let sent = time(pass, RECEIVED.plus(7), expected, old.sent)?;
    let wait = arrived.map_or(0, |stamp| at.as_nanos().wrapping_sub(stamp.at.as_nanos()).wrapping_sub(stamp.error.0));
    let credit = Nanos(pass.number(RECEIVED.plus(8), wait.max(0), old.credit.0)?);
    let claims = claims::claims(pass, sent, last, &old.claims)?;
    Ok(Received { at, from, boot, sequence, sent, arrived, credit, claims })
}

fn exchanged<P: Pass>(
    pass: &mut P,
    past: &Past,
    before: &[Entry],
    (old_at, old_sequence, old): (Time<Local>, u64, &Exchange),
) -> Result<Record, Malformed> {
    let peer = node(pass, EXCHANGED, NodeId(0), old.peer)?;
    let at = time(pass, EXCHANGED.plus(1), past.at, old_at)?;
    let known = past.peer(peer);
    let last = known.and_then(|known| known.last(before)).map_or(0, |last| last.sequence);
    let sequence = unsigned(pass, EXCHANGED.plus(2), last, old_sequence)?;
    let reply = known.and_then(|known| known.received(before, sequence));
    let (replied, landed, wire) = reply.map_or((at, at, None), |reply| (reply.sent, reply.at, reply.arrived));
    let t4 = point(pass, EXCHANGED.plus(3), landed, wire, &old.t4)?;
    let t3 = point(pass, EXCHANGED.plus(7), replied, None, &old.t3)?;
    let t2 = point(pass, EXCHANGED.plus(11), t3.user, None, &old.t2)?;
    let asked = request(pass, EXCHANGED.plus(15), known, old.t1.user)?.unwrap_or(t4.user);
    let t1 = point(pass, EXCHANGED.plus(16), asked, None, &old.t1)?;
    let same = reply.is_some_and(|reply| reply.claims == old.claims);
    let claims = match (flag(pass.number(EXCHANGED.plus(20), 0, same.into())?)?, reply) {
        (true, Some(reply)) => reply.claims.clone(),
        (true, None) => return Err(Malformed::Field),
        (false, _) => claims::claims(pass, t3.user, None, &old.claims)?,
    };
    Ok(Record::Exchanged(at, sequence, Exchange { peer, t1, t2, t3, t4, claims }))
}

/// Another clock of the host is steered so slowly that it runs as fast as the local clock, to a microsecond or so.
fn sample<P: Pass>(
    pass: &mut P,
    past: &Past,
    (first, last): (Column, Option<SystemSample>),
    old: &SystemSample,
) -> Result<SystemSample, Malformed> {
    let last = last.unwrap_or(NO_SAMPLE);
    let at = time(pass, first, past.at, old.at)?;
    let expected = last.reading.as_nanos().wrapping_add(at.as_nanos().wrapping_sub(last.at.as_nanos()));
    let reading = time(pass, first.plus(1), Time::from_nanos(expected), old.reading)?;
    let error = Nanos(pass.number(first.plus(2), last.error.0, old.error.0)?);
    Ok(SystemSample { at, reading, error })
}

/// When the request was sent, if it is one of the last messages to the peer.
fn request<P: Pass>(
    pass: &mut P,
    column: Column,
    known: Option<&Peer>,
    old: Time<Local>,
) -> Result<Option<Time<Local>>, Malformed> {
    let steps = known.map_or(0, |known| known.steps_back_to(old));
    let steps: u8 = narrow(pass.number(column, 0, steps as i64)?)?;
    Ok(known.and_then(|known| known.sent_back(steps.into())))
}

fn changed<P: Pass>(pass: &mut P, past: &Past, last: &Change, old: &Change) -> Result<Change, Malformed> {
    let [has_then, has_bound, has_event] = [old.reading.then.is_some(), old.bound.is_some(), old.event.is_some()];
    let flags = [old.stepped, has_then, has_bound, has_event];
    let flags = flags.iter().enumerate().map(|(bit, set)| i64::from(*set) << bit).sum();
    let flags: u8 = narrow(pass.number(CHANGED.plus(1), 0, flags)?)?;
    if flags > 0b1111 {
        return Err(Malformed::Field);
    }
    let expected = last.reading.line_at(past.at);
    let main = line(pass, CHANGED.plus(2), past.at, expected, &old.reading.line)?;
    let (mut then, mut bound, mut event) = (None, None, None);
    if flags & 2 != 0 {
        then = Some(line(pass, CHANGED.plus(5), main.start, &main, &old.reading.then.unwrap_or(main))?);
    }
    let zero = ErrorBound { initial: Nanos::ZERO, growth: Rate::ZERO };
    if flags & 4 != 0 {
        bound = Some(error_bound(pass, last.bound.unwrap_or(zero), old.bound.unwrap_or(zero))?);
    }
    if flags & 8 != 0 {
        let (old_event, old_node) = old.event.unwrap_or((ClockEvent::Follows, NodeId(0)));
        let what = code(pass.number(CHANGED.plus(10), 0, old_event as i64)?, ClockEvent::from_code)?;
        event = Some((what, node(pass, CHANGED.plus(11), NodeId(0), old_node)?));
    }
    Ok(Change { reading: Reading { line: main, then }, stepped: flags & 1 != 0, bound, event })
}

fn error_bound<P: Pass>(pass: &mut P, last: ErrorBound, old: ErrorBound) -> Result<ErrorBound, Malformed> {
    let initial = Nanos(pass.number(CHANGED.plus(8), last.initial.0, old.initial.0)?);
    let growth = Rate(pass.number(CHANGED.plus(9), last.growth.0, old.growth.0)?);
    Ok(ErrorBound { initial, growth })
}

/// A line that begins near `start` and goes on from `expected`.
fn line<P: Pass>(
    pass: &mut P,
    first: Column,
    start: Time<Local>,
    expected: &Line<Local, Synced>,
    old: &Line<Local, Synced>,
) -> Result<Line<Local, Synced>, Malformed> {
    let start = time(pass, first, start, old.start)?;
    let value = time(pass, first.plus(1), expected.at(start), old.value)?;
    let rate = Rate(pass.number(first.plus(2), expected.rate.0, old.rate.0)?);
    Ok(Line { start, value, rate })
}

fn point<P: Pass>(
    pass: &mut P,
    first: Column,
    user: Time<Local>,
    wire: Option<Stamp>,
    old: &Point,
) -> Result<Point, Malformed> {
    let user = time(pass, first, user, old.user)?;
    Ok(Point { user, wire: stamp(pass, first.plus(1), user, wire, old.wire)? })
}

/// A stamp that is expected to equal `expected`, or if there is none to lie near `near`.
fn stamp<P: Pass>(
    pass: &mut P,
    first: Column,
    near: Time<Local>,
    expected: Option<Stamp>,
    old: Option<Stamp>,
) -> Result<Option<Stamp>, Malformed> {
    let presence = |stamp: Option<Stamp>| stamp.map_or(0, |stamp| 1 + stamp.source as i64);
    let presence: u8 = narrow(pass.number(first, presence(expected), presence(old))?)?;
    let Some(source) = presence.checked_sub(1) else { return Ok(None) };
    let source = Source::from_code(source).ok_or(Malformed::Field)?;
    let blank = Stamp { at: near, error: Nanos::ZERO, source };
    let (expected, old) = (expected.unwrap_or(blank), old.unwrap_or(blank));
    let at = time(pass, first.plus(1), expected.at, old.at)?;
    let error = Nanos(pass.number(first.plus(2), expected.error.0, old.error.0)?);
    Ok(Some(Stamp { at, error, source }))
}

/// An instant.
#[inline]
pub fn time<P: Pass, D: Domain>(
    pass: &mut P,
    column: Column,
    base: Time<D>,
    old: Time<D>,
) -> Result<Time<D>, Malformed> {
    pass.number(column, base.as_nanos(), old.as_nanos()).map(Time::from_nanos)
}

/// A node.
pub fn node<P: Pass>(pass: &mut P, column: Column, base: NodeId, old: NodeId) -> Result<NodeId, Malformed> {
    narrow(pass.number(column, base.0.into(), old.0.into())?).map(NodeId)
}

fn unsigned<P: Pass>(pass: &mut P, column: Column, base: u64, old: u64) -> Result<u64, Malformed> {
    pass.number(column, base as i64, old as i64).map(|value| value as u64)
}

/// A number that must fit a smaller type.
pub fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T, Malformed> {
    T::try_from(value).map_err(|_| Malformed::Field)
}

fn flag(value: i64) -> Result<bool, Malformed> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed::Field),
    }
}

fn code<T>(value: i64, from_code: impl Fn(u8) -> Option<T>) -> Result<T, Malformed> {
    from_code(narrow(value)?).ok_or(Malformed::Field)
}

/// `instant` moved by as much as `to` is after `from`. It wraps: a prediction may be wrong, but never panics.
fn moved(instant: Time<Local>, from: Time<Local>, to: Time<Local>) -> Time<Local> {
    Time::from_nanos(instant.as_nanos().wrapping_add(to.as_nanos().wrapping_sub(from.as_nanos())))
}
