//! Every folder that a command writes is a bundle: its manifest names each file, and one flipped byte is found.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::Folder;
use crate::lab::{skewbench, text};

const SCENARIO: &str = "duration = \"4s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 2 }\n\
                        [oscillators]\ndrift_within_ppm = 50\n[links]\ndelay = \"1ms\"\n";

/// Asserts that a command makes a bundle of these files, that it verifies, and that no byte of it can be changed unseen.
fn assert_bundle(name: &str, inputs: &[(&str, &str)], flags: &[&str], files: &[&str]) {
    let folder = Folder::new(&format!("bundle-{name}"));
    for (input, content) in inputs {
        fs::write(folder.path().join(input), content).expect("an input");
    }
    let out = folder.path().join("out");
    let done = skewbench().args(flags).arg("--out").arg(&out).current_dir(folder.path()).output().expect("it starts");
    assert!(matches!(done.status.code(), Some(0 | 1 | 4)), "{name}: {}", text(&done.stderr));
    for file in files {
        assert!(out.join(file).is_file(), "{name}: {file} is written");
    }
    let verify = || {
        let found = skewbench().arg("verify").arg(&out).output().expect("verify starts");
        (found.status.code(), text(&found.stdout) + &text(&found.stderr))
    };
    let (code, said) = verify();
    assert!(code == Some(0) && !said.contains("not in the manifest"), "{name}: {said}");
    let all: Vec<PathBuf> = bundled(&out);
    // Journals may be elsewhere.
    let listed = (all.len()..all.len() + 3).any(|count| said.contains(&format!("{count} of {count} files")));
    assert!(listed && all.len() >= files.len(), "{name}: {said}");
    for path in all {
        let whole = fs::read(&path).expect("a file");
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, flipped).expect("written");
        let (code, said) = verify();
        let file = path.file_name().expect("a name").to_str().expect("text");
        assert!(code == Some(1) && said.contains(file), "{name}: {file}: {said}");
        fs::write(&path, whole).expect("written");
    }
    assert_eq!(verify().0, Some(0), "{name}: all is as it was");
    fs::remove_file(out.join(files[0])).expect("removed");
    let (code, said) = verify();
    let made_again = said.contains("not kept, but made again");
    assert!(said.contains(files[0]) && (code == Some(3) || made_again), "{name}: {said}");
}

fn bundled(out: &Path) -> Vec<PathBuf> {
    let inside = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let all = inside(out.to_owned()).chain(inside(out.join("journals"))).filter(|path| path.is_file());
    let is_mark = |path: &PathBuf| path.ends_with("MANIFEST.sha256") || path.extension().is_some_and(|e| e == "lock");
    all.filter(|path| !is_mark(path)).collect()
}

#[test]
fn what_sim_writes_is_a_bundle_with_its_scenario() {
    let inputs = [("s.toml", SCENARIO)];
    assert_bundle("sim", &inputs, &["sim", "s.toml", "-q"], &["summary.csv", "report.html", "scenario.toml"]);
    let streamed = ["sim", "s.toml", "--streamed", "-q"];
    assert_bundle("streamed", &inputs, &streamed, &["stream.csv", "scenario.toml"]);
    assert_bundle("adversary", &[], &["sim", "--adversary", "ring"], &["adversary.csv"]);
}

#[test]
fn what_a_sweep_writes_is_a_bundle_with_its_runs() {
    let flags = ["sweep", "s.toml", "--over", "tau=100ms,200ms", "--seeds", "1", "-q"];
    let files = ["sweep.csv", "sweep.html", "scenario.toml", "runs.jsonl"];
    assert_bundle("sweep", &[("s.toml", SCENARIO)], &flags, &files);
}

#[test]
fn what_stability_writes_is_a_bundle() {
    let phase: String = (0..40).map(|second| format!("{}e-9\n", second * second % 17)).collect();
    let files = ["stability.csv", "stability.html"];
    assert_bundle("stability", &[("phase.csv", &phase)], &["stability", "phase.csv"], &files);
}

#[test]
fn what_replay_writes_is_a_bundle() {
    let row = |k: i64| format!("a,b,{},{},{},{}\n", k * 1_000, k * 1_000 + 50, k * 1_000 + 60, k * 1_000 + 110);
    let stamps: String = (1..40).map(|k| row(k * 1_000_000)).collect();
    let stamps = format!("from,to,t1_ns,t2_ns,t3_ns,t4_ns\n{stamps}");
    assert_bundle("replay", &[("stamps.csv", &stamps)], &["replay", "stamps.csv"], &["replay.csv"]);
}

#[test]
fn what_order_writes_is_a_bundle() {
    assert_bundle("order", &[], &["order", "mutex", "--simulated"], &["ordering-sim.csv"]);
    let over = ["order", "mutex", "--simulated", "--over", "eps=1ms,2ms"];
    assert_bundle("price", &[], &over, &["ordering-sim.csv", "price.html"]);
    let agents = ["order", "mutex", "--nodes", "2", "--seconds", "0.3", "--clock", "ntp"];
    assert_bundle("agents", &[], &agents, &["ordering.csv"]);
}

#[test]
fn what_analyze_writes_is_a_bundle_of_journals_elsewhere() {
    let folder = Folder::new("bundle-analyzed");
    let (scenario, run) = (folder.path().join("s.toml"), folder.path().join("run"));
    fs::write(&scenario, SCENARIO).expect("a scenario");
    let done = skewbench().arg("sim").arg(&scenario).args(["-q", "--out"]).arg(&run).output().expect("sim starts");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_bundle("analyze", &[], &["analyze", run.to_str().expect("text"), "-q"], &["summary.csv", "arcs.csv"]);
}
