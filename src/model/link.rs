//! The fate of one message on one arc, as a function of (seed, arc, sequence number).

use super::rng::{Purpose, Rng};
use crate::ids::Arc;
use crate::time::Nanos;
use crate::topology::Impairment;

/// What happens to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is held for this long and then delivered.
    Delivered(Nanos),
    /// It never arrives.
    Lost,
}

/// The fate of message `sequence` on `arc`. The same arguments always give the same fate, whatever else is sent.
pub fn fate(seed: u64, purpose: Purpose, arc: Arc, sequence: u64, impairment: &Impairment) -> Fate {
    let arc = (u64::from(arc.from.0) << 32) | u64::from(arc.to.0);
    let arc_stream = Rng::stream(seed, purpose, arc).next();
    let mut rng = Rng::stream(arc_stream, purpose, sequence);
    if rng.unit() < impairment.loss {
        return Fate::Lost;
    }
    let jitter = rng.below(impairment.jitter.0.max(0) as u64 + 1);
    Fate::Delivered(impairment.delay + Nanos(jitter as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    #[test]
    fn loss_and_delay_have_the_declared_size() {
        let arc = Arc { from: NodeId(1), to: NodeId(2) };
        let impairment = Impairment { delay: Nanos(1_000), jitter: Nanos(500), loss: 0.25, ..Impairment::default() };
        let fates: Vec<Fate> = (0..20_000).map(|n| fate(9, Purpose::Link, arc, n, &impairment)).collect();
        let held: Vec<i64> =
            fates.iter().filter_map(|f| if let Fate::Delivered(d) = f { Some(d.0) } else { None }).collect();
        let share = held.len() as f64 / fates.len() as f64;
        assert!((share - 0.75).abs() < 0.02, "{share}");
        assert_eq!((held.iter().min(), held.iter().max()), (Some(&1_000), Some(&1_500)));
        assert_eq!(fates[7], fate(9, Purpose::Link, arc, 7, &impairment));
        assert_ne!(
            fates[..64],
            (0..64).map(|n| fate(9, Purpose::Link, arc.reversed(), n, &impairment)).collect::<Vec<_>>()
        );
    }
}
