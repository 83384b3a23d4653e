//! Laws of Lamport's and hybrid clocks on random executions, message by message. A failing execution is named by its seed.

use skewbench::causal::{Hlc, HlcStamp};
use skewbench::model::{Jitter, Purpose, Rng};
use skewbench::sim::exact::evaluate;
use skewbench::theory::Execution;
use skewbench::theory::execution::{Course, Letter, settled};
use skewbench::time::{Nanos, Ppb, Synced, Time};

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

/// theory §1.3: eps <= B_safe from d(tau + nu) on, wherever the clocks started: so this is also the law of convergence.
#[test]
fn the_spread_never_exceeds_the_safe_bound_once_settled() {
    let (mut judged, mut lifts, mut best) = (0_u64, 0, 0.0_f64);
    for seed in 0..executions() {
        let execution = draw(seed);
        let Some(premises) = execution.premises() else { continue };
        let outcome = evaluate(&execution, settled(&premises));
        let safe = premises.bounds().safe;
        assert!(outcome.spread <= safe, "seed {seed}: {:?} at {:?} with {premises:?}", outcome.spread, outcome.at);
        (judged, lifts) = (judged + 1, lifts + outcome.lifts);
        best = best.max(outcome.spread.0 as f64 / safe.0.max(1) as f64);
    }
    assert!(judged * 2 > executions(), "only {judged} executions have premises that begin to hold in time");
    assert!(lifts > 5 * judged && best > 0.5, "{lifts} lifts, nearest {best:.3}: the executions show something");
}

/// theory §1.4: one clock far ahead drags everybody along within d(tau + nu), for ever.
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

/// theory §3.5: the tempting cure, to take the (f+1)-th largest of what was heard, own reading included, and never go back.
/// Nobody then follows f honest clocks that are the fastest: a negative control, never a synchroniser.
fn skew_of_the_rank(f: usize, kappa: f64, seconds: u32) -> f64 {
    let mut clocks = [0.0_f64; 4];
    for _ in 0..seconds {
        for (node, clock) in clocks.iter_mut().enumerate() {
            *clock += if node == 0 { 1.0 + kappa } else { 1.0 - kappa };
        }
        let mut heard = clocks;
        heard.sort_by(|a, b| b.total_cmp(a));
        clocks.iter_mut().for_each(|clock| *clock = clock.max(heard[f]));
    }
    let most = clocks.iter().copied().fold(f64::MIN, f64::max);
    most - clocks.iter().copied().fold(f64::MAX, f64::min)
}

#[test]
fn the_second_largest_reading_tolerates_a_fault_and_gives_no_agreement() {
    assert!((skew_of_the_rank(1, 1e-3, 1_000) - 2.0).abs() < 1e-6, "2.0 s after 1000 s");
    assert!((skew_of_the_rank(1, 1e-3, 4_000) - 8.0).abs() < 1e-6, "and it grows for ever");
    assert!(skew_of_the_rank(0, 1e-3, 4_000) < 1e-9, "Lamport's rule agrees");
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

/// theory §3.6: c < N(eps + 1) if the physical clock advances at least a tick between two events of a node; the trap is that
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
