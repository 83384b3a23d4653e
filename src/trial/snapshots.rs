//! Snapshots: by markers and by stamps of the same bank; and what is detected on cuts by stamps.

use super::figure::ms;
use super::stage::{Delivery, Planned, Scene, Stage};
use super::terms::Terms;
use crate::ids::NodeId;
use crate::model::{Purpose, Rng};
use crate::order::report::StampSource;
use crate::time::{Nanos, Time};
use crate::workload::deadlock::{self, Ask, Evidence, Lender};
use crate::workload::snapshot::{self, Branch, Command, Event};
use crate::workload::termination::{self, Work, Worker};
use crate::workload::{Check, Log, Row, predict, quantiles};

/// What each branch of the bank begins with.
pub(super) const ACCOUNT: u64 = 1_000;
/// Cuts by stamps that are looked at.
const CUTS: i64 = 300;
/// Work of a job, and how long a worker is active for a piece of it.
const UNITS: u32 = 8;
const SERVICE: Nanos = Nanos::from_millis(1);
/// Streams of draws for who asks whom.
const ASKERS: u64 = 1 << 22;

/// Both kinds of snapshot of one bank.
pub fn snapshot(stage: &mut impl Stage, terms: &Terms) -> Row {
    let log = bank(stage, terms);
    let world = stage.world(terms);
    let known = &world.terms;
    let (money, arcs) = (ACCOUNT * u64::from(terms.nodes), f64::from(terms.nodes * (terms.nodes - 1)));
    let (found, payments) = (snapshot::check(&log, money), snapshot::payments(&log));
    let cuts = snapshot::cut(&log, ACCOUNT, instants(&stamps(&log)));
    let started = plan_snapshots(terms).count() as u64;
    let per_arc = cuts.inconsistent as f64 / cuts.cuts.max(1) as f64 / arcs;
    let rate = payments as f64 / terms.span.as_seconds() / arcs;
    let excess = |lead| predict::mean_excess_s(lead, known.delay, known.jitter);
    let predicted = if terms.is_lifted() { 0.0 } else { rate * predict::mean_over_leads(&world.offsets, excess) };
    let inconsistent = Check {
        // Messages are counted: their number has about its mean as its variance.
        chance: (predicted / (cuts.cuts.max(1) as f64 * arcs)).sqrt(),
        ..Check::about("inconsistent messages per cut and arc", per_arc, predicted)
    };
    let lifted = Terms { stamps: StampSource::Hlc, ..*terms };
    let (jobs, jobs_lifted) = (jobs(stage, terms), jobs(stage, &lifted));
    let [counted, stated] = phantoms(stage, terms);
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let markers = (log.messages() - payments) as f64 / found.complete.max(1) as f64;
    let slowest = found.latencies.iter().max().copied().unwrap_or_default();
    // Stamps that cannot be inconsistent: lifted ones, and those of clocks that no message can overtake.
    let sure = terms.is_lifted() || terms.believed() <= terms.delay;
    Row {
        operations: found.complete,
        operation: "snapshots by markers",
        messages: Some(log.messages() - payments),
        latency: quantiles(found.latencies.clone()),
        violations: vec![
            ("snapshots by markers without all the money", found.unbalanced),
            ("snapshots by markers that are not closed", found.open),
            ("messages into the past of a cut that can have none", if sure { cuts.inconsistent } else { 0 }),
            ("jobs found to be over too early on hybrid stamps", jobs_lifted.detected_falsely),
            ("phantom deadlocks where grants are counted", counted.phantoms),
        ],
        unfinished: vec![("snapshots by markers that did not end", started.saturating_sub(found.complete))],
        checks: vec![
            Check::about("markers per snapshot", markers, arcs),
            Check::at_most("longest snapshot, ms", ms(slowest), 2.0 * ms(known.longest_delay())),
            inconsistent,
            Check::alone("cuts by stamps not closed, share", share(cuts.open, cuts.cuts)),
            Check::alone("cuts by stamps without all the money, share", share(cuts.unbalanced, cuts.cuts)),
            Check::alone("jobs found to be over too early, share", share(jobs.detected_falsely, jobs.detected)),
            Check::alone("phantom deadlocks by states alone, share of cuts", share(stated.phantoms, stated.cuts)),
        ],
    }
}

/// Snapshots, each begun by the next process when the one before is surely over.
pub(super) fn plan_snapshots(terms: &Terms) -> impl Iterator<Item = Planned<Command>> + use<> {
    let gap = Nanos::from_millis(50).max(terms.usual_delay().times(4));
    let nodes = terms.nodes;
    let plan = move |number: u32| Planned {
        at: Time::ZERO + gap.times(i64::from(number) + 1),
        node: NodeId(number % nodes),
        command: Command::Snapshot(number),
    };
    let end = Time::ZERO + terms.span;
    (0..).map(plan).take_while(move |planned| planned.at < end)
}

fn bank(stage: &mut impl Stage, terms: &Terms) -> Log<Event> {
    let payments = terms.arrivals(terms.rate, 0).map(|(at, mut rng)| {
        let node = terms.any(&mut rng);
        let to = terms.other(node, &mut rng);
        Planned { at, node, command: Command::Pay(to, 1 + rng.below(9)) }
    });
    let plan = payments.chain(plan_snapshots(terms)).collect();
    let branch = |me, _| Branch::new(me, terms.nodes, terms.stamper(me), ACCOUNT);
    let end = terms.end(terms.longest_delay().times(5));
    stage.play(terms, Scene::new(&branch, plan, end, terms.delivery()))
}

/// Every stamp of the bank's own events.
pub(super) fn stamps(log: &Log<Event>) -> Vec<i64> {
    let of = |event: &Event| match event {
        Event::Paid(_, stamp) | Event::Got(_, _, stamp) => Some(stamp.time),
        Event::Recorded(..) | Event::Channel(..) => None,
    };
    log.events().filter_map(|(_, event)| of(event)).collect()
}

/// Instants evenly between the earliest and the latest stamp.
pub(super) fn instants(stamps: &[i64]) -> impl Iterator<Item = i64> + use<> {
    let (first, last) = (stamps.iter().min().copied().unwrap_or(0), stamps.iter().max().copied().unwrap_or(0));
    (1..=CUTS).map(move |cut| {
        first.saturating_add(((i128::from(last) - i128::from(first)) * i128::from(cut) / i128::from(CUTS + 1)) as i64)
    })
}

/// Jobs whose end is looked for.
fn jobs(stage: &mut impl Stage, terms: &Terms) -> termination::Findings {
    let rate = (terms.rate / f64::from(UNITS)).min(20.0);
    let most = stage.fits(terms, u64::MAX, Nanos((1e9 / rate) as i64).times(3)) as usize;
    let jobs = terms.arrivals(rate, 1).take(most).zip(0_u64..);
    let plan =
        jobs.map(|((at, mut rng), job)| Planned { at, node: terms.any(&mut rng), command: Work { job, units: UNITS } });
    let worker = |me, _| Worker::new(me, terms.nodes, terms.stamper(me), SERVICE);
    let end = terms.end((terms.longest_delay() + SERVICE).times(10));
    let log = stage.play(terms, Scene::new(&worker, plan.collect(), end, Delivery::Fifo));
    let stamps: Vec<i64> = log
        .events()
        .map(|(_, event)| match event {
            termination::Event::Began(_, stamp)
            | termination::Event::Got(_, stamp)
            | termination::Event::Sent(_, stamp)
            | termination::Event::Did(_, stamp) => stamp.time,
        })
        .collect();
    termination::check(&log, instants(&stamps))
}

/// Processes that ask each other one at a time, so that there never is a deadlock; and the circles that cuts show.
fn phantoms(stage: &mut impl Stage, terms: &Terms) -> [deadlock::Findings; 2] {
    let gap = terms.usual_delay().times(2) + Nanos::from_micros(10);
    let most = stage.fits(terms, 2_000.min((terms.span.0 / gap.0.max(1)).unsigned_abs()), gap.times(3)) as i64;
    let ask = |number: i64| {
        let mut rng = Rng::stream(terms.seed, Purpose::Users, ASKERS + number as u64);
        let node = terms.any(&mut rng);
        Planned { at: Time::ZERO + gap.times(number), node, command: Ask(terms.other(node, &mut rng)) }
    };
    let lender = |me, _| Lender::new(me, terms.nodes, terms.stamper(me));
    let plan = (0..most).map(ask).collect();
    let log = stage.play(terms, Scene::new(&lender, plan, terms.end(gap), Delivery::Fifo));
    let stamps: Vec<i64> = log
        .events()
        .map(|(_, event)| match event {
            deadlock::Event::Asked(_, stamp) | deadlock::Event::Granted(_, stamp) | deadlock::Event::Freed(stamp) => {
                stamp.time
            }
        })
        .collect();
    [Evidence::Counted, Evidence::States].map(|evidence| deadlock::check(&log, evidence, instants(&stamps)))
}
