//! From intended issue to own delivery, at the issuer.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::order::Schedule;
use crate::time::{Nanos, Raw, Time};

/// The longest latency that is told apart, in ns; longer ones count as this.
const LONGEST_NS: u64 = 60_000_000_000;

/// Latencies of one's own commands, which are delivered in order of their numbers.
pub(super) struct Latency {
    histogram: Histogram<u64>,
    schedule: Option<Schedule>,
    /// Without a schedule: when the batch that ends before this number was issued.
    batches: VecDeque<(u64, Time<Raw>)>,
    next: u64,
}

impl Latency {
    pub(super) fn new(schedule: Option<Schedule>) -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are valid");
        Self { histogram, schedule, batches: VecDeque::new(), next: 0 }
    }

    /// Commands up to number `end` were issued at `at`.
    pub(super) fn issued(&mut self, end: u64, at: Time<Raw>) {
        if self.schedule.is_none() {
            self.batches.push_back((end, at));
        }
    }

    /// All of one's own commands before number `end` are delivered at `at`.
    pub(super) fn delivered(&mut self, end: u64, at: Time<Raw>) {
        match self.schedule {
            Some(schedule) => (self.next..end).for_each(|number| self.record(at - schedule.intended(number), 1)),
            None => self.delivered_batches(end, at),
        }
        self.next = end;
    }

    fn delivered_batches(&mut self, end: u64, at: Time<Raw>) {
        let mut next = self.next;
        while let Some(&(batch_end, issued)) = self.batches.front().filter(|_| next < end) {
            let until = batch_end.min(end);
            self.record(at - issued, until - next);
            next = until;
            if batch_end == until {
                self.batches.pop_front();
            }
        }
    }

    fn record(&mut self, latency: Nanos, count: u64) {
        let value = u64::try_from(latency.0).unwrap_or(0).clamp(1, LONGEST_NS);
        self.histogram.saturating_record_n(value, count);
    }

    /// Value in ns and count of every bucket that has any.
    pub(super) fn into_counts(self) -> Vec<(u64, u64)> {
        self.histogram.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_may_be_delivered_in_parts() {
        let at = Time::from_nanos;
        let mut latency = Latency::new(None);
        latency.issued(3, at(100));
        latency.issued(5, at(200));
        latency.delivered(2, at(150));
        latency.delivered(5, at(300));
        assert_eq!(latency.into_counts(), [(50, 2), (100, 2), (200, 1)]);
    }
}
