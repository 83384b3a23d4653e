//! Who is the root: a spanning-tree election by ageing news, since a mesh has no UTC to refer to.
//!
//! Every message carries the best root that its sender knows and how old the news from that root is. Priority: the
//! configured reference, then the lowest id. News that comes from a root is at least as old as the root's last
//! message, however often it was relayed, and it is dropped at an age of 8 + 2·stratum polls: news of a dead root
//! cannot circulate for ever. RFC 5905 has no such thing (its orphan mode, an addition of ntpd, elects by a hash).
//!
//! A node without news gossips the lowest id alive that it knows of (a *candidate*), itself perhaps, and takes over if
//! after a while that is still itself. A candidate never displaces a root that serves: a node that comes back follows.

use super::roster::Roster;
use super::select::MAX_STRATUM;
use crate::clock::Message;
use crate::ids::NodeId;
use crate::time::{Local, Nanos, Time};

/// So many neighbours are known at most.
pub const MAX_NEIGHBOURS: usize = 256;
/// A neighbour that was silent for so many polls is not alive.
const ALIVE_POLLS: i64 = 8;
/// What stands for the stratum of a neighbour that is not synchronised yet, when its news is aged.
const UNKNOWN_STRATUM: i64 = 4;
/// How long a node without news waits for that of a lower one before it takes over, in polls.
const HOLD_POLLS: i64 = 4;
/// The least time that a node waits for news after its start, since agents start one after another.
const START_WAIT: Nanos = Nanos::from_seconds(3);

/// What a neighbour's root is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// A root that serves.
    Serving,
    /// Only the lowest node alive that the neighbour knows of.
    Candidate,
}

/// The latest news that one neighbour told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// The root.
    pub root: NodeId,
    /// The neighbour's stratum; zero: not synchronised.
    pub stratum: u8,
    /// Whom the neighbour follows.
    pub parent: NodeId,
    /// Round-trip delay from the neighbour to the root, not negative.
    pub delay: Nanos,
    /// The neighbour's root dispersion when this was heard, not negative.
    pub dispersion: Nanos,
    /// When this was heard.
    pub heard: Time<Local>,
    /// When the root sent it, on our local clock.
    emitted: Time<Local>,
    standing: Standing,
}

impl News {
    /// The news in a message. News that cannot be true (a stratum of one that is not its own root, a relay without
    /// age) is that of a mere neighbour.
    fn of(message: &Message<'_>) -> Self {
        let claim = message.claim;
        let is_root = claim.root == message.from;
        let relays = !is_root && claim.root_age > Nanos::ZERO && claim.parent != message.from && claim.stratum != 1;
        let serves = (is_root && claim.stratum == 1) || (relays && claim.stratum < MAX_STRATUM);
        let gossips = claim.stratum == 0 && claim.parent == message.from && (is_root || claim.root_age > Nanos::ZERO);
        let told = serves || gossips;
        let age = if told && !is_root { claim.root_age } else { Nanos::ZERO };
        Self {
            root: if told { claim.root } else { message.from },
            stratum: if serves { claim.stratum } else { 0 },
            parent: if told { claim.parent } else { message.from },
            delay: claim.root_delay.max(Nanos::ZERO),
            dispersion: claim.root_dispersion.max(Nanos::ZERO),
            heard: message.at,
            emitted: message.at - age,
            standing: if serves { Standing::Serving } else { Standing::Candidate },
        }
    }

    /// When the root sent this, on our local clock; later than the truth by no more than the delays on the way.
    pub const fn emitted(&self) -> Time<Local> {
        self.emitted
    }

    /// Whether the root was alive so lately that it still counts at `now`.
    #[inline]
    pub fn is_fresh(&self, now: Time<Local>, poll: Nanos) -> bool {
        now - self.emitted() <= age_limit(self.stratum, poll)
    }
}

/// News of a root is dropped at this age: (8 + 2·stratum) polls, by the stratum of the neighbour that told it.
#[inline]
pub fn age_limit(stratum: u8, poll: Nanos) -> Nanos {
    let stratum = if stratum == 0 { UNKNOWN_STRATUM } else { i64::from(stratum) };
    poll.times(8 + 2 * stratum)
}

/// What a node is in its tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It has just been made.
    Unborn,
    /// It knows of no root and does not take over before then.
    Waiting(Time<Local>),
    /// It belongs to this root.
    Under(NodeId),
    /// It is the root.
    Leading,
}

/// A change of role that others should know of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// This root fell silent.
    Lost(NodeId),
    /// Nobody better is alive: this node is the root now.
    TookOver,
    /// The node belongs to another root than before.
    Chose(NodeId),
}

/// One node's view of who is alive and who is root. Cost: one pass over the neighbours a turn.
#[derive(Clone, Debug)]
pub struct Election {
    me: NodeId,
    reference: NodeId,
    poll: Nanos,
    role: Role,
    neighbours: Roster<News>,
    seen: Seen,
    /// Until then nobody is so long silent as to be forgotten.
    all_known_until: Time<Local>,
}

/// What is known of the neighbour with the freshest news of the best root that serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// Nothing.
    Nothing,
    /// As of this instant it is the one in this place, or there is none. Time only makes news old, and so it stays this one
    /// until its own news is.
    Since(Time<Local>, Option<usize>),
}

impl Election {
    /// The view of node `me`, that knows nobody yet. The configured reference leads from the start.
    pub fn new(me: NodeId, reference: NodeId, poll: Nanos) -> Self {
        let role = if me == reference { Role::Leading } else { Role::Unborn };
        let (poll, neighbours, seen) = (poll.max(Nanos(1)), Roster::default(), Seen::Nothing);
        Self { me, reference, poll, role, neighbours, seen, all_known_until: Time::MAX }
    }

    /// What this node is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// See [`crate::node::Node::touch`].
    #[inline]
    pub fn touch(&self) -> i64 {
        self.poll.0 ^ self.all_known_until.as_nanos()
    }

    /// See [`crate::node::Node::touch_beyond`].
    #[inline]
    pub fn touch_beyond(&self, peer: NodeId) -> i64 {
        let Seen::Since(_, Some(first)) = self.seen else { return 0 };
        let heard = |news: &News| news.heard.as_nanos();
        self.news(peer).map_or(0, heard) ^ self.neighbours.at(first).map_or(0, heard)
    }

    /// The latest news of a neighbour.
    #[inline]
    pub fn news(&self, neighbour: NodeId) -> Option<&News> {
        self.neighbours.of(neighbour)
    }

    /// The latest news of every neighbour, by their ids.
    #[inline]
    pub fn all_news(&self) -> impl Iterator<Item = (NodeId, &News)> {
        self.neighbours.iter()
    }

    /// Takes in what a message says.
    #[inline]
    pub fn hear(&mut self, message: &Message<'_>) {
        let news = News::of(message);
        if let Some(place) = self.neighbours.find(message.from) {
            self.seen = self.seen_after(place, &news);
            if let Some(known) = self.neighbours.at_mut(place) {
                *known = news;
            }
        } else if self.neighbours.count() < MAX_NEIGHBOURS && message.from != self.me {
            self.neighbours.enter(message.from, || news);
            self.seen = Seen::Nothing;
        }
        self.all_known_until = self.all_known_until.min(news.heard + self.longest_silence());
    }

    /// A neighbour that was silent for longer is forgotten.
    fn longest_silence(&self) -> Nanos {
        age_limit(MAX_STRATUM, self.poll)
    }

    /// Forgets neighbours that are long silent, and says how many. Cost: O(1) while none of them can be.
    pub fn forget(&mut self, now: Time<Local>) -> usize {
        if now <= self.all_known_until {
            return 0;
        }
        let longest = self.longest_silence();
        let silent = self.neighbours.retain(|_, news| now - news.heard <= longest);
        let earliest = self.neighbours.iter().map(|(_, news)| news.heard).min();
        self.all_known_until = earliest.map_or(Time::MAX, |heard| heard + longest);
        if silent > 0 {
            self.seen = Seen::Nothing;
        }
        silent
    }

    /// Looks at the news again at `now`, and changes the role if it must.
    #[inline]
    pub fn turn(&mut self, now: Time<Local>) -> Option<Turn> {
        if self.is_settled(now) {
            return None;
        }
        self.turn_anew(now)
    }

    /// Whether the news that was best when they were last looked through still is, and is of the root that this node belongs to.
    #[inline]
    fn is_settled(&self, now: Time<Local>) -> bool {
        let (Role::Under(root), Seen::Since(then, Some(place))) = (self.role, self.seen) else { return false };
        let best = self.neighbours.at(place);
        let still = now >= then && best.is_some_and(|news| news.root == root && news.is_fresh(now, self.poll));
        debug_assert!(!still || self.look(now) == Some(place), "{self:?}");
        still
    }

    fn turn_anew(&mut self, now: Time<Local>) -> Option<Turn> {
        let first = self.first(now);
        self.seen = Seen::Since(now, first);
        let serving = first.and_then(|place| self.neighbours.at(place)).map(|news| news.root);
        let (role, turn) = match (self.role, serving) {
            (Role::Leading, Some(root)) if self.priority(root) >= self.priority(self.me) => return None,
            (Role::Leading, None) => return None,
            (Role::Under(old), Some(root)) if root == old => return None,
            (Role::Under(old), Some(root)) if self.priority(root) > self.priority(old) => self.lose(now, old),
            (_, Some(root)) => (Role::Under(root), Some(Turn::Chose(root))),
            (Role::Unborn, None) => (Role::Waiting(now + age_limit(0, self.poll).max(START_WAIT)), None),
            (Role::Under(old), None) => self.lose(now, old),
            (Role::Waiting(until), None) if now >= until && self.lowest_alive(now).0 == self.me => {
                (Role::Leading, Some(Turn::TookOver))
            }
            (Role::Waiting(_), None) => return None,
        };
        self.role = role;
        turn
    }

    /// A root fell silent. Who serves now must be heard anew: a neighbour may have turned to us since its last message.
    fn lose(&mut self, now: Time<Local>, old: NodeId) -> (Role, Option<Turn>) {
        for news in self.neighbours.values_mut().filter(|news| news.standing == Standing::Serving) {
            news.emitted = news.heard - Nanos::MAX;
        }
        self.seen = Seen::Nothing;
        (Role::Waiting(now + self.poll.times(HOLD_POLLS)), Some(Turn::Lost(old)))
    }

    /// The neighbour with the freshest news of the best root that serves. Whoever follows us has only our own news.
    #[inline]
    pub fn serving(&self, now: Time<Local>) -> Option<(NodeId, &News)> {
        let place = self.first(now)?;
        Some((self.neighbours.node(place)?, self.neighbours.at(place)?))
    }

    /// The place of the neighbour of [`Self::serving`].
    #[inline]
    fn first(&self, now: Time<Local>) -> Option<usize> {
        let found = match self.seen {
            Seen::Since(then, None) if now >= then => None,
            Seen::Since(then, Some(place)) if now >= then => {
                let still = self.neighbours.at(place).is_some_and(|news| news.is_fresh(now, self.poll));
                if still { Some(place) } else { self.look(now) }
            }
            _ => self.look(now),
        };
        debug_assert_eq!(found, self.look(now), "{self:?}");
        found
    }

    /// Looks through all news for [`Self::first`].
    fn look(&self, now: Time<Local>) -> Option<usize> {
        let mut best: Option<(usize, &News)> = None;
        for (place, (_, news)) in self.neighbours.iter().enumerate() {
            if self.may_serve(news)
                && news.is_fresh(now, self.poll)
                && best.is_none_or(|(_, best)| self.precedes(news, best))
            {
                best = Some((place, news));
            }
        }
        best.map(|(place, _)| place)
    }

    /// What is known when this news comes in from the neighbour in this place, instead of its last.
    #[inline]
    fn seen_after(&self, place: usize, news: &News) -> Seen {
        let Seen::Since(then, first) = self.seen else { return Seen::Nothing };
        let Some((first, old)) = first.and_then(|first| Some((first, self.neighbours.at(first)?))) else {
            return if self.may_serve(news) { Seen::Nothing } else { self.seen };
        };
        match (self.may_serve(news), place == first) {
            (true, true) if !self.precedes(old, news) => self.seen,
            (_, true) => Seen::Nothing,
            // Of two that are equal the lower one is first: not worth telling apart here.
            (true, false) if self.precedes(news, old) => Seen::Since(then, Some(place)),
            (true, false) if !self.precedes(old, news) => Seen::Nothing,
            (_, false) => self.seen,
        }
    }

    /// Whether news is of a root that serves, which is not this node, and did not come from here.
    #[inline]
    fn may_serve(&self, news: &News) -> bool {
        news.standing == Standing::Serving && news.root != self.me && news.parent != self.me
    }

    /// Whether news is of a better root than other news, or of the same and fresher.
    #[inline]
    fn precedes(&self, news: &News, other: &News) -> bool {
        if news.root == other.root {
            return news.emitted > other.emitted;
        }
        self.priority(news.root) < self.priority(other.root)
    }

    /// The best node known to be alive, and the age of that news: ourselves, a neighbour, or one it told of.
    pub fn lowest_alive(&self, now: Time<Local>) -> (NodeId, Nanos) {
        let alive = ALIVE_POLLS;
        let neighbours = self.neighbours.iter().map(|(id, news)| (id, now - news.heard));
        let neighbours = neighbours.filter(|(_, age)| *age <= self.poll.times(alive));
        let told = self.neighbours.iter().map(|(_, news)| news).filter(|news| news.standing == Standing::Candidate);
        let told = told.filter(|news| news.is_fresh(now, self.poll) && news.root != self.me);
        let told = told.map(|news| (news.root, now - news.emitted()));
        let best = neighbours.chain(told).min_by_key(|(id, age)| (self.priority(*id), *age));
        best.filter(|(id, _)| self.priority(*id) < self.priority(self.me)).unwrap_or((self.me, Nanos::ZERO))
    }

    /// The smaller the better: the configured reference first, then ids ascending.
    #[inline]
    fn priority(&self, root: NodeId) -> (u8, NodeId) {
        (u8::from(root != self.reference), root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Claim;

    const POLL: Nanos = Nanos::from_millis(100);

    fn at(polls: i64) -> Time<Local> {
        Time::ZERO + POLL.times(polls)
    }

    fn hear(election: &mut Election, from: u32, polls: i64, claim: Claim) {
        election.hear(&Message { from: NodeId(from), at: at(polls), credit: Nanos::ZERO, claim: &claim });
    }

    fn claim(root: u32, parent: u32, stratum: u8, age_polls: i64) -> Claim {
        let (root, parent, root_age) = (NodeId(root), NodeId(parent), POLL.times(age_polls));
        Claim { root, parent, stratum, root_age, ..Claim::default() }
    }

    fn election(me: u32) -> Election {
        let mut election = Election::new(NodeId(me), NodeId(9), POLL);
        assert_eq!(election.turn(at(0)), None);
        election
    }

    #[test]
    fn the_configured_reference_leads_whatever_it_hears() {
        let mut election = Election::new(NodeId(9), NodeId(9), POLL);
        hear(&mut election, 1, 0, claim(1, 1, 1, 0));
        assert_eq!((election.turn(at(0)), election.role()), (None, Role::Leading));
    }

    #[test]
    fn news_ages_while_it_is_held_and_is_dropped() {
        let mut election = election(2);
        hear(&mut election, 3, 0, claim(9, 9, 2, 4));
        assert_eq!(election.turn(at(0)), Some(Turn::Chose(NodeId(9))));
        assert_eq!(election.turn(at(8)), None, "age 12 = 8 + 2 · 2");
        assert_eq!(election.turn(at(9)), Some(Turn::Lost(NodeId(9))));
    }

    #[test]
    fn the_lowest_alive_takes_over_and_yields_to_the_reference() {
        let mut election = election(1);
        hear(&mut election, 9, 0, claim(9, 9, 1, 0));
        election.turn(at(0));
        hear(&mut election, 2, 10, claim(2, 2, 0, 0));
        assert_eq!(election.turn(at(11)), Some(Turn::Lost(NodeId(9))));
        assert_eq!(election.turn(at(14)), None);
        assert_eq!(election.turn(at(15)), Some(Turn::TookOver));
        hear(&mut election, 2, 16, claim(2, 2, 1, 0));
        assert_eq!(election.turn(at(16)), None, "a root with a higher id is no reason to yield");
        hear(&mut election, 9, 17, claim(9, 9, 1, 0));
        assert_eq!(election.turn(at(17)), Some(Turn::Chose(NodeId(9))));
    }

    #[test]
    fn a_lower_node_is_waited_for_while_it_lives_and_a_serving_root_is_not_displaced() {
        let mut election = election(2);
        hear(&mut election, 1, 30, claim(1, 1, 0, 0));
        assert_eq!(election.turn(at(38)), None);
        hear(&mut election, 3, 39, claim(1, 3, 0, 9));
        assert_eq!(election.lowest_alive(at(39)), (NodeId(1), POLL.times(9)));
        hear(&mut election, 3, 47, claim(3, 3, 0, 0));
        assert_eq!(election.turn(at(47)), Some(Turn::TookOver));
        let mut late = Election::new(NodeId(1), NodeId(9), POLL);
        hear(&mut late, 2, 50, claim(2, 2, 1, 0));
        assert_eq!(late.turn(at(50)), Some(Turn::Chose(NodeId(2))));
    }

    #[test]
    fn our_own_news_told_back_to_us_does_not_count() {
        let mut election = election(2);
        hear(&mut election, 3, 0, claim(9, 2, 3, 1));
        hear(&mut election, 4, 0, claim(2, 2, 2, 1));
        hear(&mut election, 5, 0, Claim::default());
        assert_eq!(election.turn(at(0)), None, "an echo, our own root, an empty claim");
    }

    #[test]
    fn neighbours_are_bounded_and_forgotten() {
        let mut election = election(2);
        (10..2_000).for_each(|from| hear(&mut election, from, 0, claim(from, from, 0, 0)));
        assert_eq!(election.neighbours.count(), MAX_NEIGHBOURS);
        election.forget(at(41));
        assert_eq!(election.neighbours.count(), 0);
    }
}
