//! An NTP-style clock on a mesh without UTC (RFC 5905, sections 8 to 13, with time constants scaled to the poll).
//!
//! It estimates how far the reference node's clock is ahead of the local clock, and at what rate it runs away, and shows
//! local time corrected by both. The reference is a configured node, of stratum one; it never corrects itself. The
//! others follow the best of their peers ([`select`]) by its least-delayed samples ([`filter`]), averaged with those of its
//! equals that agree with it ([`mod@combine`]), in a phase-locked loop ([`discipline`]). If the reference falls silent the lowest node alive stands in for it ([`election`]).
//!
//! Inputs: messages (who is root, how old that news is) and exchanges (peer's clock − local clock, nanoseconds, positive
//! when the peer is ahead). Outputs: a [`Reading`] of local time and an [`ErrorBound`] on its distance from the root's
//! reading, in nanoseconds. Assumptions: delays are about the same both ways (half of the difference goes into the
//! reading; the bound covers it), fewer than half of the peers are wrong, clocks go wrong by less than PHI = 15 ppm
//! between updates. Cost an exchange: O(peers) while the system
//! peer is sure to be kept, else a pass over eight samples of each peer.
//!
//! # Start-up
//! Four samples of a synchronised peer bring its root distance below MAXDIST: the clock steps, once. When its samples
//! span twenty polls it sets its frequency, then it slews the rest of the phase at up to 500 ppm, then it closes its loop. Only
//! now does it claim a stratum, so that strata start one after another.
//!
//! # Departures from RFC 5905
//! Samples are kept as offsets to the never-corrected local clock, so no filter need be cleared at a correction.
//! Everything of the mesh (root, age, election) is new. A peer may be switched to only if it is the root, or has
//! fresher news of the root than we ever had: two nodes then never follow each other, and distances to a dead root do
//! not count to infinity (as in AODV and DSDV; the RFC's check of the parent alone leaves a race). MINDISP, the floor
//! of 5 ms under the claimed error, is left out: on a LAN it would make the claim say nothing. Poll control ([`poll`])
//! cannot change how often a mesh probes; it is off unless asked for ([`Ntp::with_poll_control`]): it trades accuracy for
//! packets that are sent anyway. See the parts for their departures.

pub mod combine;
pub mod discipline;
pub mod distance;
pub mod election;
pub mod filter;
pub mod fit;
pub mod poll;
pub mod roster;
pub mod select;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::{Change, Clock, ClockEvent, ErrorBound, Message, Reading};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Rate, Time};
use combine::{cluster, combine};
use discipline::{Discipline, Outcome};
use distance::Distance;
use election::{Election, MAX_NEIGHBOURS, News, Role, Turn, age_limit};
use filter::{Filter, Measurement, Output, PHI, STAGES};
use roster::Roster;
use select::{Candidate, FEW, MAX_DISTANCE, MAX_STRATUM, truechimers};

/// So many events wait to be reported at most.
const PENDING_EVENTS: usize = 8;

/// Settings of an NTP-style clock.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The node itself.
    pub node: NodeId,
    /// The node to follow while it is alive.
    pub reference: NodeId,
    /// The poll interval: one exchange a poll with each peer.
    pub poll: Nanos,
}

impl Settings {
    /// The settings of a node's clock, as far as they matter here.
    pub const fn of(settings: &super::Settings) -> Self {
        Self { node: settings.node, reference: settings.reference, poll: settings.poll }
    }
}

/// The system peer, and our place in its tree.
#[derive(Clone, Copy, Debug)]
struct Following {
    peer: NodeId,
    root: NodeId,
    stratum: u8,
    /// When the root sent the freshest news that came through this peer.
    emitted: Time<Local>,
}

/// An NTP-style clock.
#[derive(Clone, Debug)]
pub struct Ntp {
    settings: Settings,
    election: Election,
    filters: Roster<Filter>,
    discipline: Discipline,
    following: Option<Following>,
    /// By root, when it sent the freshest news that we ever had from a system peer: only fresher news may be followed.
    heights: Roster<Time<Local>>,
    distance: Option<Distance>,
    events: VecDeque<(ClockEvent, NodeId)>,
    /// Whether a bound was stated since the clock began to lead.
    stated: Statement,
}

/// Whether a root has stated its error bound yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Statement {
    Due,
    Made,
}

impl Ntp {
    /// A clock that has not been synchronised yet.
    pub fn new(settings: Settings) -> Self {
        let settings = Settings { poll: settings.poll.max(Nanos(1)), ..settings };
        Self {
            settings,
            election: Election::new(settings.node, settings.reference, settings.poll),
            filters: Roster::default(),
            discipline: Discipline::new(settings.poll),
            following: None,
            heights: Roster::default(),
            distance: None,
            events: VecDeque::new(),
            stated: Statement::Due,
        }
    }

    /// The clock with a loop that may be updated as seldom as once in 2^`most` polls ([`poll`]).
    pub fn with_poll_control(mut self, most: u8) -> Self {
        self.discipline.control_poll(most);
        self
    }

    /// See [`crate::node::Node::touch`].
    #[inline]
    pub fn touch(&self) -> i64 {
        let following = self.following.map_or(0, |following| following.emitted.as_nanos());
        let distance = self.distance.map_or(0, |distance| distance.delay().0);
        following ^ distance ^ self.election.touch() ^ self.discipline.touch() ^ self.filters.count() as i64
    }

    /// See [`crate::node::Node::touch_beyond`].
    #[inline]
    pub fn touch_message(&self, peer: NodeId) -> i64 {
        self.election.touch_beyond(peer) ^ self.heights.at(0).map_or(0, |emitted| emitted.as_nanos())
    }

    /// See [`crate::node::Node::touch_beyond`].
    #[inline]
    pub fn touch_exchange(&self, peer: NodeId) -> i64 {
        let filters = self.filters.iter().fold(0, |sum, (_, filter)| sum ^ filter.touch());
        filters ^ self.filters.of(peer).map_or(0, Filter::touch_all)
    }

    /// The system peer: the node that this one follows.
    pub fn system_peer(&self) -> Option<NodeId> {
        self.following.map(|following| following.peer)
    }

    /// Distance from the root in hops at `at`, counting the root as one; zero until the clock is disciplined.
    pub fn stratum(&self, at: Time<Local>) -> u8 {
        match (self.election.role(), &self.following) {
            (Role::Leading, _) => 1,
            (_, Some(following)) if self.discipline.is_settled(at) => following.stratum,
            _ => 0,
        }
    }

    /// Looks again at who is root.
    #[inline]
    fn elect(&mut self, now: Time<Local>) {
        if let Some(turn) = self.election.turn(now) {
            self.turned(now, turn);
        }
    }

    #[cold]
    fn turned(&mut self, now: Time<Local>, turn: Turn) {
        match turn {
            Turn::Lost(root) => {
                self.following = None;
                self.report(ClockEvent::LostReference, root);
            }
            Turn::TookOver => {
                self.discipline.hold(now);
                self.discipline.restart_measuring();
                self.stated = Statement::Due;
                self.report(ClockEvent::TookOver, self.settings.node);
            }
            Turn::Chose(root) => self.following = self.following.filter(|following| following.root == root),
        }
    }

    fn report(&mut self, event: ClockEvent, node: NodeId) {
        if self.events.len() < PENDING_EVENTS {
            self.events.push_back((event, node));
        }
    }

    /// What the system peer says of the root reaches those that follow us.
    #[inline]
    fn relay(&mut self, from: NodeId) {
        let Some(following) = self.following.as_mut().filter(|following| following.peer == from) else { return };
        let Some(news) = self.election.news(from) else { return };
        if following.root != news.root || news.stratum == 0 {
            return;
        }
        if news.parent == self.settings.node {
            self.following = None;
            return;
        }
        following.emitted = following.emitted.max(news.emitted());
        following.stratum = news.stratum.saturating_add(1);
        *self.heights.enter(following.root, || following.emitted) = following.emitted;
    }

    /// Forgets what is too old to be told again by anybody.
    fn forget(&mut self, now: Time<Local>) {
        let longest = age_limit(MAX_STRATUM, self.settings.poll);
        // Only peers of which there is news have a filter.
        if self.election.forget(now) > 0 {
            self.filters.retain(|peer, _| self.election.news(peer).is_some());
        }
        self.heights.retain(|_, emitted| now - *emitted <= longest);
    }

    /// Chooses the system peer anew.
    fn choose(&mut self, now: Time<Local>) {
        let Role::Under(root) = self.election.role() else { return };
        if self.is_settled_on_its_peer(now, root) {
            debug_assert!(self.keeps_its_peer(&self.weigh(now, root)), "{self:?} at {now:?}");
            return;
        }
        let chosen = self.weigh(now, root);
        if self.keeps_its_peer(&chosen) {
            return;
        }
        let better = chosen.iter().find(|c| self.may_follow(c.peer, root)).copied();
        if let Some(better) = better.filter(|better| Some(better.peer) != self.system_peer()) {
            self.follow(root, better);
        }
    }

    /// The peers that tell the truth, best first.
    fn weigh(&self, now: Time<Local>, root: NodeId) -> SmallVec<[Candidate; FEW]> {
        let candidates: SmallVec<[Candidate; FEW]> =
            self.filters.iter().filter_map(|(peer, filter)| self.candidate(now, root, peer, filter)).collect();
        truechimers(&candidates)
    }

    /// The survivors of the vote among the truechimers of the smallest stratum.
    fn survivors(&self, now: Time<Local>) -> Vec<Candidate> {
        let Role::Under(root) = self.election.role() else { return Vec::new() };
        let mut chosen = self.weigh(now, root);
        let least = chosen.first().map(|best| best.stratum);
        chosen.retain(|candidate| Some(candidate.stratum) == least);
        cluster(chosen.into_vec(), self.system_peer())
    }

    /// Whether the system peer is no worse than the best by more than its distance.
    fn keeps_its_peer(&self, chosen: &[Candidate]) -> bool {
        let Some(best) = chosen.first() else { return false };
        chosen.iter().any(|c| Some(c.peer) == self.system_peer() && c.stratum == best.stratum)
    }

    /// Whether the system peer is sure to be kept, as can be seen without weighing all samples: every peer that may be
    /// followed is certainly near enough, and even the least that its distance can be holds all of their offsets, so that
    /// all are truechimers; the smallest stratum is then the best, and the system peer has it.
    fn is_settled_on_its_peer(&self, now: Time<Local>, root: NodeId) -> bool {
        let (rate, reach) = (self.discipline.frequency(), self.settings.poll.times(STAGES as i64));
        let shown = self.reading().at(now);
        let (mut least, mut own) = (MAX_STRATUM, None);
        let (mut low, mut high, mut lowest, mut highest) = (Nanos(i64::MIN), Nanos::MAX, Nanos::MAX, Nanos(i64::MIN));
        // Who has a filter has told news, and both are by their ids: one walk finds all.
        let mut told = self.election.all_news();
        for (peer, filter) in self.filters.iter() {
            let news = told.find(|(neighbour, _)| *neighbour == peer).map(|(_, news)| news);
            let news = news.filter(|news| self.is_eligible(now, root, news));
            let (Some(news), Some(best), Some(latest)) = (news, filter.best(), filter.latest()) else { continue };
            if now - latest > reach {
                continue;
            }
            let (nearest, farthest) = Distance::limits(now, news, best, filter.doubt(now, rate));
            if farthest >= MAX_DISTANCE {
                return false;
            }
            let offset = best.carried_to(now, rate) - shown;
            (low, high) = (low.max(offset - nearest), high.min(offset + nearest));
            (lowest, highest) = (lowest.min(offset), highest.max(offset));
            least = least.min(news.stratum);
            own = if Some(peer) == self.system_peer() { Some(news.stratum) } else { own };
        }
        own == Some(least) && low < high && low <= lowest && highest <= high
    }

    /// A peer that may be followed: it is synchronised to our root, does not follow us, and was measured lately.
    fn candidate(&self, now: Time<Local>, root: NodeId, peer: NodeId, filter: &Filter) -> Option<Candidate> {
        let news = self.election.news(peer).filter(|news| self.is_eligible(now, root, news))?;
        let output = filter.output(now, self.discipline.frequency())?;
        let reach = self.settings.poll.times(STAGES as i64);
        let distance = Distance::by_way_of(now, news, &output);
        let near = distance.bound_at(now).initial;
        let usable = now - filter.latest()? <= reach && near <= MAX_DISTANCE + PHI.over(self.settings.poll);
        usable.then(|| Candidate {
            peer,
            stratum: news.stratum,
            offset: self.discipline.residual(now, &output.best),
            distance: near,
            jitter: output.jitter,
        })
    }

    fn is_eligible(&self, now: Time<Local>, root: NodeId, news: &News) -> bool {
        news.root == root
            && (1..MAX_STRATUM - 1).contains(&news.stratum)
            && news.parent != self.settings.node
            && news.is_fresh(now, self.settings.poll)
    }

    /// Whether following `peer` can close no loop. News gets only older on its way: a node whose news is fresher than
    /// ours does not have it from us. A quarter of a poll allows for the time that messages take.
    fn may_follow(&self, peer: NodeId, root: NodeId) -> bool {
        let Some(height) = self.heights.of(root) else { return self.heights.count() < MAX_NEIGHBOURS };
        let fresher = |news: &News| news.emitted() > *height + self.settings.poll.over(4);
        peer == root || self.system_peer() == Some(peer) || self.election.news(peer).is_some_and(fresher)
    }

    fn follow(&mut self, root: NodeId, chosen: Candidate) {
        let Some(emitted) = self.election.news(chosen.peer).map(News::emitted) else { return };
        let stratum = chosen.stratum.saturating_add(1);
        let height = self.heights.enter(root, || emitted);
        let emitted = emitted.max(*height);
        *height = emitted;
        self.following = Some(Following { peer: chosen.peer, root, stratum, emitted });
        self.discipline.restart_measuring();
        let samples = self.filters.of(chosen.peer).into_iter().flat_map(Filter::samples);
        samples.for_each(|sample| self.discipline.note(sample));
        self.report(ClockEvent::Follows, chosen.peer);
    }

    /// Lets the system peer's measurements, averaged with those of the other survivors, into the loop.
    fn synchronise(&mut self, now: Time<Local>) -> Outcome {
        let frequency = self.discipline.frequency();
        let Some(peer) = self.system_peer().filter(|_| self.discipline.is_turn(now)) else { return Outcome::Waited };
        let Some(filter) = self.filters.of_mut(peer) else { return Outcome::Waited };
        let fresh = filter.take(now, frequency, self.settings.poll);
        let due = if self.discipline.is_due() { filter.output(now, frequency) } else { fresh };
        let (Some(output), Some(news)) = (due, self.election.news(peer)) else { return Outcome::Waited };
        let combined = combine(&self.survivors(now), peer);
        let output = Output { jitter: combined.jitter_with(output.jitter), ..output };
        let distance = Distance::by_way_of(now, news, &output);
        let average = Measurement { offset: output.best.offset + combined.shift, ..output.best };
        let residual = self.discipline.residual(now, &average);
        let outcome = self.discipline.update(now, &average);
        if outcome != Outcome::Waited {
            // On its way to the average the clock is no further from the system peer than at either end.
            let apart = self.discipline.residual(now, &output.best).abs().max(combined.shift.abs());
            self.distance = Some(distance.with_residual(apart));
        }
        match outcome {
            Outcome::Disciplined => self.report(ClockEvent::Disciplined, self.settings.node),
            Outcome::Steered => self.discipline.pace(residual, output.jitter),
            Outcome::Waited | Outcome::Stepped => {}
        }
        outcome
    }

    /// The change to report at `now`: what the loop did, and one waiting event.
    fn change(&mut self, now: Time<Local>, outcome: Outcome) -> Option<Change> {
        let event = self.events.pop_front();
        if outcome == Outcome::Waited {
            event?;
            self.discipline.rebase(now);
        }
        let stepped = outcome == Outcome::Stepped;
        Some(Change { reading: *self.reading(), stepped, bound: self.bound_at(now), event })
    }

    /// A root states its bound once. The configured reference has no error by definition; a stand-in keeps the distance
    /// that it had from the lost one, if it knew any.
    fn state_bound(&mut self, now: Time<Local>) -> Option<Change> {
        if self.election.role() != Role::Leading || self.stated == Statement::Made {
            return None;
        }
        self.stated = Statement::Made;
        self.discipline.rebase(now);
        self.change(now, Outcome::Steered)
    }

    fn bound_at(&self, now: Time<Local>) -> Option<ErrorBound> {
        let none = ErrorBound { initial: Nanos::ZERO, growth: Rate::ZERO };
        match (&self.distance, self.election.role()) {
            (Some(distance), _) => Some(distance.bound_at(now)),
            (None, Role::Leading) => Some(none),
            (None, _) => None,
        }
    }

    /// Root, parent and age of the news to pass on at `at`.
    #[inline]
    fn news_to_tell(&self, at: Time<Local>) -> (NodeId, NodeId, Nanos) {
        let me = self.settings.node;
        // Only a root's own news has no age.
        let relayed = |emitted: Time<Local>| (at - emitted).max(Nanos(1));
        match (self.election.role(), &self.following) {
            (Role::Leading, _) => (me, me, Nanos::ZERO),
            (Role::Under(_), Some(following)) => (following.root, following.peer, relayed(following.emitted)),
            (Role::Under(root), None) => match self.election.serving(at) {
                Some((informant, news)) if news.root == root => (root, informant, relayed(news.emitted())),
                _ => (me, me, Nanos::ZERO),
            },
            _ => {
                let (root, age) = self.election.lowest_alive(at);
                (root, me, if root == me { Nanos::ZERO } else { age.max(Nanos(1)) })
            }
        }
    }
}

impl Clock for Ntp {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ntp
    }

    fn reading(&self) -> &Reading {
        self.discipline.reading()
    }

    #[inline]
    fn claim(&self, at: Time<Local>) -> Claim {
        let (root, parent, root_age) = self.news_to_tell(at);
        let (delay, dispersion) =
            self.distance.map_or((Nanos::ZERO, Nanos::ZERO), |d| (d.delay(), d.dispersion_at(at)));
        let line = self.reading().line_at(at);
        Claim {
            reading: line.at(at),
            rate: line.rate,
            counter: 0,
            stratum: self.stratum(at),
            root,
            parent,
            root_age,
            root_delay: delay,
            root_dispersion: dispersion,
        }
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.election.hear(message);
        self.elect(message.at);
        self.relay(message.from);
        if message.claim.stratum == 0 {
            self.filters.remove(message.from);
        }
        self.change(message.at, Outcome::Waited)
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let synchronised = exchange.claims.of(Algorithm::Ntp).is_some_and(|claim| claim.stratum > 0);
        let known = self.election.news(exchange.peer).is_some_and(|news| news.stratum > 0);
        let sample = Measurement::of(exchange).filter(|_| synchronised && known)?;
        if self.system_peer() == Some(exchange.peer) {
            self.discipline.note(&sample);
        }
        self.filters.enter(exchange.peer, Filter::default).push(sample);
        self.elect(at);
        self.choose(at);
        let outcome = self.synchronise(at);
        self.change(at, outcome)
    }

    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        self.forget(at);
        self.elect(at);
        self.state_bound(at).or_else(|| self.change(at, Outcome::Waited))
    }
}
