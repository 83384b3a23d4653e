//! Nothing that was acknowledged is lost: whatever happens to collector, agents, connections and disks, the report equals
//! that of the spool files, byte for byte, and says what happened. Real processes, real files.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::hosts::{Mesh, Process, assert_verdict, until};
use super::lab::table;

const SHORT: [&str; 4] = ["--tau", "20ms", "--duration", "2s"];

#[test]
fn a_run_across_hosts_tells_what_it_can() {
    let mesh = Mesh::new("hosts", 3);
    let collector = mesh.collector(&["--agents", "3"]);
    let agents: Vec<Process> = (0..3).map(|id| mesh.agent(id, &SHORT)).collect();
    for agent in agents {
        let (code, said) = agent.ended();
        assert!(code == Some(0) && said.contains("all acknowledged by the collector"), "{said}");
    }
    let output = collector.end();
    assert_verdict(output.status.code(), &mesh.path("run"));
    let said = mesh.assert_nothing_is_lost();
    assert!(said.contains("these agents share one kernel clock: nodes 0, 1, 2"), "{said}");
    let rows = table(&mesh.path("run/summary.csv"));
    assert!(rows.iter().map(|row| row["algorithm"].as_str()).eq(["free", "lamport", "ntp", "hlc", "system"]));
    assert!(rows.iter().all(|row| row["eps_true_ns_max"].is_empty() && row["tightness"].is_empty()));
    let arcs = table(&mesh.path("run/arcs.csv"));
    assert_eq!(arcs.len(), 6);
    assert!(arcs.iter().all(|arc| arc["received"] != "0" && arc["delay_ns_p50"].is_empty()));
    assert!(arcs.iter().all(|arc| !arc["send_lateness_ns_p50"].is_empty()));
}

#[test]
fn a_collector_killed_in_mid_run_goes_on_where_its_disk_ends() {
    let mesh = Mesh::new("collector-killed", 2);
    let first = mesh.collector(&["--agents", "2"]);
    let agents = [mesh.agent(0, &["--tau", "20ms", "--duration", "3s"]), mesh.agent(1, &SHORT)];
    mesh.until_bytes("run/journals", 4_000);
    first.cut_off();
    let second = mesh.collector(&["--agents", "2"]);
    let [zero, one] = agents;
    assert!(one.ended().1.contains("all acknowledged"));
    // Agent 1 is done and will not come back: the third collector knows that from the disk.
    second.cut_off();
    let third = mesh.collector(&["--agents", "2"]);
    assert!(zero.ended().1.contains("all acknowledged"));
    assert_verdict(third.ended().0, &mesh.path("run"));
    mesh.assert_nothing_is_lost();
}

#[test]
fn a_killed_agent_leaves_its_journal_to_its_next_start() {
    let mesh = Mesh::new("agent-killed", 2);
    let steady = mesh.agent(0, &["--tau", "20ms"]);
    let killed = mesh.agent(1, &["--tau", "20ms"]);
    mesh.until_bytes("spool-1", 10_000);
    killed.cut_off();
    let torn = mesh.journals("spool-1").remove(0);
    let mut bytes = fs::read(&torn).expect("a journal");
    let half = bytes[..40].to_vec();
    bytes.extend(half);
    fs::write(&torn, bytes).expect("half a frame more");
    let collector = mesh.collector(&["--agents", "2"]);
    let again = mesh.agent(1, &["--tau", "20ms"]);
    until("both boots have arrived", || {
        mesh.journals("run/journals").len() == 3 && torn.with_extension("shipped").exists()
    });
    let (code, said) = again.stopped();
    assert!(code == Some(0) && said.contains("1 journals of earlier starts"), "{said}");
    assert_eq!(steady.stopped().0, Some(0));
    assert_verdict(collector.ended().0, &mesh.path("run"));
    let said = mesh.assert_nothing_is_lost();
    assert!(said.contains("node 1 has 2 journals (restarted?)"), "{said}");
    assert!(said.contains("40 bytes are the beginning of a frame that was cut off"), "{said}");
}

/// Hands connections on, and cuts the first few of them after some bytes.
fn cutting_proxy(to: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for (count, from) in listener.incoming().flatten().enumerate() {
            let Ok(to) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            let limit = if count < 4 { 700 * (count + 1) } else { usize::MAX };
            let (back_from, back_to) = (to.try_clone().expect("a clone"), from.try_clone().expect("a clone"));
            std::thread::spawn(move || hand_on(back_from, back_to, usize::MAX));
            std::thread::spawn(move || hand_on(from, to, limit));
        }
    });
    port
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, limit: usize) {
    let (mut buffer, mut left) = ([0; 256], limit);
    while left > 0 {
        let most = left.min(buffer.len());
        match from.read(&mut buffer[..most]) {
            Ok(length) if length > 0 && to.write_all(&buffer[..length]).is_ok() => left -= length,
            _ => break,
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_connection_that_is_cut_costs_nothing() {
    let mesh = Mesh::new("cut", 2);
    let collector = mesh.collector(&["--agents", "2"]);
    let proxy = cutting_proxy(mesh.collector);
    let agents: Vec<Process> = (0..2).map(|id| Process::start(&mut mesh.agent_at(id, proxy, &SHORT))).collect();
    agents.into_iter().for_each(|agent| assert!(agent.ended().1.contains("all acknowledged")));
    let (code, said) = collector.ended();
    assert!(said.contains("connection_cut"), "{said}");
    assert_verdict(code, &mesh.path("run"));
    mesh.assert_nothing_is_lost();
}

#[test]
fn a_full_spool_ends_the_journal_and_not_the_probing() {
    let mesh = Mesh::new("full", 2);
    let fast = ["--tau", "1ms", "--duration", "3s"];
    let collector = mesh.collector(&["--agents", "2"]);
    let capped = mesh.agent(0, &[&fast[..], &["--spool-cap-bytes", "65536"]].concat());
    // The disk of agent 1 takes no more than 64 KiB a file: its last write is cut in two.
    let agent = mesh.agent_at(1, mesh.collector, &fast);
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""])
        .arg(agent.get_program())
        .args(agent.get_args());
    let full = Process::start(&mut full);
    let (code, said) = capped.ended();
    assert!(code == Some(0) && said.contains("were dropped: the cap of 65536 bytes is reached"), "{said}");
    let (code, said) = full.ended();
    assert!(code == Some(0) && said.contains("were dropped: File too large"), "{said}");
    assert_verdict(collector.ended().0, &mesh.path("run"));
    let said = mesh.assert_nothing_is_lost();
    assert!(said.contains("node 0 fell silent (its journal ends)"), "{said}");
    assert_eq!(said.matches("journal_dropped_frames").count(), 2, "both agents' last words: {said}");
}

#[test]
fn a_spool_may_be_shipped_late_and_twice() {
    let mesh = Mesh::new("late", 2);
    let agents: Vec<Process> = (0..2).map(|id| mesh.agent(id, &SHORT)).collect();
    for agent in agents {
        let (code, said) = agent.ended();
        assert!(code == Some(0) && said.contains("frames are not acknowledged"), "no collector is no failure: {said}");
    }
    let ship = |id: usize| {
        let (code, said) = mesh.agent(id, &["--ship-only"]).ended();
        assert!(code == Some(0) && said.contains("shipped 1 of 1 journals"), "{said}");
    };
    let collector = mesh.collector(&["--agents", "2"]);
    (0..2).for_each(ship);
    assert_verdict(collector.ended().0, &mesh.path("run"));
    mesh.assert_nothing_is_lost();
    let before: Vec<Vec<u8>> = mesh.journals("run/journals").iter().map(|path| fs::read(path).expect("it")).collect();
    let collector = mesh.collector(&[]);
    (0..2).for_each(ship);
    let (code, said) = collector.stopped();
    assert!(!said.contains("frames "), "nothing was written again: {said}");
    assert_verdict(code, &mesh.path("run"));
    let after: Vec<Vec<u8>> = mesh.journals("run/journals").iter().map(|path| fs::read(path).expect("it")).collect();
    assert!(before == after, "the journals did not change");
    mesh.assert_nothing_is_lost();
}

/// Runs agent 0 by a configuration file with one more line.
fn configured(mesh: &Mesh, line: &str) -> (Option<i32>, String) {
    let peer = format!("{{ id = 1, address = \"127.0.0.1:{}\" }}", mesh.port(1));
    let listen = format!("127.0.0.1:{}", mesh.port(0));
    let text = format!("id = 0\nlisten = \"{listen}\"\npeers = [{peer}]\nkey_file = \"key\"\n{line}\n");
    fs::write(mesh.path("agent.toml"), text).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench-agent"));
    Process::start(command.args(["--config", "agent.toml"]).current_dir(mesh.path(""))).ended()
}

#[test]
fn a_bad_line_of_a_configuration_is_named() {
    let mesh = Mesh::new("configured", 2);
    let (code, said) = configured(&mesh, "key = \"5ec7e7\"");
    assert!(code == Some(2) && said.contains("line 5, key `key`: unknown field `key`"), "{said}");
    assert!(!said.contains("5ec7e7"), "what might be a secret is not shown: {said}");
    let (code, said) = configured(&mesh, "tau = \"20s\"");
    assert!(code == Some(2) && said.contains("tau `20s`: choose from 100us to 10s"), "{said}");
    let (code, said) = configured(&mesh, "duration = \"100ms\"\ntau = \"5ms\"\nspool = \"s\"");
    assert!(code == Some(0) && said.contains("can be read by others") && said.contains("kappa_ppm is not"), "{said}");
}

#[test]
fn a_port_or_folder_that_is_taken_is_named() {
    let mesh = Mesh::new("taken", 2);
    let collector = mesh.collector(&[]);
    let start = |dir: &str, port: u16| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench-collector"));
        command.args(["--listen", &format!("127.0.0.1:{port}")]).arg("--dir").arg(mesh.path(dir));
        Process::start(command.arg("--key-file").arg(mesh.path("key"))).ended()
    };
    let (code, said) = start("other", mesh.collector);
    assert!(code == Some(3) && said.contains("cannot be listened at: choose a free port"), "{said}");
    let (code, said) = start("run", mesh.port(0));
    assert!(code == Some(3) && said.contains("in use by another process"), "{said}");
    let agent = mesh.agent(0, &[]);
    until("the agent runs", || mesh.journals("spool-0").len() == 1);
    let (code, said) = mesh.agent(0, &[]).ended();
    assert!(code == Some(3) && said.contains("in use by another process"), "{said}");
    let (code, said) = configured(&mesh, "spool = \"elsewhere\"");
    assert!(code == Some(3) && said.contains("choose a free address"), "{said}");
    drop(agent);
    let (code, said) = collector.stopped();
    assert!(code == Some(4), "{said}");
}
