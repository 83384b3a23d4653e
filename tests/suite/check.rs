//! `skewbench check` as a person runs it: on simulated folders, on agents of real processes, and with wrong flags.

use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::folder::Folder;
use crate::hosts::{Mesh, Process, until};
use crate::lab::{skewbench, text};

/// Three nodes 200 us apart, polled every 100 ms, whose clocks are up to 10 ms apart.
const QUIET: &str = "duration = \"12s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 3 }\n\
                     [links]\ndelay = \"200us\"\njitter = { kind = \"uniform\", limit = \"100us\" }\nmu = \"190us\"\n\
                     [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 20.0\n";

/// Runs a scenario into a folder.
fn simulated(name: &str, more: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.path()).expect("a folder");
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, format!("{QUIET}{more}")).expect("a scenario");
    let done = skewbench().arg("sim").arg(&file).args(["--seed", "3", "-q", "--out"]).arg(run(&folder)).output();
    let done = done.expect("the simulation starts");
    assert!(run(&folder).join("journals").is_dir(), "{}", text(&done.stderr));
    folder
}

fn run(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("run")
}

fn check(path: &Path, args: &[&str]) -> Output {
    skewbench().arg("check").args(args).arg(path).output().expect("the program starts")
}

/// The exit code, and what was printed as one line.
fn said(output: &Output) -> (Option<i32>, String) {
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    (output.status.code(), text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" "))
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", text(&output.stderr)))
}

#[test]
fn truth_and_messages_alone_judge_a_quiet_run() {
    let folder = simulated("check-quiet", "");
    let run = run(&folder);
    // Safe, by what nobody but a simulation knows, and by what messages prove.
    let (code, told) = said(&check(&run, &["--target", "1ms", "--clock", "lamport"]));
    assert!(code == Some(0) && told.contains("verdict SAFE") && told.contains("(true eps)"), "{told}");
    let (code, told) = said(&check(&run, &["--target", "1ms", "--clock", "lamport", "--without-truth"]));
    assert!(code == Some(0) && told.contains("(certified)") && told.contains("not used (--without-truth)"), "{told}");
    // Unsafe: the undisciplined clocks, which stand in for those that hosts would have.
    for flags in [&["--target", "1ms"][..], &["--target", "1ms", "--without-truth"]] {
        let (code, told) = said(&check(&run, flags));
        assert!(code == Some(1) && told.contains("free stands in for system"), "{told}");
        assert!(told.contains("The free clocks are UNSAFE for 1ms: nodes") && told.contains(" s of the run"), "{told}");
    }
    // Unknown: 200 us each way cannot be certified to 100 us, unless somebody knows the delays.
    let tight = ["--target", "150us", "--clock", "ntp", "--without-truth"];
    let (code, told) = said(&check(&run, &tight));
    assert!(code == Some(4) && told.contains("half a round trip is above it"), "{told}");
    assert!(told.contains("It would take: a known least one-way delay (--min-delay"), "{told}");
    let (code, told) = said(&check(&run, &[&tight[..], &["--min-delay", "190us"]].concat()));
    assert!(code == Some(0) && told.contains("no message takes less than 190us (--min-delay: your word"), "{told}");
    let distances = ["--distance", "0-1=57km", "--distance", "2-1=57km", "--distance", "0-2=57km"];
    let (code, told) = said(&check(&run, &[&tight[..], &distances].concat()));
    assert!(
        code == Some(0) && told.contains("nodes 1 and 2 are 57km apart, 190.131us for light (--distance:"),
        "{told}"
    );
    // An assumption that is false is told, and no verdict rests on it.
    let (code, told) = said(&check(&run, &[&tight[..], &["--min-delay", "290us"]].concat()));
    assert!(code == Some(4) && told.contains("an assumption is false, in"), "{told}");
    assert!(told.contains("no least delay (mu) above"), "{told}");
    let (code, told) = said(&check(&run, &["--target", "1ms", "--without-truth", "--kappa-ppm", "300"]));
    assert!(code == Some(1) && told.contains("keeps to 300 ppm (--kappa-ppm: your word, not measured)"), "{told}");
}

#[test]
fn the_numbers_of_a_program_are_those_of_the_run() {
    let folder = simulated("check-json", "");
    let found = value(&check(&run(&folder), &["--target", "1ms", "--json"]));
    assert_eq!(
        (&found["verdict"], &found["clock"], &found["exit_code"]),
        (&"UNSAFE".into(), &"free".into(), &1.into())
    );
    let rows = crate::lab::table(&run(&folder).join("summary.csv"));
    let clocks = found["clocks"].as_array().expect("clocks");
    assert_eq!(clocks.len(), 4);
    for clock in clocks {
        let row = rows.iter().find(|row| row["algorithm"] == clock["clock"].as_str().expect("a name")).expect("a row");
        assert_eq!(clock["eps_true_ns_max"].to_string(), row["eps_true_ns_max"]);
        let [low, truth, high] =
            ["eps_certified_ns_low", "eps_true_ns_max", "eps_certified_ns_high"].map(|key| clock[key].as_i64());
        // The end of the run, after the last instant of the grid, adds a microsecond to free-running clocks.
        assert!(low <= truth && truth <= high.map(|high| high + 1_000_000), "{clock}");
        let margin = (clock["verdict"] == "SAFE").then(|| 1_000_000 - truth.expect("known"));
        assert_eq!(clock["margin_ns"].as_i64(), margin, "{clock}");
    }
}

#[test]
fn the_readme_has_what_the_reference_run_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("a README");
    let flags = ["--target", "100us", "--clock", "ntp", "--without-truth"];
    let output = check(&root.join("results/lab"), &flags);
    assert!(readme.contains(&format!("skewbench check {} results/lab", flags.join(" "))));
    assert!(readme.contains(&text(&output.stdout)), "README must say:\n{}", text(&output.stdout));
}

#[test]
fn a_clock_that_was_set_is_no_ground_for_a_verdict() {
    let folder = simulated("check-step", "[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"6s\"\nby = \"5ms\"\n");
    let flags = ["--target", "200ms", "--without-truth", "--kappa-ppm", "50"];
    let (code, told) = said(&check(&run(&folder), &flags));
    assert!(code == Some(4) && told.contains("an assumption is false"), "{told}");
    assert!(told.contains("Without node 1 the rest is consistent") && told.contains("Proof, "), "{told}");
    // Declared truth needs no such assumption.
    let (code, told) = said(&check(&run(&folder), &["--target", "200ms", "--kappa-ppm", "50"]));
    assert!(code == Some(0) && told.contains("certificates assume what is false in"), "{told}");
}

#[test]
fn nobody_is_safe_with_a_node_that_left_no_journal() {
    let folder = simulated("check-missing", "");
    let journals = std::fs::read_dir(run(&folder).join("journals")).expect("journals");
    let mut files: Vec<_> = journals.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let part =
        |flags: &[&str]| said(&skewbench().arg("check").args(flags).args(&files[..2]).output().expect("it starts"));
    for flags in [&["--target", "1s"][..], &["--target", "1s", "--without-truth"]] {
        let (code, told) = part(flags);
        assert!(code == Some(4) && told.contains("of nodes 2 nothing usable is known"), "{told}");
    }
    assert_eq!(part(&["--target", "1ns"]).0, Some(1), "what two clocks did is proved without the third");
    let (code, told) = said(&check(&files[0], &["--target", "1s"]));
    assert!(code == Some(4), "{told}");
}

#[test]
fn profiles_have_their_own_limits_and_words() {
    let folder = simulated("check-profiles", "");
    let judged = |name: &str| said(&check(&run(&folder), &["--profile", name, "--clock", "ntp"]));
    for (name, code, words) in [
        ("cockroachdb", 0, "ntp against 500ms (the default --max-offset"),
        ("yugabytedb", 0, "SAFE for 500ms"),
        ("ceph", 0, "SAFE for 50ms"),
        ("etcd", 0, "SAFE for 1s"),
        ("rts25-hft", 4, "only mutual distance was measured"),
        ("rts25", 4, "UTC was not measured"),
    ] {
        let (found, told) = judged(name);
        assert_eq!(found, Some(code), "{name}: {told}");
        assert!(told.contains(words) && told.contains("source ") && told.contains("https://"), "{told}");
    }
    let (code, told) = said(&check(&run(&folder), &["--profile", "rts25"]));
    assert!(code == Some(1) && told.contains("one of them is further than that from UTC"), "{told}");
}

#[test]
fn wrong_flags_are_refused_by_name_value_and_mend() {
    let folder = simulated("check-flags", "");
    let refused = |flags: &[&str]| {
        let output = check(&run(&folder), flags);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    assert!(refused(&[]).contains("--target"));
    assert!(refused(&["--target", "1ms", "--profile", "ceph"]).contains("cannot be used with"));
    assert!(refused(&["--profile", "oracle"]).contains("choose one of cockroachdb"));
    assert!(refused(&["--target", "0"]).contains("--target 0s: choose a span above 0"));
    assert!(refused(&["--target", "1ms", "--clock", "system"]).contains("choose one of free, lamport, ntp, hlc"));
    assert!(refused(&["--target", "1ms", "--kappa-ppm=-1"]).contains("--kappa-ppm -1: choose from 0"));
    assert!(refused(&["--target", "1ms", "--kappa-ppm", "1e9"]).contains("--kappa-ppm 1000000000: choose"));
    assert!(refused(&["--target", "1ms", "--grid", "1ns"]).contains("--grid 1ns: choose from 1ms"));
    assert!(refused(&["--target", "1ms", "--min-delay", "1min"]).contains("--min-delay 60s: choose"));
    assert!(refused(&["--target", "1ms", "--distance", "0-1=57"]).contains("`57` is no distance"));
    assert!(refused(&["--target", "1ms", "--distance", "1-1=57km"]).contains("two different nodes"));
    assert!(refused(&["--target", "1ms", "--distance", "57km"]).contains("such as 0-1=120km"));
    let twice = ["--target", "1ms", "--distance", "0-1=5km", "--distance", "1-0=7km"];
    assert!(refused(&twice).contains("--distance 0-1: give each pair"));
    assert!(refused(&["--target", "1ms", "--listen", "0.0.0.0:1"]).contains("add --for"));
    assert!(refused(&["--target", "1ms", "--for", "1s"]).contains("cannot be used with"));
    let stranger = check(&run(&folder), &["--target", "1s", "--distance", "0-9=5km"]);
    assert!(text(&stranger.stdout).contains("of nodes 9"), "{}", text(&stranger.stdout));
    let none = skewbench().args(["check", "--target", "1ms", "/nowhere"]).output().expect("it starts");
    assert_eq!(none.status.code(), Some(3));
}

/// `check --for` at the place of the mesh's collector.
fn gathering(mesh: &Mesh, span: &str, flags: &[&str]) -> Process {
    let mut command: Command = skewbench();
    command.args(["check", "--for", span, "--target", "1s", "--json", "--cluster", "skewbench"]);
    command.args(["--listen", &format!("127.0.0.1:{}", mesh.collector)]).arg("--dir").arg(mesh.path("run"));
    Process::start(command.arg("--key-file").arg(mesh.path("key")).args(flags))
}

#[test]
fn running_agents_are_gathered_for_a_while_and_checked() {
    let mesh = Mesh::new("check-for", 2);
    let agents: Vec<Process> = (0..2).map(|id| mesh.agent(id, &["--tau", "50ms"])).collect();
    let output = gathering(&mesh, "6s", &["--warm-up", "0"]).end();
    let found = value(&output);
    // The agents share this host's system clock.
    assert_eq!((&found["clock"], &found["verdict"]), (&"system".into(), &"SAFE".into()), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    assert!(found["truth_decides"] == false && found["clocks"][0]["eps_true_ns_max"].is_null(), "{found}");
    let notes = found["notes"].to_string();
    assert!(notes.contains("share one kernel clock"), "{notes}");
    assert!(text(&output.stderr).contains("the time is over"), "{}", text(&output.stderr));
    let verified = skewbench().arg("verify").arg(mesh.path("run")).output().expect("verify starts");
    assert_eq!(verified.status.code(), Some(0), "what was gathered is a bundle: {}", text(&verified.stdout));
    // What was gathered is there to be checked again, and is not mixed with what comes later.
    assert_eq!(check(&mesh.path("run"), &["--target", "1s", "--warm-up", "0"]).status.code(), Some(0));
    let (code, why) = gathering(&mesh, "1s", &[]).ended();
    assert!(code == Some(2) && why.contains("it holds journals of an earlier run"), "{why}");
    for agent in agents {
        agent.cut_off();
    }
}

#[test]
fn an_interrupt_keeps_what_was_gathered() {
    let mesh = Mesh::new("check-interrupt", 2);
    let agents: Vec<Process> = (0..2).map(|id| mesh.agent(id, &["--tau", "50ms"])).collect();
    let gathering = gathering(&mesh, "10min", &["--warm-up", "0"]);
    until("journals arrive", || mesh.path("run/journals").is_dir() && mesh.journals("run/journals").len() == 2);
    mesh.until_bytes("run/journals", 20_000);
    gathering.signal(Signal::SIGINT);
    let output = gathering.end();
    assert!(text(&output.stderr).contains("told to stop"), "{}", text(&output.stderr));
    assert_eq!(value(&output)["nodes"], serde_json::json!([0, 1]));
    for agent in agents {
        agent.cut_off();
    }
}

#[test]
fn with_no_agents_it_says_where_to_look() {
    let mesh = Mesh::new("check-nobody", 1);
    let (code, why) = gathering(&mesh, "300ms", &[]).ended();
    assert!(code == Some(4) && why.contains("see that agents run with this address as `collector`"), "{why}");
}
