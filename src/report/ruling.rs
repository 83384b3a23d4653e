//! In words: whether Lamport's clocks kept the bound that stamps certify, why, and what would settle it.

use super::target::reason;
use super::text::{nodes, short};
use crate::analysis::parameters::CertifiedBound;
use crate::analysis::ruling::{Grounds, Ruling};
use crate::analysis::target::{Doubt, Event};
use crate::ids::Algorithm;
use crate::time::Nanos;

/// One or two sentences, with spans in a few digits.
pub fn told(ruling: &Ruling) -> String {
    told_with(ruling, short)
}

/// The same with spans written by `span`.
pub fn told_with(ruling: &Ruling, span: fn(Nanos) -> String) -> String {
    let Grounds::Held(bound, judged) = &ruling.grounds else { return without_bound(ruling) };
    let of_bound =
        format!("the bound that stamps certify, {}, with {}", span(bound.bounds.safe), premises(bound, span));
    if let Some(event) = &judged.event {
        let (pair, low) = (event.pair, span(event.low));
        let when = when(ruling, event);
        return format!(
            "VIOLATED: the lamport clocks of nodes {} and {} were at least {low} apart {when}; {of_bound}. One of these \
             premises did not hold",
            pair.0, pair.1
        );
    }
    let clock = ruling.evidence.clock(Algorithm::Lamport);
    let high = clock.and_then(|clock| clock.high);
    match (&judged.doubt, high) {
        (None, Some(high)) => {
            format!("WITHIN: the lamport clocks were never more than {} apart; {of_bound}", span(high))
        }
        (doubt, high) => {
            let low = clock.map_or(Nanos::ZERO, |clock| clock.low);
            let high = high.map_or_else(|| "?".to_owned(), span);
            let doubt = doubt.as_ref().map_or_else(String::new, |doubt| because(ruling, bound.bounds.safe, doubt));
            format!("UNKNOWN: {doubt} Certified of the lamport clocks is eps from {} to {high}; {of_bound}", span(low))
        }
    }
}

fn without_bound(ruling: &Ruling) -> String {
    match &ruling.grounds {
        Grounds::NotRun => "UNKNOWN: not every node ran the lamport clock, which the bound is about. It would take: that \
                            clock on every node"
            .to_owned(),
        Grounds::Refuted(least, declared) => format!(
            "UNKNOWN: a premise is false: two clocks differ so much in rate that kappa is {} ppm at least, declared are {}. \
             It would take: a kappa_ppm that holds",
            least.as_ppm(),
            declared.as_ppm()
        ),
        Grounds::NoBound if !ruling.evidence.missing.is_empty() => {
            let missing = nodes(&ruling.evidence.missing);
            format!(
                "UNKNOWN: stamps certify no bound, since of nodes {missing} nothing usable is known. It would take: the \
                 journals of nodes {missing}"
            )
        }
        Grounds::NoBound | Grounds::Held(..) => "UNKNOWN: stamps certify no bound, since no xi gives premises that begin \
                                                 to hold within the run. It would take: a longer run, a shorter tau, or \
                                                 fewer losses"
            .to_owned(),
    }
}

fn premises(bound: &CertifiedBound, span: fn(Nanos) -> String) -> String {
    let premises = &bound.premises;
    format!(
        "kappa {} ppm (declared), d {}, tau {} and xi {} (by round trips), mu {} (the largest credit, taken not to exceed \
         its delay)",
        premises.kappa.as_ppm(),
        premises.diameter,
        span(premises.tau),
        span(premises.xi),
        span(premises.mu)
    )
}

/// Within one step of the grid from there.
fn when(ruling: &Ruling, event: &Event) -> String {
    format!("between {:.1} s and {:.1} s", event.at_s, event.at_s + ruling.evidence.grid.as_seconds())
}

fn because(ruling: &Ruling, bound: Nanos, doubt: &Doubt) -> String {
    let settled = settled_by(ruling, bound, doubt);
    format!("{}. It would take: {settled}.", reason(&ruling.evidence, doubt))
}

/// What would settle a doubt, by what a person can set.
fn settled_by(ruling: &Ruling, bound: Nanos, doubt: &Doubt) -> String {
    match doubt {
        Doubt::Alone => "journals of two nodes or more that exchange messages".to_owned(),
        Doubt::Contradiction(..) => "true assumptions: a larger kappa_ppm if a clock may be that far off, a smaller mu or \
                                     distance, or a run without the node that is wrong"
            .to_owned(),
        Doubt::TooShort => "a longer run".to_owned(),
        Doubt::Unbounded(..) => {
            format!("a shorter tau or fewer losses, so that every window of {} joins all nodes", ruling.evidence.window)
        }
        Doubt::Missing(missing) => format!("the journals of nodes {}", nodes(missing)),
        Doubt::RoundTrip(_, half) => format!(
            "a known least delay of every link (mu or distance, {} or more), or a faster path",
            *half - bound
        ),
        Doubt::Grid => format!(
            "a finer grid: skewbench check --target {bound} --clock lamport --grid {}",
            ruling.evidence.grid.over(4).max(Nanos::from_millis(1))
        ),
        Doubt::Between | Doubt::NotEverywhere(_) | Doubt::Disagreement(..) | Doubt::NoUtc => {
            "known least delays of the links (mu or distance), a smaller kappa_ppm that there is evidence for, or a shorter \
             tau"
                .to_owned()
        }
    }
}
