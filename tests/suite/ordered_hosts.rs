//! Agents with an [order] table, as they run on hosts of their own, here on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use skewbench::analysis::{AgentRun, summarise};
use skewbench::ids::NodeId;
use skewbench::journal::{Entry, Note};
use skewbench::trial::{Part, Played, Workload};
use skewbench::workload::What;
use skewbench::workload::exclusion::Event;
use skewbench::workload::trace::{self, Record};
use skewbench::workload::wire::Wire;

use crate::hosts::{Mesh, Process, free_port};
use crate::lab::{table, text};

/// A mesh whose agents order, and the ports at which they do.
struct Ordered {
    mesh: Mesh,
    ports: Vec<u16>,
}

impl Ordered {
    fn new(name: &str, nodes: usize) -> Self {
        Self { mesh: Mesh::new(name, nodes), ports: (0..nodes).map(|_| free_port()).collect() }
    }

    /// The journals that reached the collector.
    fn runs(&self) -> Vec<AgentRun> {
        let read = |path: &PathBuf| fs::read(path).expect("a journal");
        let blobs: Vec<Vec<u8>> = self.mesh.journals("run/journals").iter().map(read).collect();
        AgentRun::read(blobs.iter().map(Vec::as_slice))
    }

    fn agent(&self, id: usize, more: &str) -> Process {
        let (mesh, nodes) = (&self.mesh, self.ports.len());
        let peer = |peer: usize| {
            let (probe, order) = (mesh.port(peer), self.ports[peer]);
            format!("[[peers]]\nid = {peer}\naddress = \"127.0.0.1:{probe}\"\norder = \"127.0.0.1:{order}\"\n")
        };
        let peers: String = (0..nodes).filter(|other| *other != id).map(peer).collect();
        let config = format!(
            "id = {id}\nlisten = \"127.0.0.1:{}\"\ntau = \"20ms\"\ncollector = \"127.0.0.1:{}\"\nduration = \"1500ms\"\n\
             kappa_ppm = 100\n[order]\nlisten = \"127.0.0.1:{}\"\n{more}\n{peers}",
            mesh.port(id),
            mesh.collector,
            self.ports[id]
        );
        let file = mesh.path(&format!("agent-{id}.toml"));
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench-agent"));
        command.arg("--config").arg(file).arg("--key-file").arg(mesh.path("key")).arg("--spool").arg(mesh.spool(id));
        Process::start(&mut command)
    }

    /// All agents order what they are told, and the collector reports.
    fn carry_out(&self, more: &str) -> Output {
        let nodes = self.ports.len();
        let collector = self.mesh.collector(&["--agents", &nodes.to_string()]);
        let agents: Vec<Process> = (0..nodes).map(|id| self.agent(id, more)).collect();
        for agent in agents {
            let (code, said) = agent.ended();
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains("has ordered all that was planned"), "{said}");
        }
        collector.end()
    }
}

#[test]
fn agents_on_hosts_of_their_own_order_by_every_clock() {
    let ordered = Ordered::new("ordered-hosts", 3);
    let more = "duration = \"300ms\"\nclock = [\"ntp\", \"hlc\"]";
    let output = ordered.carry_out(more);
    let said = text(&output.stdout);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}{}", text(&output.stderr));
    let rows = table(&ordered.mesh.path("run/ordering.csv"));
    let mut found: Vec<[&str; 3]> =
        rows.iter().map(|row| [&row["workload"][..], &row["stamps"][..], &row["load"][..]]).collect();
    found.dedup();
    let order = |clock, load| ["total-order", clock, load];
    let machine = |clock| ["state-machine", clock, "open"];
    let expected = [
        order("ntp", "saturated"),
        order("ntp", "half"),
        order("hlc", "saturated"),
        order("hlc", "half"),
        machine("ntp"),
        machine("hlc"),
    ];
    assert_eq!(found, expected);
    for row in &rows {
        assert_eq!(row["violations"], "0", "{row:?}");
        assert!(row["operations"].parse::<u64>().expect("a count") > 0, "{row:?}");
        assert!(row["eps_ns"].is_empty() && row["transport"] == "tcp", "nobody knows how far their clocks are apart");
    }
    assert!(said.contains("price    With ntp") && said.contains("state-machine    hlc"), "{said}");
    ordered.mesh.assert_nothing_is_lost();
    let left: Vec<_> = fs::read_dir(ordered.mesh.spool(0)).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.iter().all(|path| path.extension().is_none_or(|end| end != "trace")), "{left:?}");
}

/// Plays workloads by one clock on three agents: what the report has of each. Nothing breaks, unless what was promised of clocks
/// and delays is proved not to have been so: the machine may be busy.
fn played(name: &str, more: &str) -> (Ordered, Vec<BTreeMap<String, String>>) {
    let ordered = Ordered::new(name, 3);
    let output = ordered.carry_out(more);
    let rows = table(&ordered.mesh.path("run/ordering.csv"));
    let said = text(&output.stdout);
    let told = format!("{rows:#?}{said}{}", text(&output.stderr));
    let promised_too_much = said.contains("  premise  ");
    assert!(matches!(output.status.code(), Some(0 | 4)) || promised_too_much, "{told}");
    for row in &rows {
        assert!(row["violations"] == "0" || promised_too_much, "{told}");
        assert!(row["operations"].parse::<u64>().expect("a count") > 0, "{told}");
    }
    (ordered, rows)
}

#[test]
fn exclusion_on_hosts_of_their_own_is_judged_by_who_knew_of_whom() {
    let more = "workload = [\"mutex\", \"ricart-agrawala\"]\nduration = \"300ms\"\nrate_per_s = 100\nclock = \"ntp\"";
    let (ordered, rows) = played("exclusion", more);
    let workloads: BTreeSet<&str> = rows.iter().map(|row| &row["workload"][..]).collect();
    assert_eq!(workloads, BTreeSet::from(["mutex", "ricart-agrawala"]));
    assert!(rows.iter().all(|row| row["eps_ns"].is_empty() && !row["latency_ns_p50"].is_empty()), "{rows:?}");
    let mut runs = ordered.runs();
    assert_eq!(broken(&runs), [] as [&str; 0]);
    // Node 1 says that its last entry had the stamp of a request that it made long ago.
    doctor(&mut runs, |records: &mut Vec<Record<Event>>| {
        let granted = records.iter_mut().rev().find_map(|record| match &mut record.what {
            What::Event(Event::Granted(stamp)) => Some(stamp),
            _ => None,
        });
        granted.expect("a grant").time -= 3_600_000_000_000;
    });
    assert_eq!(broken(&runs), ["mutex: grants out of the order of stamps"]);
    // It says that it never heard anything: then nothing was sent in vain, and who entered after it knew nothing of it.
    let mut runs = ordered.runs();
    doctor(&mut runs, |records: &mut Vec<Record<Event>>| {
        records.retain(|record| !matches!(record.what, What::Received { .. }));
    });
    assert_eq!(broken(&runs), ["mutex: two holders"]);
}

/// What broke in the journals, with what.
fn broken(runs: &[AgentRun]) -> Vec<String> {
    let played = summarise("run", runs).played;
    let never = |played: &Played| {
        let broken = played.row.never().filter(|(_, count)| *count > 0);
        broken.map(|(name, _)| format!("{}: {name}", played.workload)).collect::<Vec<_>>()
    };
    played.iter().flat_map(never).collect()
}

/// Changes what node 1 says that it did in mutual exclusion.
fn doctor(runs: &mut [AgentRun], change: impl Fn(&mut Vec<Record<Event>>)) {
    let run = runs.iter_mut().find(|run| run.header.node == NodeId(1)).expect("a journal of node 1");
    for entry in &mut run.entries {
        let Entry::Note(Note::Part(part)) = entry else { continue };
        if part.workload == Workload::Mutex {
            assert_eq!(part.of, 1, "a short trace");
            let mut records = trace::read(&Part::join(&[part]).expect("a trace"));
            change(&mut records);
            let mut bytes = Vec::new();
            records.iter().for_each(|record| record.put(&mut bytes));
            **part = Part::of(part, &bytes).remove(0);
        }
    }
}

#[test]
fn what_happened_before_what_needs_no_common_clock() {
    let more = "workload = [\"snapshot\", \"causal\"]\nduration = \"300ms\"\nclock = \"hlc\"";
    let (_ordered, rows) = played("causal-hosts", more);
    let workloads: BTreeSet<&str> = rows.iter().map(|row| &row["workload"][..]).collect();
    assert_eq!(workloads, BTreeSet::from(["causal", "snapshot"]));
    assert!(rows.iter().all(|row| row["latency_ns_p50"].is_empty()), "between hosts no span is known: {rows:?}");
}

#[test]
fn what_stands_on_declared_clocks_is_judged_by_what_stamps_prove_of_them() {
    let more = "workload = [\"anomaly\", \"commit-wait\", \"restart\"]\nduration = \"300ms\"\nclock = \"ntp\"\ndeclared_eps = \"50ms\"";
    let (_ordered, rows) = played("true-time-hosts", more);
    let quantity = |workload: &str, quantity: &str| {
        let mut of = rows.iter().filter(|row| row["workload"] == workload && row["quantity"] == quantity);
        let row = of.next().unwrap_or_else(|| panic!("{workload}: {quantity}: {rows:#?}"));
        row["measured"].parse::<f64>().expect("a number")
    };
    let open = [
        ("anomaly", "anomalies of which it could not be told"),
        ("commit-wait", "commits of which it could not be told"),
        ("restart", "reads of which it could not be told"),
    ];
    for (workload, open) in open {
        // On one host probes take less than 50 ms, and certify clocks far better than that.
        assert_eq!(quantity(workload, open), 0.0, "{workload}");
    }
}

#[test]
fn generals_and_bookkeepers_on_hosts_of_their_own_agree() {
    let more =
        "workload = [\"byzantine\", \"real-time\"]\nduration = \"300ms\"\nclock = \"ntp\"\ndeclared_eps = \"50ms\"";
    let (_ordered, rows) = played("generals", more);
    let workloads: BTreeSet<&str> = rows.iter().map(|row| &row["workload"][..]).collect();
    assert_eq!(workloads, BTreeSet::from(["byzantine", "real-time"]));
}

#[test]
fn three_stability_tests_on_hosts_of_their_own_give_one_order_each() {
    let more = "workload = \"stability-tests\"\nduration = \"300ms\"\nclock = \"ntp\"\ndeclared_eps = \"50ms\"\n\
                declared_delay = \"100ms\"";
    let (_ordered, rows) = played("stability-hosts", more);
    let quantities: BTreeSet<&str> = rows.iter().map(|row| &row["quantity"][..]).collect();
    assert!(quantities.contains("eps that stamps prove, ms") || rows.is_empty(), "{quantities:?}");
    assert!(rows.iter().all(|row| row["workload"] == "stability-tests"));
}

#[test]
fn a_peer_that_never_comes_is_named_and_no_probe_is_lost() {
    let ordered = Ordered::new("absent", 2);
    let (code, said) = ordered.agent(0, "patience = \"1s\"").ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("node 1 at") && said.contains("cannot be reached for ordering"), "{said}");
    let told = ordered.mesh.analyse_whatever(&[ordered.mesh.spool(0)], "analysed");
    assert!(told.contains("node 0 ordered nothing more: is [order] the same at all agents?: node 1 at"), "{told}");
    let arcs = table(&ordered.mesh.path("analysed/arcs.csv"));
    assert!(arcs.iter().any(|row| row["sent"].parse::<u64>().is_ok_and(|sent| sent > 50)), "{arcs:?}");
}

#[test]
fn agents_that_would_order_differently_do_not_order_together() {
    let ordered = Ordered::new("differing", 2);
    let one = ordered.agent(0, "patience = \"5s\"\nduration = \"300ms\"");
    let other = ordered.agent(1, "patience = \"5s\"\nduration = \"400ms\"");
    for agent in [one, other] {
        let (code, said) = agent.ended();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("is [order] the same at all agents?"), "{said}");
    }
}
