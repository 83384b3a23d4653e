//! What a person meets at the command line beside the runs themselves.

use std::process::{Output, Stdio};

use crate::folder::Folder;
use crate::lab::{skewbench, text};

fn run(args: &[&str]) -> Output {
    skewbench().args(args).output().expect("the program starts")
}

#[test]
fn help_teaches_with_examples() {
    for args in
        [&["--help"][..], &["lab", "--help"], &["analyze", "--help"], &["doctor", "--help"], &["yardstick", "--help"]]
    {
        let help = run(args);
        assert_eq!(help.status.code(), Some(0), "{args:?}");
        assert!(text(&help.stdout).contains("Usage: skewbench"), "{args:?}");
    }
    for args in [&["--help"][..], &["lab", "--help"]] {
        assert!(text(&run(args).stdout).contains("Examples:"), "{args:?}");
    }
    assert_eq!(run(&[]).status.code(), Some(2), "nothing asked for");
}

#[test]
fn shells_complete_and_the_manual_is_one_page() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.status.code(), Some(0));
        assert!(text(&script.stdout).contains("drift-ppm"), "{shell}");
    }
    let page = text(&run(&["man"]).stdout);
    assert!(page.contains(".TH skewbench 1") && page.contains("drift\\-ppm"), "{page}");
}

#[test]
fn the_doctor_looks_and_says_what_it_saw() {
    let seen = run(&["doctor"]);
    assert_eq!(seen.status.code(), Some(0));
    let said = text(&seen.stdout);
    assert!(said.contains("kernel stamps on loopback") && said.contains("timer slack"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colour where there is no terminal");
    let findings: serde_json::Value = serde_json::from_slice(&run(&["doctor", "--json"]).stdout).expect("JSON");
    let subjects: Vec<_> = findings.as_array().expect("a list").iter().map(|finding| &finding["subject"]).collect();
    assert!(subjects.iter().any(|subject| *subject == "cores"), "{subjects:?}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = skewbench()
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("ended");
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), String::new()));
}

#[test]
fn quiet_prints_the_sentence_and_the_folder() {
    let folder = Folder::new("quiet");
    let args = ["lab", "--seconds", "2", "--ordering", "off", "--seed", "1", "-q", "--out"];
    let done = skewbench().args(args).arg(folder.path()).output().expect("the lab starts");
    let said = text(&done.stdout);
    assert!(said.starts_with("seed 1\nThese clocks stayed within"), "{said}");
    assert!(!said.contains("premises") && text(&done.stderr).is_empty(), "{said}{}", text(&done.stderr));
}

#[test]
fn reporting_commands_speak_json() {
    let (folder, again) = (Folder::new("json"), Folder::new("json-again"));
    let value = |output: Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
    };
    let args = ["lab", "--seconds", "2", "--ordering", "off", "--seed", "1", "--json", "--out"];
    let lab = value(skewbench().args(args).arg(folder.path()).output().expect("the lab starts"));
    let analyze = skewbench().args(["analyze", "--json"]).arg(folder.path()).arg("--out").arg(again.path()).output();
    assert_eq!(lab, value(analyze.expect("analyze starts")));
    let compare =
        value(skewbench().args(["compare", "--json"]).args([folder.path(); 2]).output().expect("compare starts"));
    let rows = compare.as_array().expect("rows");
    assert!(rows.iter().any(|row| row["column"] == "eps_true_ns_max" && row["ratio"] == 1.0), "{compare}");
}
