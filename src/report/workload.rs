//! What a run of a workload came to: measured beside predicted, as rows for programs and lines for people.

use csv::Writer;

use super::text::{line, wrapped};
use crate::analysis::Summary;
use crate::analysis::ordering::OrderRow;
use crate::order::report::{Load, TRANSPORT};
use crate::time::Nanos;
use crate::trial::{Played, Premise, Terms, Workload};
use crate::workload::{Check, Relation, Row};

/// Where a run was made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place<'a> {
    /// What carried the messages.
    pub transport: &'a str,
    /// Cores of the host.
    pub cores: Option<u32>,
    /// Most messages in one write.
    pub batch: Option<u32>,
    /// Bytes of each operation beside what the algorithm says.
    pub payload_bytes: Option<u32>,
    /// CPU time of the threads that played the processes, in all.
    pub cpu: Option<Nanos>,
}

impl Place<'_> {
    /// A simulator, in which nothing costs time but what is said to.
    pub const VIRTUAL: Self =
        Self { transport: "virtual time", cores: None, batch: None, payload_bytes: None, cpu: None };
}

/// What the run was given.
#[derive(Clone, PartialEq, Debug)]
pub struct Given<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// What of its premises was given up, if anything.
    pub broken: Option<&'a str>,
    /// Processes.
    pub nodes: u32,
    /// Spread of the clocks, where it is known, as of all that follows.
    pub eps: Option<Nanos>,
    /// What the workload believed it to be.
    pub declared_eps: Option<Nanos>,
    /// Least delay of a message.
    pub delay: Option<Nanos>,
    /// Most that is added to it.
    pub jitter: Option<Nanos>,
    /// Operations a second of all users.
    /// None if more was wanted than is carried.
    pub rate_per_s: Option<f64>,
    /// How long they wanted something.
    pub span: Nanos,
    /// Of every draw.
    pub seed: u64,
    /// Where stamps came from.
    pub stamps: &'a str,
    /// How operations were offered.
    pub load: &'a str,
    /// What of that which the workload was told was not so: then it promised too much.
    pub premises: Vec<String>,
    /// What else happened in it, each with the word that its lines begin with.
    pub happened: Vec<(&'static str, String)>,
    /// Where it was made.
    pub place: Place<'a>,
}

impl<'a> Given<'a> {
    /// What an open loop in virtual time is given.
    pub fn told(workload: Workload, terms: &Terms) -> Self {
        Self {
            workload: workload.name(),
            broken: (terms.premise == Premise::Broken).then(|| workload.ablation()),
            nodes: terms.nodes,
            eps: Some(terms.eps),
            declared_eps: Some(terms.declared),
            delay: Some(terms.delay),
            jitter: Some(terms.jitter),
            rate_per_s: Some(terms.rate),
            span: terms.span,
            seed: terms.seed,
            stamps: terms.stamps.name(),
            load: "open",
            premises: Vec::new(),
            happened: Vec::new(),
            place: Place::VIRTUAL,
        }
    }

    /// What a run that a journal tells of was given.
    pub fn of(played: &'a Played) -> Self {
        let seen = |of: fn(&Terms) -> Nanos| played.seen.as_ref().map(of);
        Self {
            eps: seen(|terms| terms.eps),
            declared_eps: played.seen.map(|_| played.terms.declared),
            delay: seen(|terms| terms.delay),
            jitter: seen(|terms| terms.jitter),
            stamps: played.clock.name(),
            premises: played.premises.clone(),
            place: Place {
                transport: &played.transport,
                cores: played.cores,
                batch: played.batch,
                payload_bytes: played.batch.map(|_| 0),
                cpu: played.cpu,
            },
            ..Self::told(played.workload, &played.terms)
        }
    }

    /// What an ordering phase of a run was given: nothing is declared of its clocks, and its delays are not measured.
    fn of_phase(row: &OrderRow, summary: &'a Summary) -> Self {
        let phase = &row.phase;
        let rate = match phase.load {
            Load::Open { commands_per_s } => Some(commands_per_s as f64 * f64::from(row.agents)),
            Load::Saturated => None,
        };
        Self {
            workload: Workload::TotalOrder.name(),
            broken: None,
            nodes: row.agents,
            eps: row.eps.map(|(_, most)| most),
            declared_eps: None,
            delay: None,
            jitter: None,
            rate_per_s: rate,
            span: Nanos(phase.duration_ns),
            seed: summary.facts.seed.unwrap_or(0),
            stamps: phase.source.name(),
            load: phase.load.name(),
            premises: Vec::new(),
            happened: Vec::new(),
            place: Place {
                transport: TRANSPORT,
                cores: Some(summary.facts.cores),
                batch: Some(phase.batch),
                payload_bytes: Some(phase.payload_bytes),
                cpu: None,
            },
        }
    }
}

/// `ordering.csv` of a run in which workloads were played: its ordering phases, then those.
pub fn csv_of(summary: &Summary) -> Vec<u8> {
    let phases = summary.ordering.iter().map(|row| (Given::of_phase(row, summary), row.as_workload().owned()));
    let played = summary.played.iter().map(|played| (Given::of(played), played.row.clone()));
    csv(&phases.chain(played).collect::<Vec<_>>())
}

const COLUMNS: [&str; 31] = [
    "workload",
    "premise",
    "nodes",
    "eps_ns",
    "declared_eps_ns",
    "delay_ns",
    "jitter_ns",
    "rate_per_s",
    "span_s",
    "seed",
    "stamps",
    "operations",
    "messages",
    "messages_per_operation",
    "latency_ns_p50",
    "latency_ns_p99",
    "latency_ns_p999",
    "violations",
    "load",
    "operations_per_s",
    "throughput_is",
    "payload_bytes",
    "batch",
    "cores",
    "transport",
    "cpu_ns_per_operation",
    "quantity",
    "relation",
    "measured",
    "predicted",
    "chance",
];

/// `ordering-sim.csv`: one row for each invariant, which should be broken never, and for each measured quantity.
pub fn csv<S: AsRef<str>>(runs: &[(Given<'_>, Row<S>)]) -> Vec<u8> {
    let mut file = Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = file.write_record(COLUMNS);
    for (given, row) in runs {
        for (quantity, relation, numbers) in quantities(row) {
            let told = [quantity.to_owned(), relation.to_owned()].into_iter().chain(numbers);
            let _ = file.write_record(columns(given, row).into_iter().chain(told));
        }
    }
    file.into_inner().unwrap_or_default()
}

fn columns<S: AsRef<str>>(given: &Given<'_>, row: &Row<S>) -> Vec<String> {
    let latency = |place: usize| row.latency.map_or_else(String::new, |latency| latency[place].0.to_string());
    vec![
        given.workload.to_owned(),
        if given.broken.is_some() { "broken" } else { "kept" }.to_owned(),
        given.nodes.to_string(),
        nanos(given.eps),
        nanos(given.declared_eps),
        nanos(given.delay),
        nanos(given.jitter),
        given.rate_per_s.map_or_else(String::new, rounded),
        given.span.as_seconds().to_string(),
        given.seed.to_string(),
        given.stamps.to_owned(),
        row.operations.to_string(),
        row.messages.map_or_else(String::new, |messages| messages.to_string()),
        row.messages_per_operation().map_or_else(String::new, |count| format!("{count:.3}")),
        latency(0),
        latency(1),
        latency(2),
        row.broken().to_string(),
        given.load.to_owned(),
        number(row.operations as f64 / given.span.as_seconds()),
        format!("{} done a second", row.operation.as_ref()),
        whole(given.place.payload_bytes),
        whole(given.place.batch),
        whole(given.place.cores),
        given.place.transport.to_owned(),
        cpu_each(given, row).map_or_else(String::new, |cpu| cpu.to_string()),
    ]
}

/// A number as it was given, or to four digits where it was worked out.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 { value.to_string() } else { number(value) }
}

fn nanos(value: Option<Nanos>) -> String {
    value.map_or_else(String::new, |value| value.0.to_string())
}

fn whole(value: Option<u32>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// CPU time in ns of all processes for each operation, whatever scenes it was spent in.
fn cpu_each<S: AsRef<str>>(given: &Given<'_>, row: &Row<S>) -> Option<i64> {
    given.place.cpu.filter(|_| row.operations > 0).map(|cpu| cpu.0 / row.operations.min(1 << 62) as i64)
}

/// Name, relation, and the numbers: measured, predicted, chance.
fn quantities<S: AsRef<str>>(row: &Row<S>) -> impl Iterator<Item = (&str, &str, [String; 3])> {
    let never = |count: u64| [count.to_string(), "0".to_owned(), String::new()];
    let broken = row.never().map(move |(name, count)| (name, "never", never(count)));
    let numbers = |check: &Check<S>| [check.measured, check.predicted, check.chance].map(number);
    let checks = row.checks.iter().map(move |check| (check.quantity.as_ref(), check.relation.name(), numbers(check)));
    broken.chain(checks)
}

/// Four significant digits; nothing if it is no number.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let whole = value.abs().max(1e-9).log10().floor() as i32;
    let decimals = (3 - whole).clamp(0, 6) as usize;
    format!("{value:.decimals$}")
}

/// The report that people read.
pub fn text<S: AsRef<str>>(given: &Given<'_>, row: &Row<S>) -> String {
    let Given { nodes, rate_per_s, span, seed, stamps, .. } = given;
    let said = |value: Option<Nanos>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let (eps, declared_eps) = (said(given.eps), said(given.declared_eps));
    let (delay, jitter) = (said(given.delay), said(given.jitter));
    let offered = match rate_per_s {
        None => "as many operations as are carried".to_owned(),
        Some(rate) => format!("{} operations/s ({})", rounded(*rate), given.load),
    };
    let place = match given.place.cores {
        Some(cores) => format!("on agents over {}, {cores} cores", given.place.transport),
        None => format!("in {}", given.place.transport),
    };
    let mut text = wrapped(
        "workload ",
        &format!(
            "{}: {nodes} processes {place}, eps {eps} (declared {declared_eps}), stamps {stamps}, delay {delay} + up to \
             {jitter}, {offered} for {span}, seed {seed}",
            given.workload
        ),
    );
    if let Some(broken) = given.broken {
        text += &wrapped("ablation ", broken);
    }
    let per = row.messages_per_operation().map_or_else(String::new, |count| format!(", {count:.2} each"));
    let messages = row.messages.map_or_else(String::new, |messages| format!(", {messages} messages{per}"));
    let latency = row
        .latency
        .map_or_else(String::new, |[p50, p99, p999]| format!("; latency p50 {p50}, p99 {p99}, p99.9 {p999}"));
    for premise in &given.premises {
        text += &wrapped("premise  ", premise);
    }
    for (word, told) in &given.happened {
        text += &wrapped(&format!("{word:<9}"), told);
    }
    text += &wrapped("done     ", &format!("{} {}{messages}{latency}", row.operations, row.operation.as_ref()));
    text += "\n";
    text +=
        &line(&[("measured against prediction", -54), ("measured", 12), ("", 10), ("predicted", 12), ("chance", 12)]);
    for check in &row.checks {
        let predicted =
            if check.relation == Relation::Unpredicted { "–".to_owned() } else { number(check.predicted) };
        let chance = if check.chance > 0.0 { format!("± {}", number(check.chance)) } else { String::new() };
        text += &line(&[
            (check.quantity.as_ref(), -54),
            (&number(check.measured), 12),
            (check.relation.name(), 10),
            (&predicted, 12),
            (&chance, 12),
        ]);
    }
    text += "\n";
    for (name, count) in row.never() {
        text += &line(&[("never: ", -7), (name, -53), (&count.to_string(), 8)]);
    }
    let verdict = match row.broken() {
        0 => "WITHIN".to_owned(),
        broken => format!("VIOLATED: {broken} times"),
    };
    text + "\nverdict  " + &verdict + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::given;

    fn run() -> (Given<'static>, Row) {
        let given = Given { eps: Some(Nanos(1_000)), declared_eps: Some(Nanos(2_000)), ..given("mutex") };
        let row = Row {
            operations: 20,
            operation: "entries",
            messages: Some(120),
            latency: Some([Nanos(10), Nanos(20), Nanos(30)]),
            violations: vec![("two holders", 1)],
            unfinished: Vec::new(),
            checks: vec![Check::about("messages per entry", 6.0, 6.0), Check::alone("share", 0.123_456)],
        };
        (given, row)
    }

    #[test]
    fn every_invariant_and_every_quantity_is_a_row() {
        let csv = String::from_utf8(csv(&[run()])).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 4, "{csv}");
        let given = "mutex,kept,3,1000,2000,5,0,10,2,7,ntp,20,120,6.000,10,20,30,1,open,10.00,entries done a second,,,,virtual time,";
        assert_eq!(lines[1], format!("{given},two holders,never,1,0,"));
        assert_eq!(lines[2], format!("{given},messages per entry,about,6.000,6.000,"));
        assert_eq!(lines[3], format!("{given},share,,0.1235,,"));
    }

    #[test]
    fn a_broken_invariant_is_the_verdict() {
        let (given, mut row) = run();
        assert!(text(&given, &row).ends_with("verdict  VIOLATED: 1 times\n"));
        row.violations.clear();
        let given = Given { happened: vec![("link", "0-1 is lost".to_owned())], ..given };
        let told = text(&given, &row);
        assert!(told.ends_with("verdict  WITHIN\n") && told.contains("\nlink     0-1 is lost\n"), "{told}");
    }
}
