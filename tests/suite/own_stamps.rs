//! `skewbench replay` as a person runs it: stamps of one's own.

use std::fs;
use std::process::Output;

use skewbench::host::manifest::{Manifest, Sum};

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

fn replay(folder: &Folder, name: &str, data: &str, flags: &[&str]) -> Output {
    let file = folder.write(name, data);
    skewbench().arg("replay").arg(file).args(flags).arg("--out").arg(folder.join("out")).output().expect("the program")
}

/// Exchanges over one-way delays of 100 us, the reference 3 ms ahead and 20 ppm fast.
fn exchanges() -> String {
    let mut data = "from,to,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns\n".to_owned();
    for k in 0..200_i64 {
        let ahead = |at: i64| at + 3_000_000 + at / 50_000;
        let t1 = k * 1_000_000_000;
        let (there, t4) = (t1 + 100_000, t1 + 210_000);
        let truth = ahead(t4) - t4;
        data += &format!("web-1,ntp,{t1},{},{},{t4},{truth}\n", ahead(there), ahead(there + 10_000));
    }
    data
}

#[test]
fn a_file_of_stamps_becomes_a_table_and_a_folder() {
    let folder = Folder::new("replay");
    let data = exchanges() + "web-1,ntp,oops,1,2,3,4\n";
    let output = replay(&folder, "stamps.csv", &data, &[]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(printed.contains("web-1-ntp: 200 exchanges, poll 1s"), "{printed}");
    assert!(printed.contains("line 202 left out: t1_ns `oops`"), "{printed}");

    let file = folder.join("out/replay.csv");
    let header = fs::read_to_string(&file).expect("a table");
    assert!(header.starts_with("algorithm,pair,samples,error_rms_ns,error_p99_ns,error_max_ns,bias_ns,coverage\n"));
    let rows = table(&file);
    let names: Vec<&str> = rows.iter().map(|row| row["algorithm"].as_str()).collect();
    assert_eq!(names[..6], ["free", "lamport", "ntp", "hlc", "regression", "corridor"]);
    assert_eq!(names.last(), Some(&"certificate"));
    let number = |name: &str, column: &str| {
        let row = rows.iter().find(|row| row["algorithm"] == name).expect("a row");
        row[column].parse::<f64>().unwrap_or_else(|_| panic!("{column} of {row:?}"))
    };
    assert!((number("free", "bias_ns") + 6_000_000.0).abs() < 1_100_000.0, "3 ms and 20 ppm over 150 s");
    assert!((number("lamport", "bias_ns") + 100_000.0).abs() < 100.0, "it is late by the way back");
    assert!(number("regression", "error_max_ns") < 1_000.0 && number("corridor", "error_max_ns") < 5_000.0);
    assert_eq!(number("certificate", "coverage"), 1.0);
    let manifest = Manifest::parse(&fs::read(folder.join("out/MANIFEST.sha256")).expect("a manifest")).expect("lines");
    assert_eq!(manifest.files[std::path::Path::new("replay.csv")], Sum::of(header.as_bytes()));

    let again = replay(&folder, "stamps.csv", &data, &[]);
    assert_eq!(again.status.code(), Some(2), "the folder holds files");
    assert_eq!(replay(&folder, "stamps.csv", &data, &["--force"]).status.code(), Some(0));
}

#[test]
fn a_daemons_claims_are_shown_as_such() {
    let folder = Folder::new("replay-claims");
    let output = replay(&folder, "loopstats", "50935 75440.031 0.000006019 13.778190 0.000351733 0.013380 6\n", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("1 claim of ntpd; its own offset rms 6.019us"), "{}", text(&output.stdout));
    assert_eq!(table(&folder.join("out/replay.csv"))[0]["algorithm"], "ntpd");
}

#[test]
fn what_cannot_be_read_is_said_with_its_mend() {
    let folder = Folder::new("replay-refused");
    for (data, flags, code, said) in [
        ("", &[][..], 2, "--format"),
        ("from,to,t1_ns\n", &[], 2, "no column t2_ns, t3_ns, t4_ns"),
        ("from,to,t1_ns,t2_ns,t3_ns,t4_ns\na,b,1,2,3,x\n", &[], 3, "line 2: t4_ns `x`"),
        ("a\n", &["--format", "sundial"], 2, "ntpd-rawstats"),
        ("a\n", &["--kappa-ppm=-1"], 2, "from 0 to 100000"),
    ] {
        let output = replay(&folder, "data", data, flags);
        assert_eq!(output.status.code(), Some(code), "{data}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{data}: {}", text(&output.stderr));
        assert!(!folder.join("out").exists(), "nothing is written");
    }
}
