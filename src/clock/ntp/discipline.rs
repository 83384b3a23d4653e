//! The clock discipline (RFC 5905, section 11.3): start-up, then a loop that steers rate and phase: phase-locked, and
//! frequency-locked as well where polls are slow.
//!
//! It turns residuals (how far the system peer is ahead of us now, in nanoseconds) into a [`Reading`]: our local clock
//! at the estimated frequency, plus a slew that uses the residual up. All constants are multiples of the poll interval,
//! so that a mesh with polls of 100 ms settles in seconds; the loop's gain also depends on it ([`time_constant`]).
//! Departures from RFC 5905: no panic limit; the slew is
//! a straight line of length Tc and not an exponential (with one update a poll, Tc / 16, the two agree to first order);
//! a residual that the limit of 500 ppm cannot slew within Tc does not move the frequency, or it would wind up. And mu,
//! the time since the last update, is cut at the eight polls that the clock filter spans, not at one: the filter lets
//! one sample in four or five through, and cut at one poll the frequency settles so many times more slowly than the
//! loop's design says (ntpd cuts at the Allan intercept).

use std::f64::consts::LN_2;

use super::filter::{Measurement, STAGES};
use super::fit::{Fit, Trend};
use super::poll::PollControl;
use crate::affine::{Line, shifted};
use crate::clock::Reading;
use crate::real::ln;
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// MAXFREQ: neither the frequency nor frequency and slew together exceed 500 ppm.
pub const MAX_RATE: Rate = Rate::from_ppb(Ppb(500_000));
/// STEPT: a residual beyond this is stepped, not slewed, once it has lasted.
pub const STEP_THRESHOLD: Nanos = Nanos::from_millis(128);
/// Tc, the loop's time constant, in polls, while polls are fast (ntpd's own loop: PLL gain of 16).
const TIME_CONSTANT_POLLS: i64 = 16;
/// Tc in polls while polls are slow (the loop in the Linux kernel that ntpd uses where it may: SHIFT_PLL of 2).
const SLOW_TIME_CONSTANT_POLLS: i64 = 4;
/// Tc beyond which wander adds more than averaging takes away: between the two gains Tc stays at this.
const LONG_TIME_CONSTANT: Nanos = Nanos::from_seconds(64);
/// The samples of the first frequency span so many polls.
const MEASURING_POLLS: i64 = 20;
/// ALLAN: over more than this an oscillator's wander outweighs the jitter of a phase measured. It is the oscillator's own,
/// and so no multiple of the poll. At half of it the frequency-locked loop sets in.
const ALLAN_INTERCEPT: Nanos = Nanos::from_seconds(1_500);
/// FLL: how many updates the frequency-locked loop averages over, less the exponent of the poll in seconds...
const FLL_AVERAGE: f64 = 18.0;
/// ...and AVG: at least so many.
const LEAST_AVERAGE: f64 = 4.0;
/// How long a residual beyond [`STEP_THRESHOLD`] must last, in polls (WATCH).
const STEPOUT_POLLS: i64 = 30;

/// Tc, the loop's time constant: sixteen polls, but from a poll of 4 s on 64 s, and from one of 16 s on four polls.
///
/// Averaging over more polls takes away jitter, and a longer time constant lets the oscillator wander further. At fast
/// polls jitter rules and a gain of 16 is right, on a mesh with polls of 100 ms as at 1 s. At slow ones wander rules:
/// with crystals that walk by 1e-9 a second a gain of 16 at a poll of 64 s lets the clock go four times further wrong
/// than a gain of 4.
pub fn time_constant(poll: Nanos) -> Nanos {
    poll.times(TIME_CONSTANT_POLLS).min(LONG_TIME_CONSTANT).max(poll.times(SLOW_TIME_CONSTANT_POLLS))
}

/// Where the discipline is in its start-up.
#[derive(Clone, Copy, Debug)]
enum State {
    /// NSET: no offset known yet.
    Unset,
    /// FREQ: stepped; measures its frequency.
    Measuring,
    /// Frequency set; what phase was left is slewed away until then.
    Slewing { until: Time<Local> },
    /// SYNC: the loop is closed; when it was last updated.
    Locked { updated: Time<Local> },
}

/// What an update did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing: the reading is as it was.
    Waited,
    /// The clock jumped.
    Stepped,
    /// The first frequency is set and the rest of the phase is being slewed.
    Disciplined,
    /// The loop was updated.
    Steered,
}

/// Frequency, phase and start-up state of one clock.
#[derive(Clone, Debug)]
pub struct Discipline {
    poll: Nanos,
    control: PollControl,
    reading: Reading,
    frequency: Rate,
    state: State,
    fit: Fit,
    beyond_since: Option<Time<Local>>,
}

impl Discipline {
    /// A clock that shows its local clock and knows nothing yet; `poll` is the interval between updates.
    pub fn new(poll: Nanos) -> Self {
        let poll = poll.max(Nanos(1));
        let (reading, fit, control) = (Reading::LOCAL, Fit::default(), PollControl::default());
        Self { poll, control, reading, frequency: Rate::ZERO, state: State::Unset, fit, beyond_since: None }
    }

    /// From now on updates may come as seldom as once in 2^`most` polls.
    pub fn control_poll(&mut self, most: u8) {
        self.control = PollControl::up_to(most);
    }

    /// Whether the poll control wants an update of the closed loop at `now`; half a poll early is in time.
    pub fn is_turn(&self, now: Time<Local>) -> bool {
        match self.state {
            State::Locked { updated } if !self.control.is_every_poll() => {
                now - updated >= self.interval() - self.poll.over(2)
            }
            _ => true,
        }
    }

    /// Tells the poll control what residual the closed loop was updated by, and the jitter.
    pub fn pace(&mut self, residual: Nanos, jitter: Nanos) {
        self.control.note(residual, jitter);
    }

    /// From one update of the closed loop to the next.
    fn interval(&self) -> Nanos {
        self.control.interval(self.poll)
    }

    /// See [`crate::node::Node::touch`].
    #[inline]
    pub fn touch(&self) -> i64 {
        self.reading.line.start.as_nanos() ^ self.frequency.0 ^ self.fit.span().0
    }

    /// The present function.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How much faster the reference runs than our local clock, as far as we know; a slew is not part of it.
    pub fn frequency(&self) -> Rate {
        self.frequency
    }

    /// Whether others may rely on this clock at `at`: frequency measured and first phase slewed.
    pub fn is_settled(&self, at: Time<Local>) -> bool {
        match self.state {
            State::Unset | State::Measuring => false,
            State::Slewing { until } => at >= until,
            State::Locked { .. } => true,
        }
    }

    /// How far the system peer is ahead of our reading at `now`, going by `sample` carried along at our frequency.
    pub fn residual(&self, now: Time<Local>, sample: &Measurement) -> Nanos {
        sample.carried_to(now, self.frequency) - self.reading.at(now)
    }

    /// Notes a sample of the system peer for the first frequency. Samples taken before the step count as well (in the
    /// RFC only later ones do): they are offsets to the local clock, which does not step.
    pub fn note(&mut self, sample: &Measurement) {
        if matches!(self.state, State::Unset | State::Measuring) {
            self.fit.push(*sample);
        }
    }

    /// Whether an update is due that needs no new filter output: the samples span twenty polls.
    pub fn is_due(&self) -> bool {
        // Half a poll less, lest the last sample be missed because it took less time than the first.
        let span = self.poll.times(MEASURING_POLLS) - self.poll.over(2);
        matches!(self.state, State::Measuring) && self.fit.span() >= span && self.fit.is_enough()
    }

    /// Takes in a residual of the system peer at `now`.
    pub fn update(&mut self, now: Time<Local>, sample: &Measurement) -> Outcome {
        match self.state {
            State::Unset => self.step(now, sample),
            State::Measuring => match self.fit.trend(now).filter(|_| self.is_due()) {
                Some(trend) => self.set_frequency(now, trend),
                None => Outcome::Waited,
            },
            State::Slewing { until } if now < until => Outcome::Waited,
            State::Slewing { until } => self.lock(now, now - until, sample),
            State::Locked { updated } => self.lock(now, now - updated, sample),
        }
    }

    /// The system peer is another one: the first frequency is measured by samples of that one alone.
    pub fn restart_measuring(&mut self) {
        self.fit = Fit::default();
    }

    /// From `now` on nothing is corrected any more: any slew ends and the clock keeps its frequency.
    pub fn hold(&mut self, now: Time<Local>) {
        self.reading = Reading { line: self.line_from(now, self.frequency), then: None };
        if let State::Slewing { .. } = self.state {
            self.state = State::Locked { updated: now };
        }
    }

    /// Restates the present function from `now` on, unchanged.
    pub fn rebase(&mut self, now: Time<Local>) {
        let line = self.line_from(now, self.reading.rate_at(now));
        let later = self.reading.then.filter(|then| then.start > now);
        let then = later.map(|then| Line { value: line.at(then.start), ..then });
        self.reading = Reading { line, then };
    }

    fn line_from(&self, now: Time<Local>, rate: Rate) -> Line<Local, Synced> {
        Line { start: now, value: self.reading.at(now), rate }
    }

    /// NSET to FREQ: jumps to the peer's reading.
    fn step(&mut self, now: Time<Local>, sample: &Measurement) -> Outcome {
        let value = sample.carried_to(now, self.frequency);
        self.reading = Reading { line: Line { start: now, value, rate: self.frequency }, then: None };
        self.beyond_since = None;
        self.state = match self.state {
            State::Unset => State::Measuring,
            _ => State::Locked { updated: now },
        };
        Outcome::Stepped
    }

    /// FREQ to SYNC: sets the frequency and slews the phase that is left as fast as is allowed.
    fn set_frequency(&mut self, now: Time<Local>, trend: Trend) -> Outcome {
        self.frequency = trend.rate.clamp_to(MAX_RATE);
        let peer: Time<Synced> = shifted(now, trend.offset);
        let residual = peer - self.reading.at(now);
        // What is too large to slew is left for `watch` to step.
        let slewed = if residual.abs() > STEP_THRESHOLD { Nanos::ZERO } else { residual };
        self.slew(now, slewed, Nanos(1));
        let until = self.reading.then.map_or(now, |then| then.start);
        self.state = State::Slewing { until };
        Outcome::Disciplined
    }

    /// SYNC: the frequency gains what the residual says of it, and the residual is slewed in Tc.
    fn lock(&mut self, now: Time<Local>, since: Nanos, sample: &Measurement) -> Outcome {
        let residual = self.residual(now, sample);
        if residual.abs() > STEP_THRESHOLD {
            return self.watch(now, sample);
        }
        self.beyond_since = None;
        self.state = State::Locked { updated: now };
        let constant = time_constant(self.interval());
        if (self.frequency + Rate::of(residual, constant)).0.saturating_abs() <= MAX_RATE.0 {
            self.frequency = (self.frequency + self.learned(now, residual, since)).clamp_to(MAX_RATE);
        }
        self.slew(now, residual, constant);
        Outcome::Steered
    }

    /// What the frequency gains at `now` from a residual that stood for `since`, from both loops.
    fn learned(&self, now: Time<Local>, residual: Nanos, since: Nanos) -> Rate {
        self.integrated(residual, since) + self.unexplained(now, residual, since)
    }

    /// The phase-locked loop: `theta min(mu, 8 polls) / (4 Tc)^2`.
    fn integrated(&self, residual: Nanos, since: Nanos) -> Rate {
        let mu = since.max(Nanos::ZERO).min(self.interval().times(STAGES as i64)).as_seconds();
        let constant = 4.0 * time_constant(self.interval()).as_seconds();
        Rate::from_ratio(residual.as_seconds() * mu / constant.powi(2))
    }

    /// The frequency-locked loop, from polls of ALLAN/2 on: `(theta - what is still being slewed) / (max(mu, ALLAN) max(FLL −
    /// log2 poll, AVG))`. What the present slew does not account for is the frequency's own error over mu.
    fn unexplained(&self, now: Time<Local>, residual: Nanos, since: Nanos) -> Rate {
        let interval = self.interval();
        if interval <= ALLAN_INTERCEPT.over(2) {
            return Rate::ZERO;
        }
        let average = (FLL_AVERAGE - ln(interval.as_seconds()) / LN_2).max(LEAST_AVERAGE);
        let span = since.max(ALLAN_INTERCEPT).as_seconds();
        Rate::from_ratio((residual - self.still_to_slew(now)).as_seconds() / (span * average))
    }

    /// What the present slew is still to gain after `now`.
    fn still_to_slew(&self, now: Time<Local>) -> Nanos {
        let left = self.reading.then.map_or(Nanos::ZERO, |then| Nanos((then.start - now).0.max(0)));
        (self.reading.line.rate - self.frequency).over(left)
    }

    /// A residual too large to slew: steps if it has lasted, else waits.
    fn watch(&mut self, now: Time<Local>, sample: &Measurement) -> Outcome {
        let since = *self.beyond_since.get_or_insert(now);
        if now - since < self.poll.times(STEPOUT_POLLS) {
            return Outcome::Waited;
        }
        self.step(now, sample)
    }

    /// Uses `residual` up in `span`, or in more if that would exceed [`MAX_RATE`], and then runs at the frequency.
    fn slew(&mut self, now: Time<Local>, residual: Nanos, span: Nanos) {
        let total = (self.frequency + Rate::of(residual, span)).clamp_to(MAX_RATE);
        let line = self.line_from(now, total);
        let rest = |span: Nanos| {
            let start = now + span;
            Line { start, value: line.at(start), rate: self.frequency }
        };
        self.reading = Reading { line, then: time_to_gain(residual, total - self.frequency).map(rest) };
    }
}

/// How long a clock takes to gain `gain` at `rate`; `None` if it never does.
fn time_to_gain(gain: Nanos, rate: Rate) -> Option<Nanos> {
    let units = i128::from(gain.0) * -i128::from(Rate::STOPPED.0);
    let span = units.checked_div(i128::from(rate.0))?;
    (span > 0).then_some(Nanos(i64::try_from(span).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Nanos = Nanos::from_millis(100);

    /// A perfect sample of a peer that shows `start + offset` at local zero and gains `ppm`.
    fn sample(now: Time<Local>, offset: Nanos, ppm: f64) -> Measurement {
        let gain = Rate::from_ppb(Ppb::from_ppm(ppm)).over(now - Time::ZERO);
        Measurement { epoch: now, offset: offset + gain, delay: Nanos(1), dispersion: Nanos(1) }
    }

    fn locked(poll: Nanos) -> Discipline {
        Discipline { state: State::Locked { updated: Time::ZERO }, ..Discipline::new(poll) }
    }

    /// Runs a locked loop against a peer with that offset and rate; the residuals at each poll.
    fn run(polls: i64, offset: Nanos, ppm: f64) -> (Discipline, Vec<Nanos>) {
        let (loop_, residuals, _) = run_at(POLL, polls, offset, ppm);
        (loop_, residuals)
    }

    /// The same at any poll interval; the frequencies after each poll as well.
    fn run_at(poll: Nanos, polls: i64, offset: Nanos, ppm: f64) -> (Discipline, Vec<Nanos>, Vec<f64>) {
        let mut loop_ = locked(poll);
        let (mut residuals, mut frequencies) = (Vec::new(), Vec::new());
        for k in 0..polls {
            let now = Time::ZERO + poll.times(k);
            let sample = sample(now, offset, ppm);
            residuals.push(loop_.residual(now, &sample));
            let before = loop_.reading.at(now);
            loop_.update(now, &sample);
            frequencies.push(loop_.frequency.as_ratio());
            assert_eq!(loop_.reading.at(now), before, "a slew is continuous");
            assert!(loop_.frequency.0.abs() <= MAX_RATE.0 && loop_.reading.line.rate.0.abs() <= MAX_RATE.0);
        }
        (loop_, residuals, frequencies)
    }

    /// theta' = -theta/Tc - x, x' = theta/(16 Tc²): zero at 3.0414 Tc, overshoot of 4.777 % at 6.0828 Tc.
    #[test]
    fn the_time_constant_is_sixteen_fast_polls_or_four_slow_ones() {
        let at = |seconds: f64| time_constant(Nanos((seconds * 1e9) as i64)).as_seconds();
        assert_eq!([0.1, 1.0, 4.0, 8.0, 16.0, 64.0, 1024.0].map(at), [1.6, 16.0, 64.0, 64.0, 64.0, 256.0, 4096.0]);
    }

    #[test]
    fn the_step_response_crosses_zero_at_three_time_constants_and_overshoots_by_five_percent() {
        let start = Nanos::from_micros(500);
        let (_, residuals) = run(400, start, 0.0);
        let after = residuals.iter().position(|r| r.0 < 0).expect("it crosses");
        let (above, below) = (residuals[after - 1].0 as f64, residuals[after].0 as f64);
        let crossing = ((after - 1) as f64 + above / (above - below)) / 16.0;
        let (lowest, deepest) = residuals.iter().enumerate().min_by_key(|(_, r)| **r).expect("not empty");
        let overshoot = -(deepest.0 as f64) / start.0 as f64;
        // Sixteen straight pieces a time constant are not quite an exponential: hence the second tolerance.
        assert!((crossing / 3.0414 - 1.0).abs() < 0.025, "{crossing} Tc");
        assert!((overshoot - 0.04777).abs() < 0.003, "{overshoot}");
        assert!((lowest as f64 / 16.0 / 6.0828 - 1.0).abs() < 0.025, "{lowest} polls");
    }

    #[test]
    fn a_constant_frequency_error_is_nulled() {
        for ppm in [-50.0, 3.0, 50.0] {
            let (loop_, residuals) = run(4_000, Nanos::ZERO, ppm);
            assert!((loop_.frequency.as_ratio() * 1e6 - ppm).abs() < 0.01, "{ppm}");
            assert!(residuals[3_999].abs() <= Nanos(5), "{:?}", residuals[3_999]);
        }
    }

    #[test]
    fn the_frequency_saturates_at_five_hundred_ppm() {
        let (loop_, _) = run(3_000, Nanos::ZERO, 700.0);
        assert_eq!(loop_.reading.line.rate, MAX_RATE, "it goes as fast as it may and no faster");
        let mut loop_ = locked(POLL);
        loop_.frequency = MAX_RATE;
        let now = Time::ZERO + POLL;
        loop_.update(now, &sample(now, Nanos::from_millis(1), 500.0));
        assert_eq!((loop_.frequency, loop_.reading.then), (MAX_RATE, None), "no room for a slew");
    }

    #[test]
    fn from_half_the_allan_intercept_on_an_eighth_of_what_is_unexplained_moves_the_frequency() {
        let learned = |poll: i64, slewing: Nanos| {
            let poll = Nanos::from_seconds(poll);
            let mut loop_ = locked(poll);
            loop_.slew(Time::ZERO, slewing, poll.times(4));
            loop_.unexplained(Time::ZERO + poll, Nanos::from_micros(1_200), poll).as_ratio()
        };
        assert_eq!([learned(16, Nanos::ZERO), learned(750, Nanos::ZERO)], [0.0; 2], "the phase-locked loop alone");
        // 1.2 ms in an interval, taken as ALLAN = 1500 s, over 18 - 10 updates.
        assert!((learned(1_024, Nanos::ZERO) / 1e-7 - 1.0).abs() < 1e-5);
        // A slew of 1.6 ms over four polls has three quarters before it after one: all of the 1.2 ms is explained.
        assert!(learned(1_024, Nanos::from_micros(1_600)).abs() < 1e-11);
        // Over 18 - 16 updates it would follow noise: AVG = 4 is the least.
        assert!((learned(65_536, Nanos::ZERO) * 4.0 * 65_536.0 / 1.2e-3 - 1.0).abs() < 1e-3);
    }

    /// In polls the phase-locked loop is the same at 512 and 1024 s; the other one sets in between.
    #[test]
    fn the_hybrid_loop_finds_a_frequency_in_fewer_polls() {
        let polls_until_known = |poll: i64| {
            let (_, residuals, frequencies) = run_at(Nanos::from_seconds(poll), 2_000, Nanos::ZERO, 2.0);
            assert!(residuals[1_999].abs() <= Nanos(200) && (frequencies[1_999] - 2e-6).abs() < 1e-10);
            frequencies.iter().rposition(|frequency| (frequency / 2e-6 - 1.0).abs() > 0.1).expect("it was wrong once")
        };
        let (alone, hybrid) = (polls_until_known(512), polls_until_known(1_024));
        println!("{hybrid} of {alone}");
        assert!(2 * hybrid < alone, "{hybrid} of {alone} polls");
    }

    #[test]
    fn a_controlled_poll_slows_a_quiet_loop_and_hurries_a_loud_one() {
        let mut loop_ = locked(POLL);
        loop_.control_poll(2);
        let now = Time::ZERO + POLL;
        assert!(loop_.is_turn(now), "each poll at first");
        (0..60).for_each(|_| loop_.pace(Nanos(0), Nanos(100)));
        assert_eq!((loop_.interval(), loop_.is_turn(now)), (POLL.times(4), false));
        assert!(loop_.is_turn(Time::ZERO + POLL.times(4)) && !loop_.is_turn(Time::ZERO + POLL.times(3)));
        let residual = Nanos::from_micros(100);
        let slow = loop_.integrated(residual, POLL.times(4)).as_ratio();
        (0..30).for_each(|_| loop_.pace(residual, Nanos(100)));
        assert_eq!((loop_.interval(), loop_.is_turn(now)), (POLL, true));
        let fast = loop_.integrated(residual, POLL).as_ratio();
        assert!((fast / slow - 4.0).abs() < 1e-3, "1 / 16^2 against 4 / 64^2: {fast} {slow}");
    }

    #[test]
    fn a_large_residual_does_not_wind_the_frequency_up() {
        let (loop_, residuals) = run(3_000, Nanos::from_millis(20), 0.0);
        assert!(residuals.iter().all(|r| r.0 > -60_000), "{:?}", residuals.iter().min());
        assert!(residuals[2_999].abs() < Nanos::from_micros(1) && loop_.frequency.as_ratio().abs() < 1e-6);
    }

    #[test]
    fn start_up_steps_once_measures_and_slews_the_rest() {
        let mut loop_ = Discipline::new(POLL);
        let mut outcomes = Vec::new();
        for k in 0..40 {
            let now = Time::ZERO + POLL.times(k);
            let sample = sample(now, Nanos::from_millis(-7), 80.0);
            loop_.note(&sample);
            outcomes.push(loop_.update(now, &sample));
        }
        assert_eq!(outcomes[0], Outcome::Stepped);
        assert!(outcomes[1..20].iter().all(|o| *o == Outcome::Waited), "no loop updates while measuring");
        assert_eq!(outcomes[20], Outcome::Disciplined);
        assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Stepped).count(), 1);
        let now = Time::ZERO + POLL.times(40);
        assert!(
            loop_.is_settled(now) && loop_.residual(now, &sample(now, Nanos::from_millis(-7), 80.0)).abs() < Nanos(5)
        );
        assert!((loop_.frequency.as_ratio() - 80e-6).abs() < 1e-9);
    }

    #[test]
    fn a_jump_beyond_the_threshold_is_stepped_only_if_it_lasts() {
        let mut loop_ = locked(POLL);
        let far = Nanos::from_millis(500);
        let mut stepped_at = Vec::new();
        for k in 0..80 {
            let now = Time::ZERO + POLL.times(k);
            let offset = if k == 5 || k >= 20 { far } else { Nanos::ZERO };
            if loop_.update(now, &sample(now, offset, 0.0)) == Outcome::Stepped {
                stepped_at.push(k);
            }
        }
        assert_eq!(stepped_at, [50]);
        assert_eq!(loop_.frequency, Rate::ZERO, "neither the wait nor the step moved the frequency");
    }

    #[test]
    fn restating_changes_no_reading() {
        let mut loop_ = locked(POLL);
        loop_.update(Time::ZERO + POLL, &sample(Time::ZERO + POLL, Nanos::from_micros(300), 0.0));
        let mut restated = loop_.clone();
        restated.rebase(Time::ZERO + POLL.times(3));
        for at in (3..40).map(|k| Time::ZERO + POLL.times(k)) {
            assert!((restated.reading.at(at) - loop_.reading.at(at)).abs() <= Nanos(2));
        }
        let now = Time::ZERO + POLL.times(3);
        let held: Time<Synced> = loop_.reading.at(now);
        loop_.hold(now);
        assert_eq!(
            loop_.reading,
            Reading { line: Line { start: now, value: held, rate: loop_.frequency }, then: None }
        );
        assert_ne!(held, shifted(now, Nanos::ZERO));
    }
}
