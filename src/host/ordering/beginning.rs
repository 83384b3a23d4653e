//! How a scene begins at agents whom nobody gives cues: the one with the lowest id says so on the connections, with what its
//! clock shows then, and every other one begins when it hears of it.

use std::future::poll_fn;
use std::task::Poll;

use anyhow::{Result, bail};

use super::Mesh;
use super::peer::Rest;
use crate::host::clock::raw_now;
use crate::order::message;
use crate::time::{Nanos, Raw, Synced, Time};
use crate::workload::wire::{Frame, Kind, decode};

/// How long to wait for the word: scenes are of one length, so that whoever gives it is late only if it is in trouble.
const PATIENCE: Nanos = Nanos::from_seconds(30);

/// What came of looking for the word.
enum Word {
    Begin(Time<Synced>),
    NotYet,
    Wrong,
}

impl Mesh {
    /// Whether oneself says when scenes begin.
    pub fn leads(&self) -> bool {
        self.peers.iter().all(|peer| peer.id > self.me)
    }

    /// Tells the others that a scene begins when one's own clock shows `base`.
    pub async fn announce(&mut self, scene: u16, base: Time<Synced>) {
        let mut word = Vec::new();
        Frame::put(&mut word, Kind::Beginning, scene, 0, &base);
        poll_fn(|cx| {
            self.peers.iter_mut().for_each(|peer| peer.send(cx, &word));
            Poll::Ready(())
        })
        .await;
    }

    /// Waits until a scene begins: what the clock of the agent that said so showed then.
    ///
    /// # Errors
    /// That agent is lost, says something else, or nothing for half a minute.
    pub async fn await_beginning(&mut self, scene: u16) -> Result<Time<Synced>> {
        let until = raw_now() + PATIENCE;
        poll_fn(|cx| {
            loop {
                let now = raw_now();
                let moved = self.keep_up(cx, now);
                match self.word(scene, now) {
                    Word::Begin(base) => return Poll::Ready(Ok(base)),
                    Word::NotYet if now < until && !self.peers.first().is_none_or(|first| first.is_spent()) => {}
                    Word::NotYet | Word::Wrong => return Poll::Ready(self.nobody(scene)),
                }
                let next = self.tends_again(now).min(until);
                if !moved && self.timer.poll_until(cx, now, next).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn nobody(&self, scene: u16) -> Result<Time<Synced>> {
        let first = self.peers.first().map_or(self.me, |peer| peer.id);
        bail!("node {first} did not begin scene {scene} within {PATIENCE}: see what it says")
    }

    /// Looks for the word of the first peer; what is left of earlier scenes and phases is forgotten on the way.
    fn word(&mut self, scene: u16, now: Time<Raw>) -> Word {
        let Some(first) = self.peers.first_mut() else { return Word::Wrong };
        let mut inbox = std::mem::take(&mut first.inbox);
        let found = loop {
            let record = inbox.record(now);
            if record.is_empty() {
                break Word::NotYet;
            }
            let bytes = match Frame::decode(record) {
                Ok(Some(frame)) if frame.scene < scene => frame.bytes(),
                Ok(Some(frame)) => {
                    let base = decode(frame.body).filter(|_| frame.kind == Kind::Beginning && frame.scene == scene);
                    let bytes = frame.bytes();
                    inbox.take(bytes);
                    break base.map_or(Word::Wrong, Word::Begin);
                }
                Ok(None) | Err(_) => match message::decode(record, first.id) {
                    Ok(Some(frame)) => frame.bytes,
                    _ => break Word::Wrong,
                },
            };
            inbox.take(bytes);
        };
        first.inbox = inbox;
        first.leave(if matches!(found, Word::Wrong) { Rest::Wrong } else { Rest::Waits }, now);
        found
    }
}
