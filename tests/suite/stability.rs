//! `skewbench stability` as a person runs it.

use std::process::Output;

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

fn stability(folder: &Folder, data: &str, flags: &[&str]) -> Output {
    let file = folder.write("data.csv", data);
    skewbench().arg("stability").arg(file).args(flags).output().expect("the program")
}

/// The thousand frequencies of NIST SP 1065.
fn thousand() -> String {
    let next = |n: &u64| Some(16_807 * n % 2_147_483_647);
    let numbers = std::iter::successors(Some(1_234_567_890_u64), next).take(1_000);
    numbers.map(|n| format!("{}\n", n as f64 / 2_147_483_647.0)).collect()
}

#[test]
fn the_published_deviations_come_out_of_the_program() {
    let folder = Folder::new("stability");
    let out = folder.join("out");
    let by_header = stability(&folder, &format!("frequency\n{}", thousand()), &["--out", out.to_str().unwrap()]);
    let by_flag = stability(&folder, &thousand(), &["--kind", "frequency"]);
    for output in [&by_header, &by_flag] {
        assert!(output.status.success(), "{}", text(&output.stderr));
        for printed in ["2.922319e-1", "1.687202e-1", "9.159953e-2", "3.241343e-2", "1.253382e0", "3.237638e-2"] {
            assert!(text(&output.stdout).contains(printed), "{printed}");
        }
    }
    let rows = table(&out.join("stability.csv"));
    let oadev = rows.iter().find(|row| row["statistic"] == "oadev" && row["m"] == "10").expect("a row");
    assert_eq!(
        (oadev["tau_s"].as_str(), oadev["value"].as_str(), oadev["noise"].as_str()),
        ("10", "9.159953e-2", "white FM")
    );
    assert!(out.join("stability.html").exists());
}

#[test]
fn the_rate_sets_tau_and_a_mask_decides_the_exit_code() {
    let folder = Folder::new("stability-mask");
    let quiet = "1e-10\n2e-10\n".repeat(50);
    let output = stability(&folder, &quiet, &["--rate", "10", "--mask", "g811-prc"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).lines().any(|line| line.trim_start().starts_with("0.1 ")), "{}", text(&output.stdout));
    let loud = "0\n1e-6\n".repeat(50);
    assert_eq!(stability(&folder, &loud, &["--mask", "g811-prc"]).status.code(), Some(1));
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_mend() {
    let folder = Folder::new("stability-bad");
    for (data, flags, code, words) in [
        ("", &[][..], 2, "one a line"),
        ("1\n", &[], 2, "too few"),
        ("1,2\n3,4\n", &[], 2, "add one that names"),
        ("1\n2\n", &["--rate", "0"], 2, "--rate"),
        ("1\n2\n", &["--kind", "time"], 2, "phase or frequency"),
        ("1\n2\n", &["--mask", "best"], 2, "g811-prc"),
    ] {
        let output = stability(&folder, data, flags);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(words), "{data:?} {flags:?}: {said}");
    }
    let absent = skewbench().args(["stability", "/nowhere"]).output().expect("the program");
    assert_eq!(absent.status.code(), Some(3));
    let gap = stability(&folder, "0\n1\nx\n3\n4\n", &[]);
    assert!(
        gap.status.success() && text(&gap.stdout).contains("in 2 pieces between gaps; no number, and so a gap: line 3")
    );
}
