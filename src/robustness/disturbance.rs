//! What can happen to a network of clocks, each as a scenario.

use crate::model::normal::normal;
use crate::model::{Purpose, Rng};
use crate::names::named;
use crate::sim::scenario::{About, Event, Refused, Scenario};
use crate::time::{NANOS_PER_SECOND, Nanos};

/// Periods until the clocks are taken to have settled.
const SETTLED: i64 = 200;
/// Periods until the disturbance begins...
const BEGINS: i64 = 400;
/// ...until it ends...
const ENDS: i64 = 600;
/// ...and until the run does.
const OVER: i64 = 1_000;

/// What a liar adds to its clock: fifty times the least delay.
const LIE: Nanos = Nanos::from_millis(5);
/// A step of the frequency.
const STEP_PPM: f64 = 5.0;
/// Size of the wander's step, once a second: 1e-7.
const WANDER_PPM: f64 = 0.1;
/// Share of the messages that are lost, each way.
const LOST: f64 = 0.33;
/// Minimum delays: usual, and of a longer route.
const DELAY: Nanos = Nanos::from_micros(100);
const LONGER: Nanos = Nanos::from_micros(400);
/// Between two steps of the frequency at long polls, in periods.
const BETWEEN_STEPS: i64 = 10;

macro_rules! disturbances {
    ($($arm:ident = $name:literal, $about:literal;)*) => {
        /// What happens.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Disturbance { $(#[doc = $about] $arm,)* }

        impl Disturbance {
            /// Every disturbance, in the order of the table.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$arm),*];

            /// Its name in tables and flags.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$arm => $name,)* }
            }

            /// What happens, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$arm => $about,)* }
            }
        }
    };
}

disturbances! {
    Calm = "calm", "Nothing happens: the control.";
    Falsetickers = "falsetickers", "Two of the six peers of every clock show 5 ms too much, alike to all.";
    FalsetickersHalf = "falsetickers-half", "Three of the six peers of every clock do: half of them.";
    TwoFaced = "two-faced", "One clock of four tells two others 5 ms too much and the third 5 ms too little: n > 3f.";
    TwoFacedOfThree = "two-faced-of-three", "One clock of three tells one 5 ms too much and the other 5 ms too little: n = 3f.";
    TwoFacedReference = "two-faced-reference", "The reference of four has the two faces.";
    FrequencyStep = "frequency-step", "One clock of four runs 5 ppm faster from an instant on.";
    FrequencySteps = "frequency-steps-64s", "At a poll of 64 s, every clock's frequency steps by up to 5 ppm every 640 s.";
    Wander = "wander", "Every clock's frequency walks by 1e-7 a second, a hundred times as fast as before.";
    Loss = "loss", "A third of all messages is lost, each way.";
    Route = "route", "Both ways between the reference and one clock take 300 us longer.";
    RouteOneWay = "route-one-way", "The way from the reference to one clock alone takes 300 us longer.";
    Partition = "partition", "Nothing passes between one half of four clocks and the other.";
    Restart = "restart", "The reference dies, and starts again when the disturbance ends.";
}

named!(Disturbance, "disturbance");

impl Disturbance {
    /// From one request to the next.
    pub const fn poll(self) -> Nanos {
        Nanos::from_seconds(if matches!(self, Self::FrequencySteps) { 64 } else { 1 })
    }

    /// How many nodes there are; all are linked.
    pub const fn nodes(self) -> u32 {
        match self {
            Self::Falsetickers | Self::FalsetickersHalf => 7,
            Self::TwoFacedOfThree => 3,
            _ => 4,
        }
    }

    /// When clocks are taken to have settled: from here on they are judged.
    pub fn settled(self) -> Nanos {
        self.poll().times(SETTLED)
    }

    /// When it begins.
    pub fn begins(self) -> Nanos {
        self.poll().times(BEGINS)
    }

    /// When it is over. What lasts for good is over at once.
    pub fn ends(self) -> Nanos {
        match self {
            Self::FrequencyStep => self.begins(),
            _ => self.poll().times(ENDS),
        }
    }

    /// When the run ends.
    pub fn over(self) -> Nanos {
        self.poll().times(OVER)
    }

    /// Nodes that lie; their own clocks are not judged.
    pub const fn liars(self) -> &'static [u32] {
        match self {
            Self::Falsetickers => &[5, 6],
            Self::FalsetickersHalf => &[4, 5, 6],
            Self::TwoFaced => &[3],
            Self::TwoFacedOfThree => &[2],
            Self::TwoFacedReference => &[0],
            _ => &[],
        }
    }

    /// The world in which it happens, with every clock on every node: node 0 is the reference.
    ///
    /// # Errors
    /// Names what is impossible in it.
    pub fn scenario(self, seed: u64) -> Result<Scenario, Refused> {
        let (nodes, poll, duration) = (self.nodes(), self.poll(), self.over());
        let text = format!(
            r#"
            duration = "{duration}"
            tau = "{poll}"
            clocks = ["all"]
            topology = {{ shape = "full", nodes = {nodes} }}
            [oscillators]
            offset_within = "10ms"
            drift_within_ppm = 50
            wander_ppb_per_sqrt_s = 1.0
            wander_limit_ppm = 1
            [links]
            delay = "{DELAY}"
            jitter = {{ kind = "exponential", mean = "20us" }}
            "#
        );
        let scenario = Scenario { seed: Some(seed), ..Scenario::parse(&text)? };
        Ok(Scenario { events: self.events(seed), ..scenario })
    }

    fn events(self, seed: u64) -> Vec<Event> {
        let (at, until) = (self.begins(), self.ends());
        let honest = || (0..self.nodes()).filter(|node| !self.liars().contains(node)).collect::<Vec<_>>();
        let lie =
            |node, lie, to| Event::TwoFacedClock { node, at, until: Some(until), lie, to, about: About::Everything };
        match self {
            Self::Calm => Vec::new(),
            Self::Falsetickers | Self::FalsetickersHalf => {
                self.liars().iter().map(|node| lie(*node, LIE, honest())).collect()
            }
            Self::TwoFaced => vec![lie(3, LIE, vec![0, 1]), lie(3, -LIE, vec![2])],
            Self::TwoFacedOfThree => vec![lie(2, LIE, vec![0]), lie(2, -LIE, vec![1])],
            Self::TwoFacedReference => vec![lie(0, LIE, vec![1, 2]), lie(0, -LIE, vec![3])],
            Self::FrequencyStep => vec![Event::FrequencyStep { node: 1, at, by_ppm: STEP_PPM }],
            Self::FrequencySteps => {
                self.steps(seed, self.poll().times(BETWEEN_STEPS), |rng| STEP_PPM * (2.0 * rng.unit() - 1.0))
            }
            Self::Wander => self.steps(seed, Nanos(NANOS_PER_SECOND), |rng| WANDER_PPM * normal(rng)),
            Self::Loss => vec![Event::Loss { at, until, share: LOST }],
            Self::Route => [self.route(0, 1), self.route(1, 0)].concat(),
            Self::RouteOneWay => self.route(0, 1),
            Self::Partition => vec![Event::Partition { nodes: vec![2, 3], at, until }],
            Self::Restart => vec![Event::Crash { node: 0, at, restart: Some(until) }],
        }
    }

    /// The way from one node to another is longer for a while.
    fn route(self, from: u32, to: u32) -> Vec<Event> {
        let turns = [(self.begins(), LONGER), (self.ends(), DELAY)];
        turns.into_iter().map(|(at, delay)| Event::Route { from, to, at, delay }).collect()
    }

    /// Steps of every clock's frequency, each drawn by `draw` in ppm.
    fn steps(self, seed: u64, every: Nanos, draw: impl Fn(&mut Rng) -> f64) -> Vec<Event> {
        let mut events = Vec::new();
        for node in 0..self.nodes() {
            let mut rng = Rng::stream(seed, Purpose::Disturbance, u64::from(node));
            let instants = std::iter::successors(Some(self.begins()), |at| Some(*at + every));
            let instants = instants.take_while(|at| *at < self.ends());
            events.extend(instants.map(|at| Event::FrequencyStep { node, at, by_ppm: draw(&mut rng) }));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::World;

    #[test]
    fn every_disturbance_is_a_world_with_its_liars_and_its_instants() {
        for disturbance in Disturbance::ALL {
            let scenario = disturbance.scenario(3).expect("a scenario");
            let world = World::new(&scenario, 3).expect("a world");
            let liars: Vec<u32> =
                (0..).zip(&world.hosts).filter(|(_, host)| !host.lies.is_empty()).map(|l| l.0).collect();
            assert_eq!(liars, disturbance.liars(), "{disturbance}");
            assert!(scenario.events.iter().all(|event| event.span().0 >= disturbance.begins()), "{disturbance}");
            assert_eq!(disturbance.name().parse(), Ok(disturbance));
        }
        assert!("melt".parse::<Disturbance>().unwrap_err().contains("partition"));
    }

    #[test]
    fn the_wander_has_its_size() {
        let scenario = Disturbance::Wander.scenario(1).unwrap();
        let steps = scenario.events.iter().filter_map(|event| match event {
            Event::FrequencyStep { by_ppm, .. } => Some(by_ppm * by_ppm),
            _ => None,
        });
        let squares: Vec<f64> = steps.collect();
        assert_eq!(squares.len(), 4 * 200);
        let rms = (squares.iter().sum::<f64>() / 800.0).sqrt();
        assert!((rms / WANDER_PPM - 1.0).abs() < 0.1, "{rms}");
    }
}
