//! The table that people read: facts first, then what was measured, then the limits, and last one sentence.

use super::cost::sentences;
use super::loops;
use super::played;
use super::ruling;
use super::text::{event_size, event_subject, line, nodes, plural, short, thousands, verdict_of, wrapped};
use crate::analysis::Summary;
use crate::analysis::arcs::ArcRow;
use crate::analysis::audit::ClaimRow;
use crate::analysis::certificate::Certified;
use crate::analysis::events::Event;
use crate::analysis::optimum::Limit;
use crate::analysis::ordering::OrderRow;
use crate::analysis::parameters::CertifiedBound;
use crate::analysis::summary::Row;
use crate::ids::{Algorithm, NodeId};
use crate::order::report::StampSource;
use crate::time::Nanos;

/// More arcs than this are summed up by the worst of them.
const MOST_ARCS: usize = 12;
/// More events than this are in the CSV only.
const MOST_EVENTS: usize = 12;

/// The whole report, with a line break at its end.
pub fn report(summary: &Summary) -> String {
    let parts = [
        facts(summary),
        clocks(summary),
        bounds(summary),
        without_truth(summary),
        arcs(summary),
        ordering(summary),
        played::lines(summary),
        claims(summary),
        events(summary),
        wrapped("loops    ", &format!("asymmetry of delays: {}", loops::sentence(&summary.loops, short))),
        notes(summary),
    ];
    let mut text = String::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        text.push_str(&part);
        text.push('\n');
    }
    text + &wrapped("", &sentence(summary))
}

/// What hosts say of their own clocks, a line each.
fn claims(summary: &Summary) -> String {
    let told = |row: &ClaimRow| {
        let (source, share) = (row.source.name(), row.synchronised_share * 1e2);
        let bound = row.error_bound.map_or_else(|| "nothing".to_owned(), |(_, most)| format!("within {}", short(most)));
        let said =
            format!("node {}, {source}: {bound}, synchronised {share:.0}% of {} readings", row.node, row.readings);
        wrapped("claim    ", &format!("{said}, {}", verdict_of(row)))
    };
    summary.claims.iter().take(MOST_ARCS).map(told).collect()
}

/// What happened, a line each.
fn events(summary: &Summary) -> String {
    let told = |event: &Event| {
        let seen =
            if event.seen_by.is_empty() { String::new() } else { format!(", seen by {}", nodes(&event.seen_by)) };
        let (kind, whose, size) = (event.kind.name(), event_subject(event), event_size(event));
        wrapped(
            "event    ",
            &format!("{kind} of {whose} at {:.3}s for {:.3}s, {size}{seen}", event.at_s, event.duration_s),
        )
    };
    let mut text: String = summary.events.iter().take(MOST_EVENTS).map(told).collect();
    if let Some(more) = summary.events.len().checked_sub(MOST_EVENTS).filter(|more| *more > 0) {
        text += &wrapped("event    ", &format!("{more} more are in events.csv"));
    }
    text
}

/// What the run comes to, in one sentence.
pub fn sentence(summary: &Summary) -> String {
    sentence_with(summary, short)
}

/// The same with spans written by `span`.
pub fn sentence_with(summary: &Summary, span: fn(Nanos) -> String) -> String {
    let certified = summary.decided_by_proof().and_then(|proved| proved.of(Algorithm::Lamport)?.eps_high);
    let stayed = match (summary.eps(Algorithm::Lamport), certified) {
        (Some(eps), _) => format!("These clocks stayed within {}", span(eps)),
        (None, Some(high)) => format!("These clocks stayed within {} (certified)", span(high)),
        (None, None) => "How far apart these clocks were is unknown".to_owned(),
    };
    let promise = match (&summary.promise, summary.decided_by_proof().and(summary.certified_bound.as_ref())) {
        (Some(promise), _) => format!("the bound promises {}", span(promise.bounds.safe)),
        (None, Some(bound)) => format!("the bound promises {} (certified)", span(bound.bounds.safe)),
        (None, None) => "no bound can be promised".to_owned(),
    };
    let order = carried(summary).map_or_else(String::new, |order| format!(", {order}"));
    format!("{stayed}, {promise}{order}.")
}

/// By the clocks of the sentence, if they ordered, else by the first source that did. Rate and latency are of the same
/// load: the open loop at half of saturation.
fn carried(summary: &Summary) -> Option<String> {
    let of = |source: StampSource| summary.ordering.iter().filter(move |row| row.phase.source == source);
    let source = [StampSource::Lamport].into_iter().chain(StampSource::ORDERING).find(|s| of(*s).next().is_some())?;
    let row = of(source).find(|row| row.latency.is_some()).or_else(|| of(source).next())?;
    let p99 = row.latency.map_or_else(String::new, |latency| format!(" at {:.2} ms p99", latency[1] as f64 / 1e6));
    Some(format!("ordering by {} carries {} commands a second{p99}", source.name(), thousands(row.commands_per_s)))
}

fn facts(summary: &Summary) -> String {
    let facts = &summary.facts;
    let seed = facts.seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
    let diameter = facts.diameter.map_or_else(|| "unknown".to_owned(), |d| d.to_string());
    let span = |span: Option<Nanos>| span.map_or_else(|| "unknown".to_owned(), short);
    let [user, kernel, hardware] = summary.exchanges();
    let mut text = wrapped("run      ", &format!("{}, seed {seed}, commit {}", facts.run_id, facts.git_commit));
    let pairs = facts.probe_pairs.map_or_else(String::new, |gap| format!(" in pairs {gap} apart"));
    let mesh = format!(
        "{} of {} nodes, {}, diameter {diameter}, tau {}{pairs}, reference node {}",
        facts.agents, facts.nodes, facts.topology, facts.tau, facts.reference
    );
    text += &wrapped("mesh     ", &mesh);
    let crowded = if facts.crowded_hosts > 0 { ": fewer cores than agents, which disturbs timing" } else { "" };
    let system = if facts.kernel.is_empty() { String::new() } else { format!(", {}", facts.kernel) };
    let hosts = format!("{} with at least {} cores{system}{crowded}", plural(facts.hosts, "host"), facts.cores);
    let hosts = if facts.cores == 0 { "none: simulated in virtual time".to_owned() } else { hosts };
    text += &wrapped("hosts    ", &hosts);
    text +=
        &wrapped("stamps   ", &format!("exchanges by worst stamp: {kernel} kernel, {hardware} hardware, {user} user"));
    text += &wrapped("span     ", &format!("{}, of which warm-up {}", span(summary.duration), span(summary.warm_up)));
    text
}

fn clocks(summary: &Summary) -> String {
    let names = summary.rows.iter().map(|row| row.algorithm.name().len() as i32);
    let width = -names.max().unwrap_or(0).max(8);
    let mut text = line(&[
        ("clock", width),
        ("eps p50", 10),
        ("eps p99", 10),
        ("eps max", 10),
        ("worst", 8),
        ("at", 9),
        ("bias", 10),
        ("converged", 10),
        ("steps", 6),
        ("claim", 9),
        ("held", 8),
    ]);
    summary.rows.iter().for_each(|row| text += &clock(row, width));
    text
}

/// A row whose first column has this width.
fn clock(row: &Row, width: i32) -> String {
    let name = row.algorithm.name();
    let Some(skew) = &row.skew else {
        return line(&[(name, width), ("unknown", 10)]);
    };
    let seconds = |seconds: f64| format!("{seconds:.3}s");
    let pair = format!("{}-{}", skew.worst_pair.0, skew.worst_pair.1);
    line(&[
        (name, width),
        (&short(skew.p50), 10),
        (&short(skew.p99), 10),
        (&short(skew.max), 10),
        (&pair, 8),
        (&seconds(skew.worst_at_s), 9),
        (&short(skew.bias), 10),
        (&seconds(skew.convergence_s), 10),
        (&row.steps.map_or_else(|| "-".to_owned(), |steps| steps.to_string()), 6),
        (&row.claim.map_or_else(|| "-".to_owned(), short), 9),
        (&row.coverage.map_or_else(|| "-".to_owned(), |share| format!("{:.2}%", share * 1e2)), 8),
    ])
}

fn bounds(summary: &Summary) -> String {
    let verdict = wrapped("verdict  ", summary.verdict.name());
    let Some(promise) = &summary.promise else { return proved(summary) + &verdict };
    let (premises, bounds) = (&promise.premises, &promise.bounds);
    let tightness = promise.tightness.map_or_else(|| "unknown".to_owned(), |share| format!("{share:.3}"));
    let ceiling = promise.tau_ceiling.map_or_else(|| "unknown".to_owned(), |ceiling| ceiling.to_string());
    let smallest = promise.smallest_delay.map_or_else(|| "unknown".to_owned(), short);
    let mut text = wrapped(
        "bound    ",
        &format!(
            "safe {} (seed {}, tight {}, paper {}); measured/tight {tightness}; dominated by {}",
            short(bounds.safe),
            short(bounds.seed),
            short(bounds.tight),
            short(bounds.paper),
            premises.dominant().name()
        ),
    );
    let given = format!(
        "kappa {} ppm, d {}, tau {}, mu {}, xi {}, nu {}",
        premises.kappa.as_ppm(),
        premises.diameter,
        short(premises.tau),
        short(premises.mu),
        short(premises.xi),
        short(premises.nu())
    );
    text += &wrapped("premises ", &given);
    text += &wrapped("tau max  ", &format!("{ceiling} (with the smallest observed delay, {smallest})"));
    text += &optimum(summary);
    text += &proved(summary);
    text + &verdict
}

/// The bounds that stamps alone give, with the raw and with the residual kappa.
fn without_truth(summary: &Summary) -> String {
    let told = |bound: &CertifiedBound| {
        let premises = &bound.premises;
        format!(
            "{} with kappa {} ppm, tau {}, mu {}, xi {}",
            short(bound.bounds.safe),
            premises.kappa.as_ppm(),
            short(premises.tau),
            short(premises.mu),
            short(premises.xi)
        )
    };
    let none = "none: no xi gives premises that stamps prove within the run";
    let raw = summary.certified_bound.as_ref().map_or_else(|| none.to_owned(), told);
    if summary.parameters.is_empty() {
        return String::new();
    }
    let text = wrapped("no truth ", &format!("bound from stamps alone: safe {raw}; all numbers are in parameters.csv"));
    let residual = summary.residual_bound.as_ref().map(told);
    let residual = residual.map_or_else(String::new, |residual| {
        let text = format!("{residual}: estimated, for frequency-corrected clocks, which this run did not run");
        wrapped("residual ", &text)
    });
    text + &residual
}

/// What is proved of each clock without a common one, and what contradicts the assumptions.
fn proved(summary: &Summary) -> String {
    let Some(proved) = &summary.proved else { return String::new() };
    let told = |certified: &Certified| {
        let high = certified.eps_high.map_or_else(|| "?".to_owned(), short);
        format!("{} {}..{high}", certified.algorithm, short(certified.eps_low))
    };
    let all: Vec<String> = proved.certificate.algorithms.iter().map(told).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut text = wrapped("proved   ", &format!("eps without a common clock: {}", all.join(", ")));
    text += &wrapped("         ", &format!("by stamps alone {}", ruling::told(&proved.ruling)));
    for contradiction in &proved.certificate.contradictions {
        text += &wrapped("contra   ", &contradiction.to_string());
    }
    text
}

fn optimum(summary: &Summary) -> String {
    let words = |limit| match limit {
        Limit::CompleteGraph => "u(1-1/n)",
        Limit::HalfDiameter => "diam_u/2",
        Limit::Execution => "this execution",
    };
    let told: Vec<String> =
        summary.optimum.limits().map(|(limit, least)| format!("{} {}", words(limit), short(least))).collect();
    if told.is_empty() {
        return String::new();
    }
    wrapped("limits   ", &format!("{} (what the best algorithm could promise, without drift)", told.join(", ")))
}

fn arcs(summary: &Summary) -> String {
    if summary.arcs.is_empty() {
        return String::new();
    }
    let mut text = line(&[
        ("arc", -8),
        ("sent", 8),
        ("lost", 6),
        ("late", 6),
        ("delay p50", 10),
        ("delay max", 10),
        ("tau_eff", 10),
        ("mu", 9),
        ("error p99", 10),
        ("send late", 10),
        ("missed", 7),
    ]);
    let mut worst: Vec<&ArcRow> = summary.arcs.iter().collect();
    worst.sort_by_key(|row| (std::cmp::Reverse(row.tau_eff), row.arc));
    worst.truncate(MOST_ARCS);
    worst.sort_by_key(|row| row.arc);
    worst.iter().for_each(|row| text += &arc(row));
    if summary.arcs.len() > MOST_ARCS {
        text += &format!("({} more arcs, with a shorter tau_eff, are in arcs.csv)\n", summary.arcs.len() - MOST_ARCS);
    }
    text
}

fn arc(row: &ArcRow) -> String {
    let unknown = || "-".to_owned();
    let ns = |ns: Option<i64>| ns.map_or_else(unknown, |ns| short(Nanos(ns)));
    let error = row.twice_error_wire.or(row.twice_error_user).map(|twice| twice.p99 / 2);
    let mark = if row.twice_error_wire.is_none() && error.is_some() { "u" } else { "" };
    line(&[
        (&row.arc.to_string(), -8),
        (&row.sent.to_string(), 8),
        (&row.sent.saturating_sub(row.received).to_string(), 6),
        (&row.late.map_or_else(unknown, |late| late.to_string()), 6),
        (&ns(row.delay.map(|delay| delay.p50)), 10),
        (&ns(row.delay.map(|delay| delay.max)), 10),
        (&ns(row.tau_eff.map(|tau| tau.0)), 10),
        (&short(row.mu), 9),
        (&(ns(error) + mark), 10),
        (&ns(row.lateness.map(|lateness| lateness.p99)), 10),
        (&row.slots_missed.to_string(), 7),
    ])
}

fn ordering(summary: &Summary) -> String {
    if summary.ordering.is_empty() {
        return String::new();
    }
    let mut text = line(&[
        ("ordering by", -16),
        ("load", -10),
        ("commands/s", 11),
        ("of floor", 9),
        ("p50", 9),
        ("p99", 9),
        ("cpu", 9),
        ("inverted", 9),
        ("agree", 6),
    ]);
    summary.ordering.iter().for_each(|row| text += &order(row));
    sentences(summary, short).iter().for_each(|told| text += &wrapped("price    ", told));
    text
}

fn order(row: &OrderRow) -> String {
    let unknown = || "-".to_owned();
    let latency = |index: usize| row.latency.map_or_else(unknown, |found| short(Nanos(found[index] as i64)));
    let floor = row.floor_commands_per_s.filter(|floor| *floor > 0.0).map(|floor| row.commands_per_s / floor);
    let rate = row.inversions.and_then(|(_, rate)| rate);
    line(&[
        (row.phase.source.name(), -16),
        (row.phase.load.name(), -10),
        (&thousands(row.commands_per_s), 11),
        (&floor.map_or_else(unknown, |share| format!("{share:.2}")), 9),
        (&latency(0), 9),
        (&latency(1), 9),
        (&row.cpu_ns_per_command.map_or_else(unknown, |ns| short(Nanos(ns as i64))), 9),
        (&rate.map_or_else(unknown, |rate| format!("{:.3}%", rate * 1e2)), 9),
        (if row.agree { "yes" } else { "NO" }, 6),
    ])
}

fn notes(summary: &Summary) -> String {
    let mut text = String::new();
    summary.notes.iter().for_each(|note| text += &wrapped("note     ", note));
    for (node, counters) in &summary.counters {
        text += &counted(*node, counters);
    }
    text + &wrapped("limits   ", &limits(summary))
}

fn limits(summary: &Summary) -> String {
    let truth = match summary.warm_up {
        Some(_) => "eps is exact: every local clock is a declared function of one host clock",
        None => "without a common clock eps is certified between limits, and delays are not known",
    };
    format!(
        "{truth}; eps and bounds hold for the window only; delays are between user-space readings, offset errors use \
         kernel stamps (u: user space); tau max knows only the channels that were probed"
    )
}

fn counted(node: NodeId, counters: &std::collections::BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counters.iter().take(30).map(|(name, count)| format!("{name} {count}")).collect();
    if counts.is_empty() { String::new() } else { wrapped("counted  ", &format!("node {node}: {}", counts.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::super::text::WIDTH;
    use super::*;
    use crate::analysis::summarise;
    use crate::analysis::testing::{MS, end, mesh};

    fn summary() -> Summary {
        let mut runs = mesh(&[0, 30_000, -20_000]);
        runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
        summarise("run-1", &runs)
    }

    #[test]
    fn it_ends_with_the_one_sentence() {
        let text = report(&summary());
        let last: Vec<&str> = text.lines().rev().take(1).collect();
        assert!(last[0].ends_with('.') && text.contains("verdict  WITHIN\n"), "{last:?}");
        assert!(sentence(&summary()).starts_with("These clocks stayed within 50.0us, the bound promises 160.0us"));
        assert!(text.starts_with("run      run-1, seed 7, commit abc\n"), "{text}");
    }

    #[test]
    fn no_line_is_too_long_whatever_is_known() {
        for summary in [summary(), Summary::default()] {
            let text = report(&summary);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        }
        assert!(sentence(&Summary::default()).contains("is unknown, no bound can be promised"));
    }
}
