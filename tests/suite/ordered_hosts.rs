//! Agents with an [order] table, as they run on hosts of their own, here on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

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
}

#[test]
fn agents_on_hosts_of_their_own_order_by_every_clock() {
    let ordered = Ordered::new("ordered-hosts", 3);
    let collector = ordered.mesh.collector(&["--agents", "3"]);
    let more = "duration = \"300ms\"\nclock = [\"ntp\", \"hlc\"]";
    let agents: Vec<Process> = (0..3).map(|id| ordered.agent(id, more)).collect();
    for agent in agents {
        let (code, said) = agent.ended();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("has ordered all that was planned"), "{said}");
    }
    let output = collector.end();
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

/// Plays workloads by one clock on three agents: what the report has of each.
fn played(name: &str, more: &str) -> Vec<BTreeMap<String, String>> {
    let ordered = Ordered::new(name, 3);
    let collector = ordered.mesh.collector(&["--agents", "3"]);
    let agents: Vec<Process> = (0..3).map(|id| ordered.agent(id, more)).collect();
    for agent in agents {
        let (code, said) = agent.ended();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("has ordered all that was planned"), "{said}");
    }
    let output = collector.end();
    let rows = table(&ordered.mesh.path("run/ordering.csv"));
    let told = format!("{rows:#?}{}{}", text(&output.stdout), text(&output.stderr));
    assert!(matches!(output.status.code(), Some(0 | 4)), "{told}");
    for row in &rows {
        assert_eq!(row["violations"], "0", "{told}");
        assert!(row["operations"].parse::<u64>().expect("a count") > 0, "{told}");
    }
    rows
}

#[test]
fn exclusion_on_hosts_of_their_own_is_judged_by_who_knew_of_whom() {
    let more = "workload = [\"mutex\", \"ricart-agrawala\"]\nduration = \"300ms\"\nrate_per_s = 100\nclock = \"ntp\"";
    let rows = played("exclusion", more);
    let workloads: BTreeSet<&str> = rows.iter().map(|row| &row["workload"][..]).collect();
    assert_eq!(workloads, BTreeSet::from(["mutex", "ricart-agrawala"]));
    assert!(rows.iter().all(|row| row["eps_ns"].is_empty() && !row["latency_ns_p50"].is_empty()), "{rows:?}");
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
