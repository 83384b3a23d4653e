//! The yardstick: our clocks in the very network in which chrony and NTPsec were measured, with truth known. Pure.
//!
//! One server shows true time; five clients ask it alone, one exchange a poll, stamps are exact, the two directions'
//! delays are drawn independently. [`condition`] declares the network, [`drive`] leads one clock through it
//! ([`follow`] gives it each exchange),
//! [`measure`] says how well it did, [`published`] holds what others reached, [`limit`] estimates what nobody can do
//! better, and [`table`] prints it all side by side. Everything is a function of the seed.

pub mod condition;
pub mod contender;
pub mod drive;
pub mod follow;
pub mod limit;
pub mod measure;
pub mod published;
pub mod table;

pub use condition::Condition;
pub use contender::Contender;
pub use measure::Figures;

use crate::ids::NodeId;

/// The server.
pub const SERVER: NodeId = NodeId(0);
/// The seeds of the published figures.
pub const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// How `contender` does in `condition`, over the given seeds.
pub fn run(contender: Contender, condition: &Condition, seeds: impl Iterator<Item = u64>) -> Figures {
    let seeds: Vec<Vec<drive::Trace>> = seeds
        .map(|seed| {
            let clients = 0..condition::CLIENTS.len();
            let drive = |client| drive::drive(condition, client, seed, contender.clock(client, condition).as_mut());
            clients.map(drive).collect()
        })
        .collect();
    measure::figures(&seeds)
}
