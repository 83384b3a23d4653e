//! Journals in, one [`Summary`] out.

use std::collections::BTreeMap;

use super::arcs::{self, ArcRow, Context};
use super::audit;
use super::clocks::{Clocks, ran};
use super::envelope::sweep;
use super::events::{self, MOST_EVENTS, Watched};
use super::facts;
use super::horizon::{Horizon, LocalSpan, alive, cuts, own_spans};
use super::lies;
use super::optimum::Optimum;
use super::ordering::{self, OrderRow, Reports};
use super::parameters;
use super::premise;
use super::reading::Readings;
use super::replicas;
use super::run::{AgentRun, Span, choose};
use super::shared;
use super::summary::{Promise, Row, Summary, Verdict};
use super::system;
use super::timely::{Given, choose as choose_premises};
use super::traffic::{Collector, Traffic};
use super::truth::Truth;
use crate::ids::{Algorithm, Arc, NodeId};
use crate::journal::{Note, RunConfig};
use crate::node::Counter;
use crate::theory::Premises;
use crate::time::{Local, Nanos, Ppb, Time};
use crate::trial::{Bearings, Played};

/// Most workloads of a run that are told of.
const MAX_PLAYED: usize = 256;

/// The part of the warm-up that does not depend on the premises: 3 s, or a third of a shorter run.
pub(super) fn settling(run: Nanos) -> Nanos {
    Nanos::from_seconds(3).min(run.over(3))
}

/// Recomputes every result of a run from its journals, one for each (node, boot). The same journals in any order give the
/// same summary.
pub fn summarise(run_id: &str, runs: &[AgentRun]) -> Summary {
    let (spans, notes) = choose(runs);
    let Some(config) = shared::config(&spans) else {
        return Summary { notes: vec!["no journal was given".to_owned()], ..Summary::default() };
    };
    let facts = facts::of(run_id, &config, &spans);
    let counters = spans.iter().map(|(node, span)| (*node, span.run.counters())).collect();
    let claims = audit::rows(&spans);
    let mut summary = Summary { facts, counters, notes, claims, ..Summary::default() };
    summary.played = played(runs, &spans, config.nodes, &Bearings::default());
    summary.notes.extend(replicas::not_ordered(&spans));
    summary.notes.extend(audit::shared(&summary.claims, summary.facts.hosts, summary.facts.agents));
    summary.notes.extend(premise::missing(&config, &spans));
    summary.notes.extend(shared::disagreements(&config, &spans));
    let measured = parameters::measure(&config, &spans);
    summary.notes.extend(measured.notes);
    (summary.parameters, summary.certified_bound) = (measured.parameters, measured.certified);
    summary.residual_bound = measured.residual;
    summary.notes.extend(shared::partly_run(&spans));
    let run = Run { config: &config, spans: &spans };
    match Truth::rebuild(&spans).and_then(|truth| Some((Horizon::of(&spans, &truth)?, truth))) {
        Some((horizon, truth)) => run.with_truth(&horizon, &truth, &mut summary),
        None => run.without_truth(&mut summary),
    }
    summary
}

/// What all boots say that workloads came to, by node and boot: of too many the first ones; and what traces of hosts of their
/// own show, by what is certified of their clocks.
pub(super) fn played(
    runs: &[AgentRun],
    spans: &BTreeMap<NodeId, Span<'_>>,
    nodes: u32,
    bearings: &Bearings,
) -> Vec<Played> {
    let mut found = told(runs);
    found.extend(replicas::played(spans, nodes, bearings));
    found
}

fn told(runs: &[AgentRun]) -> Vec<Played> {
    let mut runs: Vec<&AgentRun> = runs.iter().collect();
    runs.sort_by_key(|run| (run.header.node, run.header.boot));
    let played = |note: &Note| if let Note::Played(played) = note { Some((**played).clone()) } else { None };
    runs.iter().flat_map(|run| run.notes()).filter_map(played).take(MAX_PLAYED).collect()
}

struct Run<'a, 'b> {
    config: &'b RunConfig,
    spans: &'b BTreeMap<NodeId, Span<'a>>,
}

impl<'a> Run<'a, '_> {
    fn without_truth(&self, summary: &mut Summary) {
        summary.notes.push(
            "true time is unknown, and with it eps: the verdict stands on what stamps alone prove; only the agents of a \
             lab, on one host, declare their oscillators, and none may claim to cover far more time than its entries \
             account for"
                .to_owned(),
        );
        summary.notes.extend(shared::kernels(self.spans));
        summary.notes.extend(system::set(self.spans));
        summary.notes.extend(cuts(self.spans, None));
        summary.notes.extend(self.broken_rules());
        let within = own_spans(self.spans);
        let length = |span: &LocalSpan| *span.end() - *span.start();
        let duration = within.values().map(length).min().unwrap_or(Nanos::ZERO).max(Nanos::ZERO);
        summary.duration = Some(duration);
        let first = within.values().map(|span| *span.start()).min();
        self.events(summary, &|_, at| first.map(|first| (at - first).as_seconds()));
        let traffic = self.traffic(&within, &alive(self.spans), None);
        let context = Context { truth: None, premises: None, run: duration, tau: self.config.tau };
        summary.arcs = self.arcs(&traffic, &context);
        let mut rows = ran(self.spans).0;
        rows.push(Algorithm::System);
        rows.sort_unstable();
        summary.rows = rows.into_iter().map(Row::unknown).collect();
        summary.ordering = self.ordering(|_| None);
    }

    fn with_truth(&self, horizon: &Horizon, truth: &Truth, summary: &mut Summary) {
        let run = horizon.length();
        let within = horizon.on_clocks(self.spans, truth);
        let traffic = self.traffic(&within, &BTreeMap::new(), Some((truth, horizon)));
        let premises = self.premises(&traffic, run);
        let context = Context { truth: Some(truth), premises: premises.as_ref(), run, tau: self.config.tau };
        summary.arcs = self.arcs(&traffic, &context);
        summary.promise = premises.map(|premises| promise(premises, &traffic));
        summary.optimum = Optimum::of(self.config, &traffic, truth);
        summary.duration = Some(run);
        self.events(summary, &|node, at| truth.at(node, at).map(|at| horizon.seconds_to(at)));
        let warm_up = self.warm_up(run, premises.as_ref());
        summary.warm_up = Some(warm_up);
        let clocks = Clocks::new(self.spans, truth, horizon);
        let window = (warm_up.0 as f64, run.0 as f64);
        for algorithm in ran(self.spans).0 {
            summary.rows.push(clocks.row(algorithm, window, self.config.reference, summary.promise.as_ref()));
        }
        summary.series = clocks.series(window.1);
        summary.ordering = self.ordering(|reports| clocks.eps_of_phase(reports));
        summary.notes.extend(cuts(self.spans, Some((truth, horizon))));
        self.conclude(summary, &clocks, window.1);
    }

    /// What journals alone show of nodes that did not follow Lamport's rule.
    fn broken_rules(&self) -> Vec<String> {
        let readings: BTreeMap<_, _> = self.spans.iter().map(|(node, span)| (*node, Readings::of(span.run))).collect();
        let mut failed = lies::told(self.spans, &readings);
        failed.extend(premise::set_back(&readings));
        failed.extend(premise::ignored(self.spans, &readings));
        failed
    }

    fn events(&self, summary: &mut Summary, since: &dyn Fn(NodeId, Time<Local>) -> Option<f64>) {
        let (events, more) = events::detect(&Watched { spans: self.spans, tau: self.config.tau, since });
        summary.events = events;
        if more > 0 {
            summary.notes.push(format!("{more} more events than the {MOST_EVENTS} that are told"));
        }
    }

    fn traffic(
        &self,
        within: &BTreeMap<NodeId, LocalSpan>,
        alive: &BTreeMap<Arc, LocalSpan>,
        truth: Option<(&Truth, &Horizon)>,
    ) -> BTreeMap<Arc, Traffic<'a>> {
        let truth = truth.map(|(truth, horizon)| (truth, horizon.start));
        let arcs = self.config.arcs.iter().map(|(arc, _)| *arc);
        Collector { spans: self.spans, within, alive, truth }.collect(arcs)
    }

    /// The premises that the run fulfilled, with the best xi.
    fn premises(&self, traffic: &BTreeMap<Arc, Traffic<'_>>, run: Nanos) -> Option<Premises> {
        let kappa = self.spans.keys().map(|node| self.kappa(*node)).max()?;
        let mu = traffic.values().map(Traffic::mu).max().unwrap_or(Nanos::ZERO);
        let arcs: Vec<_> = traffic.values().map(Traffic::timed).collect();
        choose_premises(&arcs, &Given { kappa, diameter: facts::diameter(self.config)?, mu, run })
    }

    fn kappa(&self, node: NodeId) -> Ppb {
        self.spans.get(&node).map_or(Ppb(0), |span| span.run.header.kappa_ppb.max(Ppb(0)))
    }

    fn arcs(&self, traffic: &BTreeMap<Arc, Traffic<'_>>, context: &Context<'_>) -> Vec<ArcRow> {
        let mut incoming: BTreeMap<NodeId, u32> = BTreeMap::new();
        traffic.keys().for_each(|arc| *incoming.entry(arc.to).or_default() += 1);
        let row = |(arc, traffic): (&Arc, &Traffic<'_>)| {
            let mut row = arcs::row(*arc, traffic, self.kappa(arc.from).max(self.kappa(arc.to)), context);
            if incoming[&arc.to] == 1 {
                row.duplicated = row.duplicated.saturating_add(self.counted(arc.to, Counter::Replayed));
            }
            row
        };
        traffic.iter().map(row).collect()
    }

    fn counted(&self, node: NodeId, counter: Counter) -> u64 {
        let counters = self.spans.get(&node).map(|span| span.run.counters());
        counters.and_then(|counters| counters.get(counter.name()).copied()).unwrap_or(0)
    }

    fn warm_up(&self, run: Nanos, premises: Option<&Premises>) -> Nanos {
        let planned = self.config.measured.unwrap_or(run).max(Nanos::ZERO);
        settling(planned).max(premises.map_or(Nanos::ZERO, Premises::warm_up))
    }

    fn ordering(&self, eps: impl Fn(&Reports<'a>) -> Option<(Nanos, Nanos)>) -> Vec<OrderRow> {
        let reports = self.spans.iter().flat_map(|(node, span)| {
            let phase = |note: &'a Note| if let Note::Phase(report) = note { Some(&**report) } else { None };
            span.run.notes().filter_map(phase).map(|report| (*node, report))
        });
        ordering::rows(&ordering::by_phase(reports), self.config.nodes, eps)
    }

    /// Premises, notes and verdict.
    fn conclude(&self, summary: &mut Summary, clocks: &Clocks<'_>, end: f64) {
        let mut failed = premise::credits(&summary.arcs);
        failed.extend(premise::rates(self.spans));
        failed.extend(premise::unsteady(self.spans));
        failed.extend(lies::told(self.spans, clocks.readings()));
        failed.extend(premise::set_back(clocks.readings()));
        failed.extend(premise::ignored(self.spans, clocks.readings()));
        let physical = clocks.of(Algorithm::Ntp);
        // Without the clocks of every node nobody knows where an l came from.
        let theorem = if self.is_complete() {
            premise::hybrid(&clocks.hybrid_leads(), physical, &sweep(physical, 0.0, end))
        } else {
            Vec::new()
        };
        let eps = summary.eps(Algorithm::Lamport);
        summary.verdict = self.verdict(eps, summary.promise.as_ref());
        if let (Some(promise), Some(eps)) = (&mut summary.promise, eps) {
            let tight = promise.bounds.tight.0 as f64;
            promise.tightness = (tight > 0.0).then(|| eps.0 as f64 / tight);
        }
        if summary.verdict == Verdict::Violated && failed.is_empty() {
            failed.push("no premise is known to have failed: the bound or this program is wrong".to_owned());
        }
        summary.notes.extend(failed);
        summary.notes.extend(theorem);
        summary.notes.extend(self.gaps(summary, eps));
    }

    /// Whether every node left a journal.
    fn is_complete(&self) -> bool {
        self.spans.len() as u64 >= u64::from(self.config.nodes)
    }

    /// A missing node can only add to eps, so that it hides a promise kept but not a promise broken.
    fn verdict(&self, eps: Option<Nanos>, promise: Option<&Promise>) -> Verdict {
        match eps.zip(promise.map(|promise| promise.bounds.safe)) {
            Some((eps, safe)) if eps > safe => Verdict::Violated,
            Some(_) if self.is_complete() => Verdict::Within,
            _ => Verdict::Unknown,
        }
    }

    fn gaps(&self, summary: &Summary, eps: Option<Nanos>) -> Vec<String> {
        let mut notes = Vec::new();
        let warm_up = summary.warm_up.unwrap_or(Nanos::ZERO);
        if summary.row(Algorithm::Lamport).is_none() {
            notes.push("no verdict: not every node ran the lamport clock, which the bound is about".to_owned());
        } else if eps.is_none() {
            let run = summary.duration.unwrap_or(Nanos::ZERO);
            notes.push(format!("no window: the nodes ran together for {run}, the warm-up takes {warm_up}"));
        }
        if summary.promise.is_none() {
            notes.push("no bound: no xi gives premises that begin to hold within the run".to_owned());
        }
        let silent: Vec<String> =
            summary.arcs.iter().filter(|row| row.received == 0).map(|row| row.arc.to_string()).take(20).collect();
        if !silent.is_empty() {
            notes.push(format!("no message arrived over {}", silent.join(", ")));
        }
        if summary.row(Algorithm::Ntp).is_some() {
            notes.extend(premise::settling(self.config, warm_up));
        }
        notes
    }
}

fn promise(premises: Premises, traffic: &BTreeMap<Arc, Traffic<'_>>) -> Promise {
    let delays = traffic.values().flat_map(|traffic| &traffic.received).filter_map(|message| message.truth);
    let smallest_delay = delays.map(|(_, delay)| delay).min();
    let tau_ceiling = smallest_delay.map(|smallest| premises.tau_ceiling(smallest));
    Promise { premises, bounds: premises.bounds(), tightness: None, tau_ceiling, smallest_delay }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
