//! `skewbench order` as a person runs it.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

fn order(flags: &[&str]) -> Output {
    skewbench().arg("order").args(flags).output().expect("the program")
}

#[test]
fn a_workload_prints_its_price_beside_the_prediction_and_writes_both() {
    let folder = Folder::new("order");
    let out = folder.join("out");
    let output = order(&["mutex", "--simulated", "--seconds", "5", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\nverdict  WITHIN\n"), "{}", text(&output.stdout));
    let rows = table(&out.join("ordering-sim.csv"));
    let find = |quantity| rows.iter().find(|row| row["quantity"] == quantity).expect("a row");
    let messages = find("messages per entry");
    assert_eq!((messages["measured"].as_str(), messages["predicted"].as_str()), ("6.000", "6.000"));
    let holders = find("two holders");
    assert_eq!((holders["relation"].as_str(), holders["measured"].as_str()), ("never", "0"));
}

#[test]
fn a_promise_on_too_small_an_eps_breaks_and_is_exit_code_one() {
    let declared = |eps| {
        let flags = ["commit-wait", "--simulated", "--seconds", "5", "--eps", "7ms", "--declared-eps", eps];
        order(&flags).status.code()
    };
    assert_eq!((declared("7ms"), declared("3ms")), (Some(0), Some(1)));
    assert_eq!(order(&["total-order", "--simulated", "--seconds", "5", "--ablate"]).status.code(), Some(1));
}

#[test]
fn the_committed_prices_are_those_of_this_program() {
    let folder = Folder::new("price");
    let out = folder.join("out");
    let flags = ["all", "--simulated", "--over", "eps=100us..30ms", "--out", out.to_str().unwrap()];
    let output = order(&flags);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let all_as_predicted = |line: &str| {
        let (found, of) = line.split_once(": ")?.1.split_once(" as predicted")?.0.split_once(" of ")?;
        Some(found == of && line.ends_with(" 0 violations"))
    };
    let told = text(&output.stdout);
    let (runs, dir): (Vec<&str>, Vec<&str>) = told.lines().partition(|line| line.contains(", eps "));
    assert!(runs.len() == 12 * 6 && dir.len() == 1, "{told}");
    assert!(runs.iter().all(|line| all_as_predicted(line) == Some(true)), "{told}");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/price");
    for name in ["ordering-sim.csv", "price.html"] {
        let (ours, theirs) = (fs::read(out.join(name)).unwrap(), fs::read(committed.join(name)).unwrap());
        assert!(ours == theirs, "{name} is another one now: scripts/price makes results/price anew");
    }
}

#[test]
fn malformed_flags_say_what_would_be_right() {
    for (flags, mend) in [
        (&["tennis", "--simulated"][..], "byzantine"),
        (&["mutex", "--eps", "2ms"], "--simulated"),
        (&["mutex", "--clock", "sundial"], "free"),
        (&["mutex", "--simulated", "--clock", "lamport"], "lamport-logical"),
        (&["mutex", "--delay", "5ms", "--declared-delay", "2ms"], "choose more"),
        (&["byzantine", "--ablate", "--nodes", "2"], "3 or more: choose more"),
        (&["mutex", "--cut", "0-1"], "0-1@1s+300ms"),
        (&["mutex", "--cut", "0-3@1s+1s"], "more --nodes"),
        (&["mutex", "--cut", "0-1@5s+1s"], "more --seconds"),
        (&["mutex", "--simulated", "--cut", "0-1@1s+1s"], "--cut"),
        (&["mutex", "--simulated", "--delay", "0ms"], "1us or more"),
        (&["mutex", "--simulated", "--over", "eps=1ms"], "two or more"),
        (&["mutex", "--simulated", "--over", "nodes=2,99"], "2 to 16"),
        (&["mutex", "--simulated", "--rate", "99999", "--seconds", "3600"], "choose less"),
    ] {
        let output = order(flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(text(&output.stderr).contains(mend), "{flags:?}: {}", text(&output.stderr));
    }
}
