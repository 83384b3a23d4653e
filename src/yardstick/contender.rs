//! The clocks that are measured.

use super::SERVER;
use super::condition::{Condition, node};
use super::limit::{Limit, Model};
use crate::clock::{Clock, Corridor, Ntp, Radclock, Regression, ntp};
use crate::names::named;

/// ntpd's own range: from 64 s (minpoll 6) to 1024 s (maxpoll 10).
const MOST_EXPONENT: u8 = 4;

/// A clock that can be measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Contender {
    /// The NTP-style clock, updated by each poll.
    Ntp,
    /// The NTP-style clock that controls how many polls its loop lets pass, up to sixteen.
    NtpPoll,
    /// The chrony-style regression.
    Regression,
    /// The corridor clock.
    Corridor,
    /// The feed-forward clock.
    Radclock,
    /// The filter that knows the model.
    Limit,
}

impl Contender {
    /// The clocks that know nothing of the network.
    pub const CLOCKS: [Self; 4] = [Self::Ntp, Self::Regression, Self::Corridor, Self::Radclock];
    /// Everything that can be asked for.
    pub const ALL: [Self; 6] =
        [Self::Ntp, Self::NtpPoll, Self::Regression, Self::Corridor, Self::Radclock, Self::Limit];

    /// Its name in tables and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ntp => "ntp",
            Self::NtpPoll => "ntp-poll",
            Self::Regression => "regression",
            Self::Corridor => "corridor",
            Self::Radclock => "radclock",
            Self::Limit => "limit",
        }
    }

    /// A new clock of a client. Only the limit is told anything of the condition beside the poll interval.
    pub fn clock(self, client: usize, condition: &Condition) -> Box<dyn Clock> {
        let settings = ntp::Settings { node: node(client), reference: SERVER, poll: condition.poll };
        match self {
            Self::Ntp => Box::new(Ntp::new(settings)),
            Self::NtpPoll => Box::new(Ntp::new(settings).with_poll_control(MOST_EXPONENT)),
            Self::Regression => Box::new(Regression::new(SERVER)),
            Self::Corridor => Box::new(Corridor::new(SERVER)),
            Self::Radclock => Box::new(Radclock::new(SERVER)),
            Self::Limit => Box::new(Limit::new(Model::of(condition), client)),
        }
    }
}

named!(Contender, "clock of the yardstick");
