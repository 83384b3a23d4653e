//! `skewbench order` as a person runs it.

use std::process::Output;

use crate::chromium::Folder;
use crate::lab::{skewbench, table, text};

fn order(flags: &[&str]) -> Output {
    skewbench().arg("order").args(flags).output().expect("the program")
}

#[test]
fn a_workload_prints_its_price_beside_the_prediction_and_writes_both() {
    let folder = Folder::new("order");
    let out = folder.0.join("out");
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
fn malformed_flags_say_what_would_be_right() {
    for (flags, mend) in [
        (&["tennis", "--simulated"][..], "byzantine"),
        (&["mutex", "--eps", "2ms"], "--simulated"),
        (&["mutex", "--clock", "sundial"], "free"),
        (&["mutex", "--simulated", "--clock", "lamport"], "lamport-logical"),
        (&["mutex", "--delay", "5ms", "--declared-delay", "2ms"], "choose more"),
        (&["mutex", "--ablate"], "--simulated"),
        (&["mutex", "--simulated", "--delay", "0ms"], "1us or more"),
        (&["mutex", "--simulated", "--rate", "99999", "--seconds", "3600"], "choose less"),
    ] {
        let output = order(flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(text(&output.stderr).contains(mend), "{flags:?}: {}", text(&output.stderr));
    }
}
