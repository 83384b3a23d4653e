//! Laws of Lamport's and hybrid clocks on random executions, message by message. A failing execution is named by its seed.

use skewbench::causal::{Hlc, HlcStamp};
use skewbench::ids::Algorithm;
use skewbench::model::{Jitter, Purpose, Rng};
use skewbench::node::replay::Message;
use skewbench::sim::exact::{Outcome, evaluate, evaluate_ranked};
use skewbench::sim::swarm::{Life, broken_theorems, replayed};
use skewbench::theory::Execution;
use skewbench::theory::adversary::{Adversary, Settings};
use skewbench::theory::execution::{Course, Letter, settled};
use skewbench::time::{Nanos, Ppb, Synced, Time};

use crate::replay::HARSH;
use crate::simulated::{network, runs};

/// How many executions are drawn; `SKEWBENCH_EXECUTIONS` asks for more at night.
fn executions() -> u64 {
    std::env::var("SKEWBENCH_EXECUTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

fn upto(rng: &mut Rng, limit: i64) -> i64 {
    rng.below(limit.max(0) as u64 + 1) as i64
}

/// A strongly connected graph: a directed ring in random order, and random arcs beside.
fn arcs(rng: &mut Rng, nodes: usize) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..nodes).collect();
    rng.shuffle(&mut order);
    let mut arcs: Vec<(usize, usize)> = (0..nodes).map(|i| (order[i], order[(i + 1) % nodes])).collect();
    for _ in 0..rng.below(2 * nodes as u64) {
        let arc = (rng.below(nodes as u64) as usize, rng.below(nodes as u64) as usize);
        if arc.0 != arc.1 && !arcs.contains(&arc) {
            arcs.push(arc);
        }
    }
    arcs
}

/// A clock that starts anywhere within ten seconds and turns its rate now and then, often to an extreme.
fn course(rng: &mut Rng, kappa: i64, end: Nanos) -> Course {
    let mut rates = Vec::new();
    let mut at = Nanos::ZERO;
    while at < end && rates.len() < 20 {
        let rate = match rng.below(3) {
            0 => kappa,
            1 => -kappa,
            _ => upto(rng, 2 * kappa) - kappa,
        };
        rates.push((at, Ppb(rate)));
        at += Nanos(1 + upto(rng, end.0 / 3));
    }
    Course { start: Nanos(upto(rng, 20_000_000_000) - 10_000_000_000), rates }
}

/// One arc's jitter.
fn jitter(rng: &mut Rng) -> Jitter {
    let scale = Nanos(upto(rng, 300_000_000));
    match rng.below(4) {
        0 => Jitter::Constant { span: scale },
        1 => Jitter::Uniform { limit: scale },
        2 => Jitter::Exponential { mean: scale },
        _ => Jitter::Pareto { scale, alpha: 1.5 },
    }
}

/// A random execution that keeps every assumption: graph, rates, starts, credits no larger than delays; messages are lost,
/// doubled, late and overtake each other.
fn draw(seed: u64) -> Execution {
    let mut rng = Rng::stream(seed, Purpose::Scenario, 0);
    let nodes = 2 + rng.below(5) as usize;
    let kappa = [0, 100_000, 10_000_000, 100_000_000][rng.below(4) as usize];
    let tau = Nanos(1 + upto(&mut rng, 1_000_000_000));
    let end = tau.times(4 + 8 * nodes as i64);
    let clocks = (0..nodes).map(|_| course(&mut rng, kappa, end)).collect();
    let mut execution = Execution { clocks, messages: Vec::new(), end };
    let (loss, doubling) = (rng.unit() * 0.3, rng.unit() * 0.3);
    for (from, to) in arcs(&mut rng, nodes) {
        let (least, jitter) = (Nanos(upto(&mut rng, 2 * tau.0)), jitter(&mut rng));
        let credit = [Nanos::ZERO, least, Nanos(upto(&mut rng, least.0))][rng.below(3) as usize];
        let mut sent = Nanos(upto(&mut rng, tau.0));
        while sent < end {
            let copies = 1 + u8::from(rng.unit() < doubling);
            for _ in 0..copies {
                let delay = least + jitter.draw(&mut rng);
                if rng.unit() >= loss {
                    execution.messages.push(Letter { from, to, sent, delay, credit });
                }
            }
            sent += tau - Nanos(upto(&mut rng, tau.0 / 4));
        }
    }
    execution
}

/// What an adversary has to work with, so that theory says what it attains.
fn settings(rng: &mut Rng, adversary: Adversary) -> Settings {
    let tau = Nanos(100_000_000 + upto(rng, 900_000_000));
    let mu = Nanos(1_000_000 + upto(rng, tau.0 / 5));
    let usual = Settings {
        diameter: 1 + rng.below(4) as u32,
        kappa: Ppb(10_000 + upto(rng, 5_000_000)),
        tau,
        mu,
        // More than kappa nu.
        xi: Nanos(mu.0 / 50 + upto(rng, 50_000_000)),
    };
    match adversary {
        Adversary::Ring => Settings { xi: Nanos::ZERO, ..usual },
        Adversary::MixedMu => Settings { diameter: 1, ..usual },
        Adversary::Chain | Adversary::TwoSource => usual,
    }
}

/// What docs/theory.md §1.1 says the adversary attains with these, rounded up.
fn attained(adversary: Adversary, with: &Settings) -> Nanos {
    let [kappa, d, tau, mu, xi] =
        [with.kappa.0, i64::from(with.diameter), with.tau.0, with.mu.0, with.xi.0].map(i128::from);
    let (whole, nu) = (1_000_000_000, mu + xi);
    let parts = match adversary {
        Adversary::Chain => d * (2 * kappa * tau + kappa * nu + whole * xi),
        Adversary::TwoSource => 2 * kappa * d * (tau + nu) + kappa * mu + d * (whole * xi - kappa * nu),
        Adversary::Ring => 2 * kappa * d * (tau + mu) + kappa * mu,
        Adversary::MixedMu => 2 * kappa * (tau + nu) + (whole - kappa) * xi + kappa * mu,
    };
    Nanos(((parts + whole - 1) / whole) as i64)
}

/// docs/theory.md §1.1: eps <= B_safe from d(tau + nu) on, wherever the clocks started: so this is also the law of convergence.
/// One execution of eight is an adversary's, and comes as near to the bound as theory says it can, beyond the published one too.
#[test]
fn the_spread_never_exceeds_the_safe_bound_once_settled() {
    let (mut judged, mut lifts, mut beyond_published, mut exact) = (0_u64, 0, 0_u64, 0_u64);
    for seed in 0..executions() {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 2);
        let adversary = Adversary::ALL.get(rng.below(32) as usize).copied();
        let attack = adversary.map(|adversary| (adversary, settings(&mut rng, adversary)));
        let execution = attack.map_or_else(|| draw(seed), |(adversary, with)| adversary.execution(with));
        let Some(premises) = execution.premises() else { continue };
        let (outcome, bounds) = (evaluate(&execution, settled(&premises)), premises.bounds());
        let spread = outcome.spread;
        assert!(spread <= bounds.safe, "seed {seed}: {spread:?} at {:?} with {premises:?}", outcome.at);
        follows_the_fastest(seed, &execution, &outcome);
        if let Some((adversary, with)) = attack {
            let short = attained(adversary, &with) - spread;
            let grain = Nanos(2 * i64::from(with.diameter));
            assert!(
                (Nanos::ZERO..=grain).contains(&short),
                "seed {seed}: {adversary:?} misses by {short} with {with:?}"
            );
            exact += u64::from(bounds.safe - spread <= grain);
        }
        (judged, lifts) = (judged + 1, lifts + outcome.lifts);
        beyond_published += u64::from(spread > bounds.seed);
    }
    assert!(judged * 2 > executions(), "only {judged} executions have premises that begin to hold in time");
    assert!(lifts > 5 * judged, "{lifts} lifts: the executions show something");
    assert!(exact * 100 > executions() && beyond_published * 100 > executions(), "{exact}, {beyond_published}");
}

/// docs/theory.md §1.4: no clock is ever ahead of where the one that started first would be, had it run at 1 + kappa.
fn follows_the_fastest(seed: u64, execution: &Execution, outcome: &Outcome) {
    let kappa = execution.clocks.iter().flat_map(|clock| &clock.rates).map(|(_, rate)| rate.abs()).max();
    let gained = i128::from(execution.end.0) * i128::from(kappa.unwrap_or_default().0) / 1_000_000_000;
    let first = execution.clocks.iter().map(|clock| clock.start).max().unwrap_or_default();
    let most = first + execution.end + Nanos(gained as i64);
    let shown = outcome.readings.iter().max().copied().unwrap_or_default();
    assert!(shown <= most, "seed {seed}: {shown:?} although none can show more than {most:?}");
}

/// docs/theory.md §1.4: one clock far ahead drags everybody along within d(tau + nu), for ever.
#[test]
fn a_fast_clock_is_contagious_within_d_tau_plus_nu() {
    let mut seen = 0;
    for seed in 0..500 {
        let mut execution = draw(seed);
        execution.clocks[0].start = Nanos::from_seconds(1_000);
        let Some(premises) = execution.premises() else { continue };
        let safe = premises.bounds().safe;
        for end in [settled(&premises) + Nanos(1), execution.end] {
            let outcome = evaluate(&Execution { end, ..execution.clone() }, Nanos::ZERO);
            let least = outcome.readings.iter().min().unwrap();
            let slowest = end.0 - (end.0 as f64 * premises.kappa.0 as f64 / 1e9).ceil() as i64;
            assert!(*least >= Nanos(1_000_000_000_000 + slowest) - safe, "seed {seed}: {least:?} at {end:?}");
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

/// A chain whose first clock is far ahead, and whose nodes each send just before they receive.
fn late_chain(hops: i64) -> Execution {
    let (tau, delay) = (Nanos::from_seconds(1), Nanos::from_millis(10));
    let clocks =
        (0..=hops).map(|clock| Course::steady(Nanos::from_seconds(if clock == 0 { 1_000 } else { 0 }), Ppb(0)));
    let end = (tau + delay).times(hops + 2);
    let mut execution = Execution { clocks: clocks.collect(), messages: Vec::new(), end };
    for hop in 0..hops as usize {
        let letter = Letter { from: hop, to: hop + 1, sent: Nanos::ZERO, delay, credit: Nanos::ZERO };
        let phase = delay.times(hop as i64) - Nanos(1 + hop as i64);
        execution.every(tau, phase, letter);
        execution.every(tau, phase, Letter { from: hop + 1, to: hop, ..letter });
    }
    execution
}

/// docs/theory.md §1.4: convergence takes up to d(tau + nu), and along a chain it may take all of it.
#[test]
fn convergence_takes_d_tau_plus_nu_and_no_less() {
    for hops in 1..=6 {
        let execution = late_chain(hops);
        let premises = execution.premises().expect("premises");
        let settled = settled(&premises);
        assert_eq!((i64::from(premises.diameter), settled), (hops, Nanos::from_millis(1_010).times(hops)));
        assert!(evaluate(&execution, settled).spread <= premises.bounds().safe, "{hops} hops: converged");
        let before = evaluate(&execution, settled - Nanos(2 * hops + 1));
        assert!(before.spread > Nanos::from_seconds(990), "{hops} hops: {before:?} just before");
    }
}

/// Four clocks, one of them fast, that tell each other every second what they show.
fn one_of_four_is_fast(kappa: i64, seconds: i64) -> Execution {
    let rate = |clock: usize| Ppb(if clock == 0 { kappa } else { -kappa });
    let clocks = (0..4).map(|clock| Course::steady(Nanos::ZERO, rate(clock))).collect();
    let mut execution = Execution { clocks, messages: Vec::new(), end: Nanos::from_seconds(seconds) };
    for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))).filter(|(from, to)| from != to) {
        let delay = Nanos::from_millis(1);
        let letter = Letter { from, to, sent: Nanos::ZERO, delay, credit: Nanos::ZERO };
        execution.every(Nanos::from_seconds(1), Nanos::from_millis(100 * from as i64), letter);
    }
    execution
}

/// docs/theory.md §6: the tempting cure, to take the (f+1)-th largest reading, tolerates a faulty clock and gives no agreement:
/// nobody follows f honest clocks that are the fastest.
#[test]
fn the_second_largest_reading_tolerates_a_fault_and_gives_no_agreement() {
    for (seconds, skew) in [(1_000, 2_000), (4_000, 8_000)] {
        let execution = one_of_four_is_fast(1_000_000, seconds);
        let ranked = evaluate_ranked(&execution, Nanos::ZERO, 1).spread;
        assert!((ranked - Nanos::from_millis(skew)).abs() < Nanos::from_millis(5), "{ranked} after {seconds} s");
        let lamport = evaluate(&execution, Nanos::from_seconds(2));
        assert!(lamport.spread < Nanos::from_millis(4), "Lamport's rule agrees: {lamport:?}");
        assert_eq!(evaluate_ranked(&execution, Nanos::from_seconds(2), 0), lamport, "and is the case f = 0");
    }
    let mut faulty = one_of_four_is_fast(0, 100);
    faulty.clocks[0].start = Nanos::from_seconds(10);
    let least = |outcome: Outcome| *outcome.readings.iter().min().expect("four clocks");
    assert_eq!(
        least(evaluate_ranked(&faulty, Nanos::ZERO, 1)),
        Nanos::from_seconds(100),
        "validity: nobody follows it"
    );
    assert!(least(evaluate(&faulty, Nanos::ZERO)) > Nanos::from_seconds(109), "Lamport's rule follows it");
}

/// docs/theory.md §1.4 on whole nodes: one clock jumps ten seconds ahead, all are there within d(tau + nu), and none returns.
#[test]
fn a_clock_that_jumps_ten_seconds_takes_all_nodes_along_for_ever() {
    let text = include_str!("../../scripts/scenarios/contagion.toml");
    let (jump, tau) = (Nanos::from_seconds(5), Nanos::from_millis(100));
    for seed in 0..10 {
        let mut net = network(text, seed);
        let mut ahead = |after: Nanos| {
            let at = Time::ZERO + after;
            net.run_until(at);
            let shown = net.shown(Algorithm::Lamport, at).into_iter();
            shown.map(|shown| Nanos(shown.as_nanos() - at.as_nanos())).min().expect("six clocks")
        };
        assert!(ahead(jump - Nanos(1)) < Nanos::from_millis(10));
        // A ring of six has d = 3, and no delay is more than 120 us; a period may drift.
        let contagious = jump + (tau + Nanos::from_micros(130)).times(3);
        for after in [contagious, contagious + Nanos::from_seconds(2), Nanos::from_seconds(10)] {
            assert!(ahead(after) > Nanos::from_seconds(10) - Nanos::from_millis(3), "seed {seed} at {after}");
        }
    }
}

fn lives(seed: u64) -> Vec<Life> {
    runs(HARSH, seed).iter().map(replayed).collect()
}

/// docs/theory.md §7 on whole networks that lose, double and reorder: theorems (1), (2), (3) and (5) against vector clocks.
#[test]
fn hybrid_stamps_of_whole_networks_obey_happened_before() {
    for seed in 0..4 {
        let lives = lives(seed);
        assert!(lives.iter().map(|life| life.2.events.len()).sum::<usize>() > 3_000, "there are messages");
        assert_eq!(broken_theorems(&lives), Vec::<String>::new(), "seed {seed}");
    }
}

/// The oracle sees each theorem fail that is made to fail.
#[test]
fn a_stamp_that_is_tampered_with_is_found() {
    let sound = lives(1);
    let tampered = |change: fn(&mut HlcStamp)| {
        let mut lives = sound.clone();
        let event = lives[2].2.events.iter_mut().skip(100).find(|event| matches!(event.message, Message::Sent(..)));
        change(event.and_then(|event| event.stamp.as_mut()).expect("a message in mid run"));
        broken_theorems(&lives).join("; ")
    };
    assert!(tampered(|stamp| stamp.l = stamp.l - Nanos::from_seconds(1)).contains("theorem 1"));
    assert!(tampered(|stamp| stamp.l = stamp.l - Nanos::from_seconds(1)).contains("theorem 2"));
    assert!(tampered(|stamp| stamp.l += Nanos(1)).contains("theorem 3"));
    assert!(tampered(|stamp| stamp.c += 1_000).contains("theorem 5"));
}

/// Clocks that start together and never step, whose temperature changes faster than the NTP-style loop follows, on links so
/// short that a message arrives from the receiver's future.
const HOT: &str = "duration = \"10s\"\ntau = \"50ms\"\ntopology = { shape = \"ring\", nodes = 4 }\n[links]\ndelay = \"5us\"\n\
    jitter = { kind = \"exponential\", mean = \"5us\" }\nloss_share = 0.1\nduplicate_share = 0.1\n\
    [oscillators.temperature]\nevery = \"500ms\"\nstep_ppm = 200.0\nlimit_ppm = 300.0\n";

/// docs/theory.md §7, theorem (4): a hybrid clock is never further ahead of its physical clock than these were ever apart, while
/// none of them is set back, as NTP-style clocks may be by their first step.
#[test]
fn hybrid_clocks_are_ahead_by_no_more_than_the_physical_skew() {
    let mut ahead_at_all = 0;
    for seed in 0..5 {
        let mut net = network(HOT, seed);
        net.run_until(Time::ZERO + Nanos::from_seconds(4));
        let (mut skew, mut before) = (Nanos::ZERO, net.shown(Algorithm::Ntp, net.now()));
        while net.next_at() < Time::ZERO + Nanos::from_seconds(10) {
            let at = net.next_at();
            skew = skew.max(net.spread(Algorithm::Ntp, at));
            net.step();
            skew = skew.max(net.spread(Algorithm::Ntp, at));
            let (physical, hybrid) = (net.shown(Algorithm::Ntp, at), net.shown(Algorithm::Hlc, at));
            // Changes of rate are rounded to the nanosecond.
            let goes_on = physical.iter().zip(&before).all(|(now, before)| *now + Nanos(2) >= *before);
            assert!(goes_on, "seed {seed}: a clock was set back at {at:?}: {before:?}, {physical:?}");
            let ahead = hybrid.iter().zip(&physical).map(|(hybrid, physical)| *hybrid - *physical);
            let ahead = ahead.max().expect("nodes");
            assert!((Nanos::ZERO..=skew + Nanos(2)).contains(&ahead), "seed {seed}: {ahead} ahead, skew {skew}");
            ahead_at_all += u64::from(ahead > Nanos::ZERO);
            before = physical;
        }
    }
    assert!(ahead_at_all > 100, "{ahead_at_all}: hybrid clocks are ahead now and then");
}

/// The largest counter of a hybrid clock in a random execution of `nodes` whose physical clocks, in whole ticks, are at most
/// `eps` apart: so many events a tick and node, each a send or a receipt. Theorems (1) to (4) are asserted on the way.
fn largest_counter(seed: u64, nodes: usize, eps: i64, events: usize) -> u32 {
    let mut rng = Rng::stream(seed, Purpose::Scenario, 1);
    let skews: Vec<i64> = (0..nodes).map(|node| if node == 0 { eps } else { upto(&mut rng, eps) }).collect();
    let mut clocks: Vec<Hlc> = (0..nodes).map(|_| Hlc::new(Nanos(1_000))).collect();
    let mut heard = vec![Time::<Synced>::MIN; nodes];
    let mut flying: Vec<(usize, HlcStamp, Time<Synced>)> = Vec::new();
    let mut largest = 0;
    for tick in 0..200 {
        for turn in 0..events * nodes {
            let node = turn % nodes;
            let physical = Time::from_nanos(tick + skews[node]);
            heard[node] = heard[node].max(physical);
            let before = clocks[node].last();
            let letter = flying.iter().rposition(|(to, ..)| *to == node).filter(|_| rng.below(4) > 0);
            let given = match letter {
                Some(index) => {
                    let (_, stamp, told) = flying.swap_remove(index);
                    heard[node] = heard[node].max(told);
                    let given = clocks[node].merge(physical, stamp).expect("no stamp is that far ahead");
                    assert!(given > stamp, "seed {seed}: theorem 1, messages");
                    given
                }
                None => clocks[node].tick(physical),
            };
            assert!(given > before, "seed {seed}: theorem 1, one node");
            assert!(given.l >= physical, "seed {seed}: theorem 2");
            assert_eq!(given.l, heard[node], "seed {seed}: theorem 3");
            assert!(given.l - physical <= Nanos(eps), "seed {seed}: theorem 4");
            largest = largest.max(given.c);
            flying.push((rng.below(nodes as u64) as usize, given, heard[node]));
        }
    }
    largest
}

/// docs/theory.md §7: c < N(eps + 1) if the physical clock advances at least a tick between two events of a node; the trap is that
/// several events a tick break it, and nothing else.
#[test]
fn the_counter_of_hybrid_clocks_is_bounded_only_under_its_tick_guard() {
    let (nodes, eps) = (4, 5);
    let bound = nodes as u32 * (eps as u32 + 1);
    let guarded = (0..100).map(|seed| largest_counter(seed, nodes, eps, 1)).max().unwrap();
    assert!(guarded < bound, "{guarded} reached, the bound is {bound}");
    let crowded = (0..20).map(|seed| largest_counter(seed, nodes, eps, 20)).max().unwrap();
    assert!(crowded > bound, "{crowded}: without the guard the bound does not hold");
}
