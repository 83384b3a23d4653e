//! One agent's connection: authenticate, then write what it ships and say so once it is on the disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::attendance;
use super::counters::Count;
use super::store::{Appended, Store};
use super::{Shared, Slot};
use crate::host::ship::hello::{self, Answer, END_BYTES, END_MAGIC, Identity, Known, Refused};
use crate::journal::frame::{self, FrameError, FrameHeader};
use crate::journal::scan::RawFrame;
use crate::time::Nanos;

/// The longest that an agent may take to prove who it is.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The longest silence: an agent has a frame every quarter of a second.
const IDLE: Duration = Duration::from_secs(60);
/// How much is read at once. A frame larger than this is put together from bytes that have arrived, never from what it
/// declares.
const PIECE_BYTES: usize = 64 << 10;

/// Serves a connection until it ends; what ended it is counted.
pub async fn serve(mut stream: TcpStream, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let known = tokio::select! {
        known = greet(&mut stream, &shared) => known,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let result = match known {
        Ok(known) => Connection::welcome(stream, &shared, &known).await,
        Err(count) => Err(count),
    };
    let result = match result {
        Ok(connection) => connection.run(stop).await,
        Err(count) => Err(count),
    };
    if let Err(count) = result {
        shared.counts.add(count);
    }
}

async fn greet(stream: &mut TcpStream, shared: &Shared) -> Result<Known, Count> {
    stream.set_nodelay(true).map_err(|_| Count::NoHandshake)?;
    let examined = timeout(HANDSHAKE, hello::examine(stream, &shared.key, shared.cluster)).await;
    examined.map_err(|_| Count::NoHandshake)?.map_err(|refused| match refused {
        Refused::Proof => Count::BadAuth,
        Refused::Cluster => Count::ForeignCluster,
        Refused::Broken => Count::NoHandshake,
    })
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    who: Identity,
    slot: Arc<Slot>,
    /// One more than the number of the last frame that is on the disk.
    next: u64,
}

impl Connection {
    /// The connection to a known agent, which has been told where to go on.
    async fn welcome(stream: TcpStream, shared: &Arc<Shared>, known: &Known) -> Result<Self, Count> {
        let who = known.identity();
        let (shared, slot) = (Arc::clone(shared), shared.slot(who));
        shared.attendance.send_modify(|attendance| attendance.came(who.node, who.boot));
        let mut connection = Self { stream, shared, who, slot, next: 0 };
        connection.next = connection.on_disk(|store| Ok(store.next())).await?;
        let welcome = known.welcome(&mut connection.stream, &connection.shared.key, connection.next);
        timeout(HANDSHAKE, welcome).await.map_err(|_| Count::NoHandshake)?.map_err(|_| Count::NoHandshake)?;
        Ok(connection)
    }

    /// Works on the agent's file where that blocks nobody else.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Count> {
        let (shared, slot, who) = (Arc::clone(&self.shared), Arc::clone(&self.slot), self.who);
        let done = tokio::task::spawn_blocking(move || slot.with(&shared.dir, who, work)).await;
        done.map_err(|_| Count::Disk)?.map_err(|_| Count::Disk)
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Count> {
        let (mut inbox, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
        loop {
            // Only here may a stop interrupt: what is being written is written to its end.
            let read = tokio::select! {
                read = timeout(IDLE, self.stream.read(&mut piece)) => read.map_err(|_| Count::Idle)?,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            match read {
                Ok(0) | Err(_) => return if self.is_closed() { Ok(()) } else { Err(Count::Cut) },
                Ok(length) => inbox.extend_from_slice(&piece[..length]),
            }
            let whole = Whole::of(&inbox, self.who);
            let rest = inbox.split_off(whole.bytes);
            let group = std::mem::replace(&mut inbox, rest);
            // Frames before a bad one are as good as any.
            self.commit(group).await?;
            if whole.problem.is_none() && whole.is_end(&inbox) {
                self.close().await?;
                inbox.drain(..END_BYTES);
            }
            whole.problem.map_or(Ok(()), Err)?;
        }
    }

    fn is_closed(&self) -> bool {
        self.shared.attendance.borrow().is_closed(self.who.node, self.who.boot)
    }

    /// Writes a group of whole frames, syncs once, and acks.
    async fn commit(&mut self, group: Vec<u8>) -> Result<(), Count> {
        if group.is_empty() {
            return Ok(());
        }
        let append = move |store: &mut Store| {
            let frames = whole_frames(&group);
            let next = frames.last().map_or(0, |frame| frame.header.number.saturating_add(1));
            store.append(&frames).map(|appended| (appended, next))
        };
        let (appended, next) = self.on_disk(append).await?;
        self.count(appended);
        self.next = next;
        self.answer(Answer::Acked(next)).await
    }

    fn count(&self, appended: Appended) {
        let counts = &self.shared.counts;
        counts.add_many(Count::Frames, appended.new);
        counts.add_many(Count::Bytes, appended.bytes);
        counts.add_many(Count::Duplicates, appended.duplicates);
        if let Some(sync) = appended.sync {
            self.shared.sync.add(Nanos(i64::try_from(sync.as_nanos()).unwrap_or(i64::MAX)));
        }
    }

    async fn close(&mut self) -> Result<(), Count> {
        let (dir, who) = (self.shared.dir.clone(), self.who);
        self.on_disk(move |_| attendance::mark(&dir, who)).await?;
        // The agent hears of it first: a collector that waits for its last agent may be gone a moment later.
        self.answer(Answer::Closed(self.next)).await?;
        let is_new = self.shared.attendance.send_if_modified(|attendance| attendance.close(who.node, who.boot));
        self.shared.counts.add_many(Count::Closed, u64::from(is_new));
        Ok(())
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), Count> {
        let sent = timeout(IDLE, self.stream.write_all(&answer.to_bytes())).await;
        sent.map_err(|_| Count::Idle)?.map_err(|_| Count::Cut)
    }
}

/// What of an inbox can be worked on.
struct Whole {
    /// Bytes of whole frames at its front.
    bytes: usize,
    /// What is wrong with the bytes after them.
    problem: Option<Count>,
}

impl Whole {
    fn of(inbox: &[u8], who: Identity) -> Self {
        let mut bytes = 0;
        loop {
            let rest = &inbox[bytes..];
            let problem = match frame::check(rest) {
                Ok((header, frame)) if belongs(&header, who) => {
                    bytes += frame.len();
                    continue;
                }
                Ok(_) => Some(Count::ForeignFrame),
                Err(FrameError::Truncated) => None,
                Err(FrameError::Oversize) => Some(Count::Oversize),
                Err(_) if begins_end(rest) => None,
                Err(_) => Some(Count::BadFrame),
            };
            return Self { bytes, problem };
        }
    }

    /// Whether what follows the frames is the end of the shipment.
    fn is_end(&self, rest: &[u8]) -> bool {
        rest.len() >= END_BYTES && rest.starts_with(&END_MAGIC)
    }
}

fn belongs(header: &FrameHeader, who: Identity) -> bool {
    (header.node, header.boot) == (who.node, who.boot)
}

fn begins_end(rest: &[u8]) -> bool {
    let known = rest.len().min(END_MAGIC.len());
    rest[..known] == END_MAGIC[..known]
}

fn whole_frames(mut group: &[u8]) -> Vec<RawFrame<'_>> {
    let mut frames = Vec::new();
    while let Ok((header, bytes)) = frame::check(group) {
        group = &group[bytes.len()..];
        frames.push(RawFrame { header, bytes });
    }
    frames
}
