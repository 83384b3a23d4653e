//! `skewbench compare` as a person runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use skewbench::sim::shapes::Shape;
use skewbench::sim::{self, Scenario};
use skewbench::time::Nanos;

/// A folder of this test run's own, empty.
fn folder(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compare").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a folder for tests");
    dir
}

/// A run of so many seconds in virtual time whose messages take `delay_us` or up to a tenth more.
fn world(delay_us: i64, seconds: i64) -> Scenario {
    let text = format!(
        "duration = \"{seconds}s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = 3 }}\n\
         stamps = {{ wait_within = \"90us\" }}\n\
         [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 100.0\n\
         wander_limit_ppm = 1\n[links]\ndelay = \"{delay_us}us\"\n\
         jitter = {{ kind = \"uniform\", limit = \"{}us\" }}\n",
        delay_us / 10
    );
    Scenario::parse(&text).expect("a scenario")
}

/// Writes the journals of a run and returns its folder.
fn journals(name: &str, scenario: &Scenario, seed: u64) -> String {
    let dir = folder(name);
    fs::create_dir(dir.join("journals")).expect("a folder for journals");
    for (file, bytes) in sim::run(scenario, seed, |_| ()).expect("a world") {
        fs::write(dir.join("journals").join(file), bytes).expect("a journal");
    }
    dir.to_string_lossy().into_owned()
}

fn benches(name: &str, rows: &str) -> String {
    let file = folder(name).join("bench.csv");
    fs::write(&file, format!("name,ns,low,high,ratio_to_clock_read\n{rows}")).expect("a bench file");
    file.to_string_lossy().into_owned()
}

fn compare(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skewbench")).arg("compare").args(args).output().expect("the program runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_run_equals_itself_and_one_with_twice_the_delay_is_worse() {
    let (base, slow) = (journals("base", &world(500, 12), 1), journals("slow", &world(1_000, 12), 1));
    let same = compare(&[&base, &base]);
    assert_eq!(code(&same), 0, "{}", said(&same));
    let out = folder("out").join("compare.csv");
    let worse = compare(&[&base, &slow, "--out", &out.to_string_lossy()]);
    assert_eq!(code(&worse), 1, "{}", said(&worse));
    assert!(said(&worse).contains("HEAD is worse beyond the spread: lamport eps_true_ns_p50 x"), "{}", said(&worse));
    let file = fs::read_to_string(out).expect("the comparison as a file");
    let header = "kind,base,head,algorithm,column,unit,better,base_value,head_value,ratio,difference,spread_low,\
        spread_high,spread_kind,verdict,forced";
    assert_eq!(file.lines().next(), Some(header));
    let row = file.lines().find(|line| line.contains(",lamport,eps_true_ns_max,")).expect("a row");
    assert!(row.starts_with("summary,") && row.ends_with(",block bootstrap,worse,"), "{row}");
    let again = compare(&[&base, &slow]);
    assert_eq!(again.stdout, worse.stdout, "the same runs give the same bytes");
    let better = compare(&[&slow, &base]);
    assert_eq!(code(&better), 0, "{}", said(&better));
    assert!(said(&better).contains("Better beyond the spread: lamport"));
    assert_eq!(code(&compare(&[&base, &base, &slow])), 1, "one of two heads is worse");
}

#[test]
fn three_runs_a_side_give_a_spread_between_runs() {
    let side = |name: &str, seeds: [u64; 3], delay_us: i64| {
        seeds.map(|seed| journals(&format!("{name}{seed}"), &world(delay_us, 4), seed))
    };
    let (base, head) = (side("b", [1, 2, 3], 500), side("h", [4, 5, 6], 5_000));
    let args = ["--base", &base[0], &base[1], &base[2], "--head", &head[0], &head[1], &head[2]];
    let found = compare(&args);
    assert_eq!(code(&found), 1, "{}", said(&found));
    assert!(said(&found).contains("Spread: between runs"), "{}", said(&found));
    let short = compare(&[&base[0], &head[0]]);
    assert_eq!(code(&short), 4, "four seconds have no blocks: {}", said(&short));
    let twice = compare(&["--base", &base[0], &base[0], &base[1], "--head", &head[0]]);
    assert_eq!(code(&twice), 2);
    assert!(said(&twice).contains("the same run twice"), "{}", said(&twice));
}

#[test]
fn what_is_not_comparable_is_refused_with_the_reason_unless_forced() {
    let alike = world(500, 4);
    let base = journals("alike", &alike, 1);
    let cases = [
        ("nodes", Scenario { topology: Shape::Full { nodes: 4 }, ..alike.clone() }, "nodes: 3 against 4"),
        ("tau", Scenario { tau: Nanos::from_millis(50), ..alike.clone() }, "tau: 100ms against 50ms"),
        (
            "line",
            Scenario { topology: Shape::Line { nodes: 3 }, ..alike },
            "topology: full with 6 arcs against line with 4 arcs",
        ),
        ("long", world(500, 5), "duration: "),
    ];
    for (name, scenario, reason) in cases {
        let other = journals(name, &scenario, 1);
        let refused = compare(&[&base, &other]);
        assert_eq!(code(&refused), 2, "{name}: {}", said(&refused));
        assert!(said(&refused).contains(reason) && said(&refused).contains("--force"), "{}", said(&refused));
        let out = folder(&format!("{name}-out")).join("c.csv");
        let forced = compare(&[&base, &other, "--force", "--out", &out.to_string_lossy()]);
        assert_ne!(code(&forced), 2, "{name}: {}", said(&forced));
        assert!(fs::read_to_string(out).expect("the file").lines().nth(1).is_some_and(|row| row.contains(reason)));
    }
}

#[test]
fn benches_are_held_against_their_limits() {
    let base = benches("bench-base", "clock_read,20,19.9,20.1,1\nhlc_tick,26,25.9,26.1,1.3\n");
    let slow = benches("bench-slow", "clock_read,40,39.9,40.1,1\nhlc_tick,104,103,105,2.6\n");
    let machine = benches("bench-machine", "clock_read,40,39.9,40.1,1\nhlc_tick,52,51.8,52.2,1.3\n");
    let worse = compare(&[&base, &slow]);
    assert_eq!(code(&worse), 1, "{}", said(&worse));
    assert!(said(&worse).contains("hlc_tick ratio_to_clock_read x2.000"), "{}", said(&worse));
    let slower_machine = compare(&[&base, &machine]);
    assert_eq!(code(&slower_machine), 0, "{}", said(&slower_machine));
    let alone = benches("bench-alone", "hlc_tick,26,25.9,26.1,\n");
    assert_eq!(code(&compare(&[&base, &alone])), 2);
    assert_eq!(code(&compare(&[&alone, &alone])), 2);
    assert_eq!(code(&compare(&[&alone, &alone, "--force"])), 0);
}

#[test]
fn what_cannot_be_read_is_said() {
    let bench = benches("bench-only", "clock_read,20,19.9,20.1,1\n");
    let base = journals("readable", &world(500, 4), 1);
    let empty = folder("empty").to_string_lossy().into_owned();
    for (args, exit, words) in [
        (vec![base.as_str(), "/no/such/run"], 3, "/no/such/run"),
        (vec![base.as_str(), empty.as_str()], 2, "no valid journal"),
        (vec![base.as_str(), bench.as_str()], 2, "runs only, or bench files only"),
        (vec![base.as_str(), bench.as_str(), "--force"], 2, "runs only, or bench files only"),
        (vec![base.as_str()], 2, "HEAD"),
        (vec!["--base", base.as_str()], 2, "--head"),
        (vec![], 2, "BASE"),
    ] {
        let found = compare(&args);
        assert_eq!(code(&found), exit, "{args:?}: {}", said(&found));
        assert!(said(&found).contains(words), "{args:?}: {}", said(&found));
    }
    let other = folder("other-file").join("x.csv");
    fs::write(&other, b"\xff\x00,\"").expect("a file");
    let found = compare(&[&bench, &other.to_string_lossy()]);
    assert_eq!(code(&found), 2);
    assert!(said(&found).contains("x.csv"), "{}", said(&found));
}

/// Writes what criterion leaves behind of one bench.
fn estimates(criterion: &Path, bench: &str, statistics: &str) {
    let dir = criterion.join(bench).join("new");
    fs::create_dir_all(&dir).expect("a folder for estimates");
    fs::write(dir.join("estimates.json"), format!("{{{statistics}}}")).expect("estimates");
}

fn statistic(name: &str, low: f64, estimate: f64, high: f64) -> String {
    let limits = format!(r#""confidence_level":0.95,"lower_bound":{low},"upper_bound":{high}"#);
    format!(r#""{name}":{{"confidence_interval":{{{limits}}},"point_estimate":{estimate},"standard_error":0.1}}"#)
}

#[test]
fn criterions_estimates_become_a_bench_file_that_compare_reads() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench-csv");
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: scripts/bench-csv needs python3, which is not installed");
        return;
    }
    let criterion = folder("criterion");
    estimates(&criterion, "clock_read", &statistic("slope", 19.0, 20.0, 21.0));
    let mean = statistic("mean", 28.0, 30.0, 33.0);
    estimates(&criterion, "group/hlc_tick", &format!(r#"{mean},"slope":null"#));
    let run = |folder: &Path| Command::new(&script).arg(folder).output().expect("the script runs");
    let found = run(&criterion);
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "name,ns,low,high,ratio_to_clock_read\nclock_read,20.0000,19.0000,21.0000,1.0000\n\
         group/hlc_tick,30.0000,28.0000,33.0000,1.5000\n"
    );
    let file = folder("criterion-csv").join("bench.csv");
    fs::write(&file, &found.stdout).expect("a bench file");
    let file = file.to_string_lossy();
    assert_eq!(code(&compare(&[&file, &file])), 0);
    assert_eq!(code(&run(&folder("no-criterion"))), 3);
}
