//! What an adversary came to: a row for programs, and words for people.

use std::cmp::Ordering;

use super::text::{line, short, wrapped};
use crate::theory::Attack;
use crate::theory::adversary::Adversary;
use crate::time::Nanos;

/// The row with its header, as a file.
pub fn csv(attack: &Attack) -> String {
    let Attack { adversary, nodes, premises, bounds, reached, at } = attack;
    let numbers = [
        i64::from(*nodes),
        i64::from(premises.diameter),
        premises.kappa.0,
        premises.tau.0,
        premises.mu.0,
        premises.xi.0,
        reached.0,
        at.0,
        bounds.seed.0,
        bounds.safe.0,
        bounds.tight.0,
        bounds.paper.0,
    ];
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let tightness = attack.tightness().map_or_else(String::new, |share| format!("{share:.6}"));
    let excess = attack.excess().max(Nanos::ZERO).0;
    format!(
        "adversary,nodes,diameter,kappa_ppb,tau_ns,mu_ns,xi_ns,eps_reached_ns,at_ns,bound_seed_ns,bound_safe_ns,bound_tight_ns,\
         bound_paper_ns,tightness,seed_exceeded_by_ns,verdict\n{adversary},{},{tightness},{excess},{}\n",
        numbers.join(","),
        verdict(attack)
    )
}

/// Whether the safe bound held.
pub fn verdict(attack: &Attack) -> &'static str {
    if attack.reached <= attack.bounds.safe { "WITHIN" } else { "VIOLATED" }
}

/// The report that people read.
pub fn text(attack: &Attack) -> String {
    let Attack { adversary, nodes, premises, bounds, reached, at } = attack;
    let mut text = wrapped("attack   ", &format!("{adversary}: {}", adversary.story()));
    let given = format!(
        "{nodes} nodes, kappa {} ppm, d {}, tau {}, mu {}, xi {}, nu {}; nothing in flight at the start",
        premises.kappa.as_ppm(),
        premises.diameter,
        premises.tau,
        premises.mu,
        premises.xi,
        premises.nu()
    );
    text += &wrapped("premises ", &given);
    text += &wrapped("reached  ", &format!("{} ns of eps, {:.6} s after the start\n", reached.0, at.as_seconds()));
    text += &line(&[("bound", -6), ("ns", 14), ("reached / bound", 16), ("formula", 10)]);
    for (name, bound, formula) in [
        ("seed", bounds.seed, "d(2k(tau+nu)+xi), as published"),
        ("safe", bounds.safe, "d(2k(tau+nu)+xi) + k*mu"),
        ("tight", bounds.tight, "2kd(tau+nu) + k*mu + d*max(0, xi-k*nu), for equal credits"),
        ("paper", bounds.paper, "d(2k*tau+xi), an approximation"),
    ] {
        let share = reached.0 as f64 / bound.0.max(1) as f64;
        text +=
            &line(&[(name, -6), (&bound.0.to_string(), 14), (&format!("{share:.6}"), 16), ("   ", 3), (formula, -1)]);
    }
    text += &wrapped("verdict  ", verdict(attack));
    text + &wrapped("", &sentence(attack))
}

/// What it shows, in a few sentences.
pub fn sentence(attack: &Attack) -> String {
    format!("{} {}", published(attack), nearness(attack))
}

/// Whether the published bound holds, here and of every execution with these premises (docs/theory.md §1.1).
fn published(attack: &Attack) -> String {
    let Attack { bounds, premises, .. } = attack;
    if attack.excess() > Nanos::ZERO {
        let over = short(attack.excess());
        return format!(
            "This execution is a counterexample: it exceeds the published bound by {over}, since a message in flight may lift \
             a clock by up to kappa*mu more than the published proof considers."
        );
    }
    let others = if bounds.tight > bounds.seed {
        "others with the same premises exceed it, since d*xi < kappa*mu: see ring"
    } else if premises.mu > premises.xi.times(i64::from(premises.diameter)) {
        "it holds of all with these premises and equal credits; where credits differ it is not proved, since d*xi < mu: with d = 1 mixed-mu exceeds it"
    } else {
        "and it does of all with these premises, since d*xi >= mu"
    };
    format!("The published bound holds of this execution; {others}.")
}

/// How near it comes to what can be attained, and what it lacks.
fn nearness(attack: &Attack) -> String {
    if attack.adversary == Adversary::MixedMu {
        return "The safe bound holds; the tight one is for equal credits only. Where credits differ, no execution comes closer \
                to the safe bound than this one does, d*kappa*xi below it."
            .to_owned();
    }
    let share = attack.tightness().map_or_else(|| "no part".to_owned(), |share| format!("{:.2} %", share * 1e2));
    let lacks = match (attack.adversary, attack.premises.xi_beside_kappa_nu()) {
        (Adversary::Chain, Ordering::Less) => {
            " It falls short since no message in flight lifts its fastest clock, and because xi < kappa*nu: hops gain on slow \
             clocks. The ring attains the tight bound there."
        }
        (Adversary::Chain, _) => {
            " It falls short by kappa*mu, since no message in flight lifts its fastest clock; two-source has one that does."
        }
        (Adversary::TwoSource, Ordering::Less) => {
            " It falls short because xi < kappa*nu: hops gain on slow clocks. The ring attains the tight bound there."
        }
        _ => "",
    };
    format!("It reaches {share} of the tight bound, which no execution with equal credits exceeds.{lacks}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::Premises;
    use crate::time::Ppb;

    fn attack(adversary: Adversary, reached: i64) -> Attack {
        let (tau, mu) = (Nanos::from_seconds(1), Nanos::from_seconds(1));
        let premises = Premises { kappa: Ppb(10_000_000), diameter: 1, tau, mu, xi: Nanos::ZERO };
        Attack { adversary, nodes: 2, premises, bounds: premises.bounds(), reached: Nanos(reached), at: tau }
    }

    #[test]
    fn a_counterexample_is_said_to_be_one() {
        let exceeds = attack(Adversary::Ring, 50_000_000);
        assert!(sentence(&exceeds).contains("counterexample: it exceeds the published bound by 10.0ms"));
        assert!(text(&exceeds).contains("WITHIN") && text(&exceeds).contains("50000000 ns"));
        let row = csv(&exceeds);
        assert!(
            row.ends_with(",50000000,1000000000,40000000,50000000,50000000,20000000,1.000000,10000000,WITHIN\n"),
            "{row}"
        );
        let [header, row] = row.lines().collect::<Vec<_>>()[..] else { panic!("two lines") };
        assert_eq!(header.split(',').count(), row.split(',').count());
    }

    #[test]
    fn what_falls_short_says_why_and_what_holds_of_others() {
        let chain = sentence(&attack(Adversary::Chain, 40_000_000));
        assert!(chain.contains("80.00 % of the tight bound") && chain.contains("because xi < kappa*nu"), "{chain}");
        assert!(chain.contains("others with the same premises exceed it, since d*xi < kappa*mu"), "{chain}");
        let with = |adversary, mu: i64, xi: i64| {
            let premises = Premises { mu: Nanos(mu), xi: Nanos(xi), ..attack(adversary, 0).premises };
            let bounds = premises.bounds();
            sentence(&Attack { premises, bounds, reached: bounds.seed, ..attack(adversary, 0) })
        };
        let differing = with(Adversary::Chain, 1_000_000, 500_000);
        assert!(differing.contains("falls short by kappa*mu"), "{differing}");
        assert!(differing.contains("where credits differ it is not proved, since d*xi < mu"), "{differing}");
        let attained = with(Adversary::TwoSource, 1_000_000, 1_000_000);
        assert!(attained.contains("it does of all with these premises") && !attained.contains("short"), "{attained}");
        assert!(with(Adversary::TwoSource, 1_000_000, 0).contains("because xi < kappa*nu"));
        assert!(with(Adversary::MixedMu, 1, 1_000_000).contains("d*kappa*xi below it"));
    }
}
