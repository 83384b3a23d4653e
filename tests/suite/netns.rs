//! `scripts/netns-lab`: agents in network namespaces. Without root and iproute2 it is named as skipped.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::folder::Folder;
use crate::hosts::assert_verdict;
use crate::lab::{table, text};

fn script(args: &[&str]) -> (u32, Output) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/netns-lab");
    run(Command::new(script).args(args))
}

/// The process id that a command had, and what it said.
fn run(command: &mut Command) -> (u32, Output) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the script starts");
    (child.id(), child.wait_with_output().expect("an end"))
}

/// Whether namespaces can be made here.
fn is_possible() -> bool {
    let name = format!("skb{}-try", std::process::id());
    let ip = |what: &str| {
        let output = Command::new("ip").args(["netns", what, &name]).output();
        output.is_ok_and(|output| output.status.success())
    };
    ip("add") && ip("del")
}

#[test]
fn its_flags_are_refused_by_name_value_and_mend() {
    assert!(text(&script(&["--help"]).1.stdout).starts_with("Usage: scripts/netns-lab"));
    for (args, why) in [
        (&["--nodes", "1"][..], "--nodes 1: choose from 2 to 100"),
        (&["--partition", "9:3"], "--partition 9:3: the link must go down before it comes up"),
        (&["--cut", "3"], "--cut 3: agents are 0 to 2"),
        (&["--seconds"], "--seconds: a value must follow"),
        (&["--frob"], "--frob: there is no such option"),
    ] {
        let (_, output) = script(args);
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

#[test]
fn a_partition_shows_as_losses_and_loses_no_frame() {
    if !is_possible() {
        eprintln!("skipped: a_partition_shows_as_losses_and_loses_no_frame needs root and iproute2");
        return;
    }
    let folder = Folder::new("netns");
    let bin = Path::new(env!("CARGO_BIN_EXE_skewbench")).parent().expect("a folder").to_string_lossy().into_owned();
    let out = folder.path().to_string_lossy().into_owned();
    let args = ["--seconds", "5", "--tau", "50ms", "--partition", "2:3", "--cut", "1", "--out", &out, "--bin", &bin];
    let (pid, output) = script(&args);
    let said = text(&output.stderr);
    assert_verdict(output.status.code(), folder.path());
    assert!(said.contains("the link of agent 1 is up again") && said.contains("give the same tables"), "{said}");
    let arcs = table(&folder.path().join("arcs.csv"));
    let lost = |from: &str, to: &str| {
        let arc = arcs.iter().find(|arc| arc["from"] == from && arc["to"] == to).expect("an arc");
        arc["lost"].parse::<u64>().expect("a count")
    };
    assert!(lost("0", "1") >= 5 && lost("2", "1") >= 5, "a second at 50 ms: {} and {}", lost("0", "1"), lost("2", "1"));
    let left = fs::read_dir("/var/run/netns").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mine = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(&format!("skb{pid}-"));
    assert!(!left.into_iter().any(|name| mine(&name)), "no namespace is left behind");
}
