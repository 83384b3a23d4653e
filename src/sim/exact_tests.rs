use super::*;
use crate::theory::execution::{Course, Letter};

/// Settings from kappa in ppb and seconds.
fn settings(diameter: u32, kappa: i64, tau: f64, mu: f64, xi: f64) -> Settings {
    let ns = |seconds: f64| Nanos((seconds * 1e9).round() as i64);
    Settings { diameter, kappa: Ppb(kappa), tau: ns(tau), mu: ns(mu), xi: ns(xi) }
}

#[track_caller]
fn reaches(adversary: Adversary, settings: Settings, ns: i64) -> Attack {
    let attack = attack(adversary, settings).expect("premises");
    let hops = i64::from(settings.diameter);
    assert!((attack.reached.0 - ns).abs() <= 2 * hops, "{adversary} reached {:?} for {ns}: {attack:?}", attack.reached);
    assert!(attack.reached <= attack.bounds.safe, "{attack:?}");
    assert_eq!((attack.premises.tau, attack.premises.kappa), (settings.tau, settings.kappa));
    attack
}

#[test]
fn the_chain_reaches_what_the_table_says() {
    // docs/theory.md §1.1: reached, and its ratios to paper, seed and tight.
    for (d, kappa, tau, mu, xi, ns, ratios) in [
        (1, 100_000, 1.0, 1e-3, 1e-4, 300_110, [1.00037, 0.99963, 0.99967]),
        (3, 100_000, 1.0, 1e-3, 1e-4, 900_330, [1.00037, 0.99963, 0.99989]),
        (5, 100_000, 1.0, 1e-3, 1e-4, 1_500_550, [1.00037, 0.99963, 0.99993]),
        (4, 10_000_000, 1.0, 0.2, 0.05, 290_000_000, [1.0357, 0.9667, 0.9932]),
        (3, 10_000, 0.1, 0.02, 0.005, 15_006_750, [1.00005, 0.99995, 0.99999]),
        (3, 1_000_000, 1.0, 0.5, 0.0, 7_500_000, [1.25, 0.8333, 0.7895]),
    ] {
        let attack = reaches(Adversary::Chain, settings(d, kappa, tau, mu, xi), ns);
        let bounds = [attack.bounds.paper, attack.bounds.seed, attack.bounds.tight];
        for (bound, ratio) in bounds.into_iter().zip(ratios) {
            assert!((attack.reached.as_seconds() / bound.as_seconds() - ratio).abs() < 5e-5, "{attack:?}");
        }
    }
}

#[test]
fn two_sources_reach_the_tight_bound_itself() {
    // docs/theory.md §1.1.
    for (d, kappa, mu, xi, ns) in [
        (1, 10_000_000, 0.1, 0.02, 42_200_000),
        (2, 10_000_000, 0.1, 0.02, 83_400_000),
        (3, 10_000_000, 0.1, 0.02, 124_600_000),
        (2, 100_000, 1e-3, 1e-4, 600_320),
    ] {
        let attack = reaches(Adversary::TwoSource, settings(d, kappa, 1.0, mu, xi), ns);
        assert!(attack.tightness().unwrap() > 0.999_99, "{attack:?}");
    }
    // Below xi = kappa nu it does not, and the ring does.
    let small = settings(1, 10_000_000, 1.0, 0.1, 0.0);
    reaches(Adversary::TwoSource, small, 22_000_000);
    reaches(Adversary::Ring, small, 23_000_000);
}

#[test]
fn the_ring_and_mixed_credits_exceed_the_published_bound() {
    // docs/theory.md §1.1 "How far apart clocks can get".
    for (adversary, d, kappa, mu, xi, ns, seed) in [
        (Adversary::Ring, 1, 10_000_000, 1.0, 0.0, 50_000_000, 40_000_000),
        (Adversary::Ring, 1, 100_000, 0.1, 0.0, 230_000, 220_000),
        (Adversary::Ring, 3, 10_000_000, 0.5, 0.0, 95_000_000, 90_000_000),
        (Adversary::MixedMu, 1, 10_000_000, 1.0, 0.1, 151_000_000, 142_000_000),
    ] {
        let attack = reaches(adversary, settings(d, kappa, 1.0, mu, xi), ns);
        assert_eq!(attack.bounds.seed, Nanos(seed));
        assert!(attack.excess() > Nanos::ZERO, "{attack:?}");
    }
}

/// Settings whose spans stand in every relation to each other: mu from none to fifty periods, xi on either side of kappa nu.
fn many_settings() -> impl Iterator<Item = Settings> {
    let diameters = [1, 2, 5].into_iter();
    let kappas = [0, 1, 100_000, 10_000_000, 100_000_000];
    let times = [1_000, 999_999_937].map(Nanos);
    let shares = [(0, 1), (1, 1_000), (1, 3), (1, 1), (2, 1), (5, 2), (50, 1)];
    let grid = diameters.flat_map(move |diameter| kappas.map(|kappa| (diameter, kappa)));
    let grid = grid.flat_map(move |(diameter, kappa)| times.map(|tau| (diameter, kappa, tau)));
    grid.flat_map(move |(diameter, kappa, tau)| {
        let span = move |(over, under): (i64, i64)| tau.times(over).over(under);
        let pairs = shares.into_iter().flat_map(move |mu| shares.map(|xi| (span(mu), span(xi))));
        // Least xi with xi >= kappa nu, and half of that, so that both sides are met at every mu.
        let edge = move |mu: Nanos| (mu.0 as f64 * kappa as f64 / (1e9 - kappa as f64)).ceil() as i64;
        let edges = shares.map(span).into_iter().flat_map(move |mu| [(mu, Nanos(edge(mu))), (mu, Nanos(edge(mu) / 2))]);
        pairs.chain(edges).map(move |(mu, xi)| Settings { diameter, kappa: Ppb(kappa), tau, mu, xi })
    })
}

#[test]
fn the_tight_bound_is_attained_whatever_mu_and_xi_are() {
    let mut met = [0, 0];
    for settings in many_settings() {
        let premises = settings.premises();
        let side = usize::from(premises.xi_beside_kappa_nu().is_lt());
        let adversary = if side == 0 { Adversary::TwoSource } else { Adversary::Ring };
        let tight = premises.bounds().tight;
        let attack = reaches(adversary, settings, tight.0);
        assert!(attack.reached <= tight && attack.premises.bounds().tight == tight, "{settings:?}: {attack:?}");
        met[side] += 1;
    }
    assert!(met.iter().all(|met| *met > 150), "{met:?}");
}

#[test]
fn where_xi_is_kappa_nu_two_sources_and_the_ring_reach_the_same() {
    // kappa = 10 %, mu = 9 s: xi = 1 s = kappa (9 + 1).
    let settings = settings(3, 100_000_000, 1.0, 9.0, 1.0);
    assert!(settings.premises().xi_beside_kappa_nu().is_eq());
    for adversary in [Adversary::TwoSource, Adversary::Ring] {
        reaches(adversary, settings, 7_500_000_000);
    }
}

#[test]
fn credits_that_differ_allow_all_but_d_kappa_xi_of_the_safe_bound() {
    for settings in many_settings().filter(|settings| settings.diameter == 1) {
        let premises = settings.premises();
        let lost = (i128::from(settings.kappa.0) * i128::from(settings.xi.0) / 1_000_000_000) as i64;
        let attack = reaches(Adversary::MixedMu, settings, premises.bounds().safe.0 - lost);
        let over = i128::from(settings.kappa.0) * i128::from((settings.mu - settings.xi).0);
        assert!((i128::from(attack.excess().0) - over / 1_000_000_000).abs() <= 2, "by kappa (mu - xi): {attack:?}");
    }
}

#[test]
fn the_chain_is_short_of_the_tight_bound_by_kappa_mu_and_what_hops_gain() {
    for settings in many_settings() {
        let Settings { diameter, kappa, tau, mu, xi } = settings;
        let [d, kappa, tau, mu, xi] = [i64::from(diameter), kappa.0, tau.0, mu.0, xi.0].map(i128::from);
        let parts = d * (2 * kappa * tau + kappa * (mu + xi) + xi * 1_000_000_000);
        reaches(Adversary::Chain, settings, (parts / 1_000_000_000) as i64);
    }
}

#[test]
fn every_adversary_comes_close_to_the_tight_bound_by_default() {
    for adversary in Adversary::ALL {
        let attack = attack(adversary, adversary.usual()).unwrap();
        assert!(attack.tightness().unwrap() >= 0.95, "{attack:?}");
        assert!(attack.reached <= attack.bounds.safe);
        let exceeds = matches!(adversary, Adversary::Ring | Adversary::MixedMu);
        assert_eq!(attack.excess() > Nanos::ZERO, exceeds, "{attack:?}");
    }
}

#[test]
fn a_step_back_voids_the_bound_until_older_stamps_have_landed() {
    let ms = Nanos::from_millis;
    let premises = settings(1, 0, 0.1, 0.05, 0.0).premises();
    // Both clocks are set back by a second within the nanosecond after 0.5 s: a rate of −10^9.
    let back = |start| Course {
        start,
        rates: vec![
            (Nanos::ZERO, Ppb(0)),
            (ms(500), Ppb(-1_000_000_000 * 1_000_000_000)),
            (ms(500) + Nanos(1), Ppb(0)),
        ],
    };
    let mut execution =
        Execution { clocks: vec![back(Nanos::ZERO), back(Nanos::ZERO)], messages: Vec::new(), end: ms(2_000) };
    let letter = Letter { from: 0, to: 1, sent: Nanos::ZERO, delay: ms(50), credit: ms(50) };
    execution.every(ms(100), ms(480), letter);
    execution.every(ms(100), ms(30), Letter { from: 1, to: 0, ..letter });
    let spread = |execution: &Execution, from| evaluate(execution, from).spread;
    assert_eq!(premises.bounds().safe, Nanos::ZERO);
    // What was sent at 0.48 s lands at 0.53 s.
    let landed = ms(530);
    assert_eq!(spread(&Execution { end: landed, ..execution.clone() }, Nanos::ZERO), Nanos::ZERO);
    assert_eq!(spread(&execution, ms(500)), ms(1_000), "as large as the step");
    assert_eq!(spread(&execution, landed + settled(&premises)), Nanos::ZERO);
}

#[test]
fn small_times_do_not_hurt() {
    for adversary in Adversary::ALL {
        for settings in [settings(1, 0, 1e-6, 0.0, 0.0), settings(64, 100_000, 1e-3, 1e-2, 1e-2)] {
            let attack = attack(adversary, settings).expect("premises");
            assert!(attack.reached <= attack.bounds.safe, "{attack:?}");
        }
    }
}

/// How fast clocks without drift run away, in ppb, when `nodes` of them send to each other in turn: `stagger` is how much
/// later each begins, `delay` and `credit` are of a message from one to another.
fn runaway(
    nodes: usize,
    tau: Nanos,
    stagger: Nanos,
    delay: impl Fn(usize, usize) -> Nanos,
    credit: impl Fn(usize, usize) -> Nanos,
) -> (i64, Nanos) {
    let mut execution = driftless(nodes, tau.times(200));
    for round in 0..200 {
        for (from, to) in (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))).filter(|(a, b)| a != b) {
            let sent = tau.times(round) + stagger.times(from as i64);
            let (delay, credit) = (delay(from, to), credit(from, to));
            execution.messages.push(Letter { from, to, sent, delay, credit });
        }
    }
    gain(&execution)
}

fn driftless(nodes: usize, end: Nanos) -> Execution {
    Execution { clocks: vec![Course::steady(Nanos::ZERO, Ppb(0)); nodes], messages: Vec::new(), end }
}

/// How fast the clocks of an execution run away, in ppb, and their largest spread in its second half.
fn gain(execution: &Execution) -> (i64, Nanos) {
    let outcome = evaluate(execution, execution.end.over(2));
    let gained = outcome.readings.iter().max().unwrap().0 - execution.end.0;
    ((gained as f64 * 1e9 / execution.end.0 as f64).round() as i64, outcome.spread)
}

#[test]
fn credits_above_delays_make_clocks_run_away_as_theory_says() {
    let (second, us) = (Nanos::from_seconds(1), Nanos::from_micros);
    let too_much = |nodes: usize, stagger: Nanos| runaway(nodes, second, stagger, |_, _| us(1_000), |_, _| us(1_010)).0;
    let near = |ppb: i64, ppm: i64| assert!((ppb - ppm * 1_000).abs() <= ppm * 20, "{ppb} for {ppm} ppm");
    near(too_much(2, second.over(2)), 20);
    near(too_much(3, second.over(3)), 30);
    near(too_much(5, second.over(5)), 50);
    near(too_much(4, Nanos::ZERO), 10);
    // Half of the least round trip: both ask in turn, and exchanges take 1 ms from 0 to 1 and 3 ms back, then 3 and 1.
    let mut execution = driftless(2, second.times(200));
    for round in 0..400 {
        let (from, to, sent) = (round as usize % 2, 1 - round as usize % 2, second.over(2).times(round));
        let request = Letter { from, to, sent, delay: us(1_000), credit: us(2_000) };
        let reply = Letter { from: to, to: from, sent: sent + us(1_000), delay: us(3_000), credit: us(2_000) };
        execution.messages.extend([request, reply]);
    }
    near(gain(&execution).0, 2_000);
}

#[test]
fn only_a_curl_of_the_asymmetry_runs_away() {
    let (second, us) = (Nanos::from_seconds(1), Nanos::from_micros);
    let clockwise = |from: usize, to: usize| if (from + 1) % 3 == to { us(800) } else { us(1_200) };
    let rate = |stagger| runaway(3, second, stagger, clockwise, |_, _| us(1_000)).0;
    assert!((rate(second.over(3)) - 600_000).abs() < 12_000, "{}", rate(second.over(3)));
    assert!((rate(Nanos::ZERO) - 200_000).abs() < 4_000, "{}", rate(Nanos::ZERO));
    // The same size of asymmetry from potentials p = (0, 100, 300) us: no runaway, a steady spread of 300 us.
    let p = [0, 100, 300];
    let potential = |from: usize, to: usize| us(1_000 + p[from] - p[to]);
    let (rate, spread) = runaway(3, second, second.over(3), potential, |_, _| us(1_000));
    assert!(rate <= 1_500, "{rate}");
    assert_eq!(spread, us(300));
}
