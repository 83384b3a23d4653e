//! `skewbench order WORKLOAD` on real agents, as a person runs it. Nothing here is timed: promises on delays and on clocks are
//! such as a loaded machine keeps.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

const CALM: [&str; 6] = ["--seconds", "0.3", "--declared-eps", "100ms", "--declared-delay", "2s"];

fn order(flags: &[&str], out: &str) -> Output {
    skewbench().arg("order").args(flags).args(["--out", out]).output().expect("the program")
}

/// Runs a workload and expects that no invariant broke and that something was done.
fn holds(workload: &str, flags: &[&str]) {
    let folder = Folder::new(workload);
    let out = folder.join("out");
    let flags: Vec<&str> = [workload].iter().chain(flags).copied().collect();
    let output = order(&flags, out.to_str().expect("a path"));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{workload}: {said}");
    assert!(text(&output.stdout).contains("\nverdict  WITHIN\n"), "{said}");
    let rows = table(&out.join("ordering.csv"));
    assert!(rows.iter().any(|row| row["relation"] == "never"), "{workload}: its invariants are counted");
    for row in &rows {
        assert_eq!((row["workload"].as_str(), row["violations"].as_str()), (workload, "0"));
        assert!(row["operations"].parse::<u64>().expect("a count") > 0, "{workload}: {row:?}");
        assert_eq!(row["transport"], "tcp loopback");
        assert!(row["throughput_is"].ends_with("done a second") && !row["cores"].is_empty(), "{row:?}");
    }
    assert!(!out.join("spool").exists(), "nothing is left of the agents");
}

#[test]
fn mutual_exclusion_on_agents_never_has_two_holders() {
    holds("mutex", &[&CALM[..], &["--clock", "ntp,lamport-logical", "--rate", "60"]].concat());
    holds("ricart-agrawala", &[&CALM[..], &["--clock", "hlc", "--rate", "60"]].concat());
}

#[test]
fn replicas_on_agents_agree() {
    holds("state-machine", &[&CALM[..], &["--clock", "hlc", "--rate", "100"]].concat());
    holds("causal", &[&CALM[..], &["--clock", "ntp", "--rate", "100"]].concat());
}

#[test]
fn every_way_to_know_stability_orders_alike_on_agents() {
    let promise = ["--seconds", "0.3", "--declared-eps", "100ms", "--declared-delay", "1s"];
    holds("stability-tests", &[&promise[..], &["--clock", "lamport", "--rate", "100"]].concat());
}

#[test]
fn total_order_by_the_engine_is_saturated_and_then_run_at_half_of_that() {
    let folder = Folder::new("total-order");
    let out = folder.join("out");
    let output = order(&["total-order", "--seconds", "0.3", "--clock", "hlc,free"], out.to_str().expect("a path"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows = table(&out.join("ordering.csv"));
    let mut found: Vec<(&str, &str)> = rows.iter().map(|row| (row["stamps"].as_str(), row["load"].as_str())).collect();
    found.dedup();
    assert_eq!(found, [("hlc", "saturated"), ("hlc", "half"), ("free", "saturated"), ("free", "half")]);
    assert!(rows.iter().all(|row| row["payload_bytes"] == "64" && row["batch"] == "64" && row["violations"] == "0"));
    assert!(rows.iter().any(|row| row["quantity"] == "the same without order"));
}

/// What `quantity` was in the row of a run.
fn measured<'a>(rows: &'a [BTreeMap<String, String>], quantity: &str) -> &'a str {
    rows.iter().find(|row| row["quantity"] == quantity).map_or("", |row| &row["measured"])
}

#[test]
fn a_connection_that_is_cut_is_mended_and_every_command_is_delivered_and_acknowledged() {
    let folder = Folder::new("cut");
    let out = folder.join("out");
    let flags = ["total-order", "--seconds", "0.6", "--clock", "hlc", "--rate", "20000", "--cut", "0-1@200ms+100ms"];
    let output = order(&flags, out.to_str().expect("a path"));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("link     0-1 was cut and mended once") && said.contains("is cut and being mended"),
        "{said}"
    );
    let rows = table(&out.join("ordering.csv"));
    assert_eq!(measured(&rows, "cuts of connections that were mended"), "1.000", "{said}");
    assert_eq!(measured(&rows, "commands acknowledged"), measured(&rows, "commands issued"), "{said}");
    assert!(rows.iter().all(|row| row["violations"] == "0"), "{said}");
}

#[test]
fn cuts_disturb_no_invariant_of_workloads_on_agents() {
    let calm = [&CALM[2..], &["--seconds", "0.8"]].concat();
    holds("state-machine", &[&calm[..], &["--clock", "hlc", "--rate", "100", "--cut", "1-2@100ms+150ms"]].concat());
    holds("mutex", &[&calm[..], &["--clock", "ntp", "--rate", "60", "--cut", "0-2@100ms+150ms"]].concat());
}

#[test]
fn a_cut_that_outlasts_patience_is_a_lost_connection_and_no_verdict() {
    let folder = Folder::new("lost");
    let out = folder.join("out");
    let flags = ["total-order", "--seconds", "0.5", "--clock", "ntp", "--rate", "9000", "--cut", "0-1@100ms+9s"];
    let output = order(&flags, out.to_str().expect("a path"));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(4), "{said}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in
        ["it could not be mended while patience lasted", "stopped agent", "of the 1500 commands that agent 0 issued"]
    {
        assert!(said.contains(told), "{told}: {said}");
    }
    let rows = table(&out.join("ordering.csv"));
    assert_eq!(measured(&rows, "connections lost for good"), "1.000", "{said}");
    assert!(rows.iter().all(|row| row["violations"] == "0"), "{said}");
}

#[test]
fn what_needs_no_order_holds_on_agents() {
    holds("commit-wait", &["--seconds", "0.3", "--declared-eps", "100ms", "--clock", "ntp", "--rate", "20"]);
    holds("restart", &[&CALM[..], &["--clock", "hlc", "--rate", "100"]].concat());
    holds("anomaly", &[&CALM[..], &["--clock", "ntp", "--rate", "100"]].concat());
}

#[test]
fn snapshots_on_agents_have_all_the_money() {
    holds("snapshot", &["--seconds", "0.5", "--declared-delay", "100ms", "--clock", "hlc", "--rate", "100"]);
}

#[test]
fn a_minority_of_agents_is_killed_and_the_real_time_machine_goes_on() {
    holds("real-time", &["--seconds", "0.3", "--declared-delay", "500ms", "--clock", "ntp", "--rate", "100"]);
}

#[test]
fn generals_on_agents_agree_although_one_lies() {
    holds("byzantine", &["--seconds", "0.3", "--declared-delay", "500ms", "--clock", "ntp"]);
}

#[test]
fn clocks_that_nobody_synchronises_break_commit_wait() {
    let folder = Folder::new("free");
    let out = folder.join("out");
    let flags = ["commit-wait", "--seconds", "0.5", "--declared-eps", "1us", "--clock", "free", "--rate", "200"];
    let output = order(&flags, out.to_str().expect("a path"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let rows = table(&out.join("ordering.csv"));
    let broken = rows.iter().find(|row| row["quantity"] == "external consistency").expect("a row");
    assert!(broken["measured"].parse::<u64>().expect("a count") > 0);
}

/// Runs an ablation, and expects that this is found to have broken.
fn breaks(workload: &str, flags: &[&str], what: &str) {
    let folder = Folder::new(&format!("ablated-{workload}"));
    let out = folder.join("out");
    let flags: Vec<&str> = [workload, "--ablate"].iter().chain(flags).copied().collect();
    let output = order(&flags, out.to_str().expect("a path"));
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{workload}: {said}");
    assert!(text(&output.stdout).contains("\nablation "), "{said}");
    let rows = table(&out.join("ordering.csv"));
    let broken = rows.iter().find(|row| row["quantity"] == what).expect("a row");
    assert!(broken["measured"].parse::<u64>().expect("a count") > 0, "{said}");
    assert_eq!((broken["premise"].as_str(), broken["transport"].as_str()), ("broken", "tcp loopback"));
}

#[test]
fn agents_whose_channels_do_not_keep_their_order_disagree() {
    let flags = ["--seconds", "0.5", "--clock", "ntp", "--rate", "400", "--declared-delay", "2s"];
    breaks("total-order", &flags, "messages out of order");
    breaks("snapshot", &["--seconds", "1", "--clock", "hlc"], "snapshots by markers without all the money");
}

#[test]
fn a_declared_eps_of_nothing_breaks_promises_on_agents() {
    breaks("commit-wait", &["--seconds", "0.5", "--clock", "free", "--rate", "200"], "external consistency");
    breaks("anomaly", &["--seconds", "0.5", "--clock", "free", "--rate", "200"], "anomalies beyond the declared eps");
}

#[test]
fn three_generals_on_agents_cannot_bear_a_traitor_with_oral_messages() {
    let flags = ["--seconds", "1", "--clock", "ntp", "--declared-delay", "20ms"];
    breaks("byzantine", &flags, "IC2: a loyal commander is not obeyed");
}

/// Starts the program: it, and what it says while it runs.
fn start(flags: &[&str], out: &Path) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut run =
        skewbench().args(flags).arg(out).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let errors = BufReader::new(run.stderr.take().expect("standard error")).lines();
    (run, errors)
}

#[test]
fn an_agent_that_is_killed_is_reported_and_nothing_is_made_up() {
    let folder = Folder::new("killed");
    let out = folder.join("out");
    let flags = ["order", "state-machine", "--seconds", "30", "--clock", "ntp", "--rate", "100", "--out"];
    let (run, mut errors) = start(&flags, &out);
    let mut said = || errors.next().expect("a line").expect("a readable line");
    let agents = said();
    let pid = agents.rsplit_once(": ").expect("the last agent's process").1.parse().expect("a number");
    while !said().contains("operations/s") {}
    // Long enough for the scene to begin even here; if it has not, the agent dies before it, and that is reported as well.
    std::thread::sleep(std::time::Duration::from_secs(3));
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
    let output = run.wait_with_output().expect("the program");
    let rest: Vec<String> = errors.map_while(Result::ok).collect();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stdout));
    assert!(rest.iter().any(|line| line.contains("agent 2 died: signal: 9")), "{rest:?}");
    let rows = table(&out.join("ordering.csv"));
    assert!(rows.iter().filter(|row| row["relation"] == "never").all(|row| row["measured"] == "0"));
    assert!(rows.iter().any(|row| row["quantity"] == "commands not delivered everywhere"), "it is told, not judged");
}

#[test]
fn who_survives_a_killed_agent_says_what_was_delivered_and_what_was_acknowledged() {
    let folder = Folder::new("survivors");
    let out = folder.join("out");
    let flags = ["order", "total-order", "--seconds", "4", "--clock", "hlc", "--rate", "3000", "--out"];
    let (run, mut errors) = start(&flags, &out);
    let mut said = || errors.next().expect("a line").expect("a readable line");
    let pid = said().rsplit_once(": ").expect("the last agent's process").1.parse().expect("a number");
    while !said().contains("total-order by hlc") {}
    // The clocks are looked at first, for less than a second; if the phase has not begun here, there are no survivors of it.
    std::thread::sleep(std::time::Duration::from_secs(3));
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
    let output = run.wait_with_output().expect("the program");
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{told}");
    for agent in 0..2 {
        let line = format!("commands that agent {agent} issued it delivered the first");
        assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(&line), "{told}");
    }
    assert!(told.contains("agent 2 died: signal: 9"), "{told}");
    let rows = table(&out.join("ordering.csv"));
    assert!(rows.iter().all(|row| row["violations"] == "0"), "{told}");
    let count = |quantity| measured(&rows, quantity).parse::<f64>().expect("a count");
    let (issued, acknowledged) = (count("commands issued"), count("commands acknowledged"));
    assert!(0.0 < acknowledged && acknowledged < issued && issued <= 8_000.0, "{told}");
}

#[test]
fn an_agent_that_stands_still_for_a_while_breaks_nothing_but_latencies() {
    let folder = Folder::new("slow");
    let out = folder.join("out");
    let flags = ["order", "mutex", "--seconds", "3", "--clock", "hlc", "--rate", "30", "--out"];
    let (run, mut errors) = start(&flags, &out);
    let mut said = || errors.next().expect("a line").expect("a readable line");
    let pid = Pid::from_raw(said().rsplit_once(": ").expect("a process").1.parse().expect("a number"));
    while !said().contains("operations/s") {}
    std::thread::sleep(std::time::Duration::from_secs(1));
    kill(pid, Signal::SIGSTOP).expect("it runs");
    std::thread::sleep(std::time::Duration::from_secs(1));
    kill(pid, Signal::SIGCONT).expect("it stands");
    let output = run.wait_with_output().expect("the program");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let rows = table(&out.join("ordering.csv"));
    assert!(rows.iter().all(|row| row["violations"] == "0"));
}
