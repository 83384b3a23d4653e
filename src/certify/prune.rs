//! Which messages of an arc can matter: a message is dropped if another one, with the drift between them, already says
//! all that it says (docs/theory.md §10). Exact: no interval changes.

use super::observation::Message;
use super::scale::Scale;

/// Which of an arc's two constraints is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bound {
    /// The receipt is at least the least delay after the send.
    Least,
    /// The receipt is at most the most delay after the send.
    Most,
}

/// The messages that are not implied by another one of theirs, in the order of their sends. Rather than by the closed form
/// (R − S) − (R′ − S′) >= rho |S′ − S| messages are compared by the very weights of the path round the other one, which
/// drops at least as many. Cost: O(n log n).
pub fn survivors<'a>(
    messages: impl Iterator<Item = &'a Message>,
    (sender, receiver): (&Scale, &Scale),
    bound: Bound,
) -> Vec<&'a Message> {
    // `after` falls along messages of which the later ones say more, `before` rises where the earlier ones do.
    let weigh = |message: &'a Message| {
        let stretched = receiver.longest(message.received) - sender.shortest(message.sent);
        let shrunk = sender.longest(message.sent) - receiver.shortest(message.received);
        match bound {
            Bound::Least => (message, stretched, shrunk),
            Bound::Most => (message, shrunk, stretched),
        }
    };
    let mut weighed: Vec<_> = messages.map(weigh).collect();
    // Of sends at the same reading the one that says most comes last.
    weighed.sort_by(|(a, after_a, _), (b, after_b, _)| a.sent.cmp(&b.sent).then(after_b.cmp(after_a)));
    let mut least = i128::MAX;
    let mut kept = Vec::new();
    for (message, after, before) in weighed.into_iter().rev() {
        if after < least {
            least = after;
            kept.push((message, before));
        }
    }
    let mut most = i128::MIN;
    let says_more = |(message, before): (&'a Message, i128)| {
        let more = before > most;
        most = most.max(before);
        more.then_some(message)
    };
    kept.into_iter().rev().filter_map(says_more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Ppb, Time};

    fn message(sent: i64, delay: i64) -> Message {
        Message { sent: Time::from_nanos(sent), received: Time::from_nanos(sent + delay), sequence: sent as u64 }
    }

    #[test]
    fn a_message_that_drift_explains_from_another_is_dropped() {
        let scale = Scale::new(Time::ZERO, Ppb(50_000));
        // 100 ppm between the two clocks: 100 us a second.
        let messages = [message(0, 300_000), message(1_000_000_000, 199_000), message(2_000_000_000, 250_000)];
        let kept = survivors(messages.iter(), (&scale, &scale), Bound::Least);
        assert_eq!(kept, [&messages[1], &messages[2]], "the first is 101 us slower than its neighbour");
        let kept = survivors(messages.iter(), (&scale, &scale), Bound::Most);
        assert_eq!(kept, [&messages[0], &messages[2]], "of upper bounds the slow ones say most");
    }

    #[test]
    fn of_equals_one_stays() {
        let scale = Scale::new(Time::ZERO, Ppb(0));
        let messages = [message(5, 10), message(5, 10), message(7, 10), message(7, 12), message(9, 10)];
        for bound in [Bound::Least, Bound::Most] {
            assert_eq!(survivors(messages.iter(), (&scale, &scale), bound).len(), 1, "{bound:?}");
        }
    }
}
