//! How connections are made and mended, in the turns of whoever uses the mesh and while nobody does: of each pair, the node
//! with the lower id dials. The first connection mends a stream on which nothing was said yet.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Mesh;
use super::handshake::{Call, Greeting, Identity, Place, Refusal, accept, dial};
use super::peer::Peer;
use crate::host::clock::raw_now;
use crate::order::link::{LinkChange, LinkReport, LinkState, Loss, PlannedCut};
use crate::time::{Nanos, Raw, Time};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(1);
/// Most handshakes that strangers can keep open at once.
const MAX_HANDSHAKES: usize = 128;
/// How long nobody is let in after the system could not.
const SHORTAGE: Nanos = Nanos::from_millis(50);
/// Whoever waits for connections alone looks at them again after so long.
const LOOK_AGAIN: Nanos = Nanos::from_seconds(1);
/// Most planned cuts of one phase.
const MAX_CUTS: usize = 1_024;

/// A planned cut of one's own connection to a peer that oneself dials.
#[derive(Clone, Copy, Debug)]
struct Due {
    peer: usize,
    from: Time<Raw>,
    length: Nanos,
}

type Greeted = Result<(Greeting, TcpStream), String>;
type Dialed = (usize, Result<(Place, TcpStream), Refusal>);

/// What connections are made and mended with.
pub(super) struct Links {
    identity: Identity,
    listener: TcpListener,
    greeting: JoinSet<Greeted>,
    dialing: JoinSet<Dialed>,
    /// How many connections there were, the present ones included.
    connections: u64,
    /// Peers that are being dialed.
    dialed: Vec<bool>,
    /// Nobody is let in before.
    listens: Time<Raw>,
    /// Why the last one was refused, and why there is no hope.
    pub(super) refused: Option<String>,
    pub(super) hopeless: Option<String>,
    planned: Vec<PlannedCut>,
    due: Vec<Due>,
    told: Vec<LinkState>,
    pub(super) changes: Option<mpsc::Sender<LinkChange>>,
}

impl Links {
    /// Nothing is made yet between `identity` and its `peers`.
    pub(super) fn new(identity: Identity, listener: TcpListener, peers: usize, now: Time<Raw>) -> Self {
        Self {
            identity,
            listener,
            greeting: JoinSet::new(),
            dialing: JoinSet::new(),
            connections: 0,
            dialed: vec![false; peers],
            listens: now,
            refused: None,
            hopeless: None,
            planned: Vec::new(),
            due: Vec::new(),
            told: vec![LinkState::Up; peers],
            changes: None,
        }
    }
}

impl Mesh {
    /// When to look at connections again after `now` that nothing happens to.
    pub(super) fn tends_again(&self, now: Time<Raw>) -> Time<Raw> {
        self.next_tending(now).unwrap_or(now + LOOK_AGAIN)
    }

    /// Keeps the streams going while no phase is run, for as long as the future is polled: somebody else may need what was
    /// sent before.
    pub async fn idle(&mut self) -> Infallible {
        poll_fn(|cx| {
            loop {
                let now = raw_now();
                let moved = self.keep_up(cx, now);
                let next = self.tends_again(now);
                if !moved && self.timer.poll_until(cx, now, next).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Looks after the connections, reads what came and writes what waits, as far as that goes without waiting: whether anything
    /// came.
    pub(super) fn keep_up(&mut self, cx: &mut Context<'_>, now: Time<Raw>) -> bool {
        self.tend(cx, now);
        let mut moved = false;
        for peer in &mut self.peers {
            moved |= peer.poll_read(cx).is_ready();
            peer.flush(cx);
        }
        moved
    }

    /// The connections that are to be cut in the next phase or scene, from its beginning on.
    pub fn plan_cuts(&mut self, cuts: &[PlannedCut]) {
        self.links.planned = cuts.iter().take(MAX_CUTS).copied().collect();
    }

    /// A phase begins: what becomes of connections is counted anew, and the cuts that are planned for it are due.
    pub(super) fn begin(&mut self, began: Time<Raw>) {
        self.peers.iter_mut().for_each(|peer| peer.begin(began));
        let (me, peers) = (self.me, &self.peers);
        let due = |cut: PlannedCut| {
            let peer = peers.iter().position(|peer| [me, peer.id] == cut.ends)?;
            Some(Due { peer, from: began + cut.after, length: cut.length })
        };
        self.links.due = std::mem::take(&mut self.links.planned).into_iter().filter_map(due).collect();
    }

    /// What became of the connections since the phase began.
    pub fn links(&self) -> Vec<LinkReport> {
        let now = raw_now();
        self.peers.iter().map(|peer| peer.report(now)).collect()
    }

    /// Makes, mends and gives up connections, as far as that goes without waiting: whether one is new. Nobody is woken by that
    /// one before it was read from.
    pub(super) fn tend(&mut self, cx: &mut Context<'_>, now: Time<Raw>) -> bool {
        let before = self.links.connections;
        self.sever(now);
        self.listen(cx, now);
        self.call(cx, now);
        for peer in &mut self.peers {
            if peer.cut().is_some_and(|cut| cut.until <= now) {
                peer.lose(Loss::Unmended, now);
            }
        }
        self.tell();
        self.links.connections != before
    }

    /// When to tend to the connections again after `now`, if nothing happens before.
    pub(super) fn next_tending(&self, now: Time<Raw>) -> Option<Time<Raw>> {
        let of = |(peer, dialed): (&Peer, &bool)| {
            let cut = peer.cut()?;
            let calls = peer.id > self.me && !dialed;
            Some(if calls { cut.retry.max(peer.held()).min(cut.until) } else { cut.until })
        };
        let cuts = self.peers.iter().zip(&self.links.dialed).filter_map(of);
        let listens = Some(self.links.listens).filter(|listens| *listens > now);
        cuts.chain(self.links.due.iter().map(|due| due.from)).chain(listens).min()
    }

    /// Cuts what is to be cut now. The end that dials does, alone: were both to, as each counts from its own beginning, one
    /// planned cut could be two.
    fn sever(&mut self, now: Time<Raw>) {
        let Self { links, peers, .. } = self;
        links.due.retain(|due| {
            if due.from <= now {
                peers[due.peer].hold(now, now + due.length);
            }
            due.from > now
        });
    }

    fn listen(&mut self, cx: &mut Context<'_>, now: Time<Raw>) {
        while now >= self.links.listens && self.links.greeting.len() < MAX_HANDSHAKES {
            match self.links.listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, from))) => {
                    self.links.greeting.spawn(greet(self.links.identity.clone(), stream, from));
                }
                Poll::Ready(Err(_)) => self.links.listens = now + SHORTAGE,
                Poll::Pending => break,
            }
        }
        while let Poll::Ready(Some(greeted)) = self.links.greeting.poll_join_next(cx) {
            match greeted {
                Ok(Ok((greeting, stream))) => self.welcome(&greeting, stream, now),
                Ok(Err(why)) => self.links.refused = Some(why),
                Err(_) => {}
            }
        }
    }

    /// Answers a peer that has proved who it is. Its old connection ends here, if it still seemed to work.
    fn welcome(&mut self, greeting: &Greeting, stream: TcpStream, now: Time<Raw>) {
        let Self { links, peers, me, .. } = self;
        let Some(peer) = peers.iter_mut().find(|peer| peer.id == greeting.from && peer.id < *me) else {
            links.refused = Some(format!("node {} is not expected", greeting.from));
            return;
        };
        let Place { incarnation, received } = greeting.place;
        let overtaken = incarnation == peer.incarnation && greeting.number <= peer.call;
        if overtaken {
            return;
        }
        peer.interrupt(now);
        peer.call = greeting.number;
        let known = peer.incarnation == 0 || peer.incarnation == incarnation;
        let knows = greeting.known == 0 || greeting.known == links.identity.incarnation;
        if !(known || peer.is_blank()) || !knows {
            peer.lose(Loss::Restarted, now);
        } else if !peer.is_lost() && peer.resume(received).is_err() {
            peer.lose(Loss::Misled, now);
        }
        let count = match peer.state() {
            LinkState::Lost(why) => Err(why),
            LinkState::Up | LinkState::Mending => Ok(peer.received()),
        };
        let answer = greeting.answer(&links.identity, count);
        // A new connection takes so few bytes, or it is broken and the dialer will try again.
        let answered = stream.try_write(&answer).is_ok_and(|written| written == answer.len());
        if answered && count.is_ok() {
            peer.mend(stream, incarnation, now);
            links.connections += 1;
        }
    }

    fn call(&mut self, cx: &mut Context<'_>, now: Time<Raw>) {
        let Self { links, peers, me, .. } = self;
        for (index, peer) in peers.iter_mut().enumerate().filter(|(_, peer)| peer.id > *me) {
            let due = peer.cut().is_some_and(|cut| cut.retry <= now) && !peer.is_held(now);
            if due && !links.dialed[index] {
                peer.pause(now);
                links.dialed[index] = true;
                peer.call += 1;
                let (known, received, number) = (peer.incarnation, peer.received(), peer.call);
                let call = Call { to: peer.id, known, received, number };
                let (identity, address) = (links.identity.clone(), peer.address);
                links.dialing.spawn(async move { (index, dial_once(&identity, address, call).await) });
            }
        }
        while let Poll::Ready(Some(dialed)) = self.links.dialing.poll_join_next(cx) {
            if let Ok((index, answer)) = dialed {
                self.links.dialed[index] = false;
                self.hear(index, answer, now);
            }
        }
    }

    /// Takes the answer of a peer that was dialed.
    fn hear(&mut self, index: usize, answer: Result<(Place, TcpStream), Refusal>, now: Time<Raw>) {
        let (peer, links) = (&mut self.peers[index], &mut self.links);
        match answer {
            Ok((place, stream)) => {
                if peer.is_held(now) || peer.cut().is_none() {
                    return;
                }
                let known = peer.incarnation == 0 || peer.incarnation == place.incarnation || peer.is_blank();
                match peer.resume(place.received) {
                    _ if !known => peer.lose(Loss::Restarted, now),
                    Err(_) => peer.lose(Loss::Misled, now),
                    Ok(()) => {
                        peer.mend(stream, place.incarnation, now);
                        links.connections += 1;
                    }
                }
            }
            Err(Refusal::Restarted) if peer.is_blank() => peer.incarnation = 0,
            Err(Refusal::Restarted) => peer.lose(Loss::Restarted, now),
            Err(Refusal::GivenUp) => peer.lose(Loss::GivenUp, now),
            Err(Refusal::Broken(why)) => links.refused = Some(why.to_string()),
            Err(refusal @ (Refusal::Key | Refusal::Stranger)) => {
                links.hopeless = Some(format!("node {} at {}: {refusal}", peer.id, peer.address));
            }
        }
    }

    /// Tells whoever wants to know what changed.
    fn tell(&mut self) {
        let Some(changes) = &self.links.changes else { return };
        for (peer, told) in self.peers.iter().zip(&mut self.links.told) {
            let state = peer.state();
            if state != *told {
                *told = state;
                // Whoever does not listen finds it in the phase's report.
                let cut_ns = if state == LinkState::Mending { 0 } else { peer.lasted().0 };
                let _ = changes.try_send(LinkChange { peer: peer.id, state, cut_ns });
            }
        }
    }
}

/// Tries once to reach a peer.
async fn dial_once(identity: &Identity, address: SocketAddr, call: Call) -> Result<(Place, TcpStream), Refusal> {
    let dialed = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let place = dial(&mut stream, identity, call).await?;
        Ok((place, stream))
    };
    timeout(HANDSHAKE, dialed).await.unwrap_or_else(|_| Err(Refusal::Broken(std::io::ErrorKind::TimedOut.into())))
}

async fn greet(identity: Identity, mut stream: TcpStream, from: SocketAddr) -> Greeted {
    let greeted = async {
        stream.set_nodelay(true)?;
        accept(&mut stream, &identity).await
    };
    match timeout(HANDSHAKE, greeted).await {
        Ok(Ok(greeting)) => Ok((greeting, stream)),
        Ok(Err(refusal)) => Err(format!("{from}: {refusal}")),
        Err(_) => Err(format!("{from}: no answer")),
    }
}
