//! The reference run's journals, growing before the view's eyes.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::life::Limits;
use super::tail::Tail;
use crate::analysis::{AgentRun, Summary, summarise};
use crate::host::ship::tests::TempDir;
use crate::ids::{Algorithm, NodeId};
use crate::journal::Journals;
use crate::time::Nanos;

const EVERYTHING: Limits = Limits { span: Nanos::from_seconds(1_000), entries: usize::MAX };

/// The reference run, file by file.
fn reference() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/lab/journals");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// The whole run at once, as the report has it.
fn whole() -> Summary {
    let files = reference();
    let journals = Journals::read(files.iter().map(|(_, bytes)| &bytes[..]));
    summarise("whole", &journals.iter().map(AgentRun::of).collect::<Vec<_>>())
}

/// Appends to each file of `folder` the bytes from share `from` to share `to` of its whole.
fn grow(folder: &Path, from: f64, to: f64) {
    for (path, bytes) in reference() {
        let at = |share: f64| (bytes.len() as f64 * share) as usize;
        let name = folder.join(path.file_name().unwrap());
        let mut file = OpenOptions::new().create(true).append(true).open(name).unwrap();
        file.write_all(&bytes[at(from)..at(to)]).unwrap();
    }
}

fn eps_max(summary: &Summary, algorithm: Algorithm) -> Nanos {
    summary.row(algorithm).and_then(|row| row.skew).unwrap().max
}

#[test]
fn in_steps_with_half_frames_it_sees_what_the_report_says() {
    let (dir, whole) = (TempDir::new("live-steps"), whole());
    let mut tail = Tail::new(&dir.path().join("later"), EVERYTHING);
    assert!(!tail.read(Instant::now()), "a folder that is not there yet");
    let mut tail = Tail::new(dir.path(), EVERYTHING);
    for step in 0..37 {
        grow(dir.path(), f64::from(step) / 37.0, f64::from(step + 1) / 37.0);
        tail.read(Instant::now());
    }
    assert!(!tail.read(Instant::now()), "nothing is read twice");
    let live = summarise("live", &tail.runs());
    assert_eq!(live.rows, whole.rows);
    assert_eq!(live.promise, whole.promise);
    assert_eq!(live.arcs, whole.arcs);
    assert_eq!(live.ordering.len(), whole.ordering.len());
}

#[test]
fn a_short_span_knows_the_clocks_as_well_as_the_whole_run_does() {
    let (dir, whole) = (TempDir::new("live-span"), whole());
    let mut tail = Tail::new(dir.path(), Limits { span: Nanos::from_seconds(4), entries: usize::MAX });
    grow(dir.path(), 0.0, 1.0);
    tail.read(Instant::now());
    let live = summarise("live", &tail.runs());
    let (length, all) = (live.duration.unwrap().as_seconds(), whole.duration.unwrap().as_seconds());
    // Each node keeps at least 4 s by its own clock; what all keep is shorter by as much as the clocks differ, which
    // at 100 ppm is 1 ms after the 10 s of the run.
    assert!((3.99..4.6).contains(&length) && all > 9.0, "{length} of {all}");
    for algorithm in Algorithm::OWN {
        let cells = |summary: &Summary| {
            let of = summary.series.cells.iter().filter(|cell| cell.algorithm == algorithm);
            of.map(|cell| (cell.t_s, cell.ahead_ns.clone())).collect::<Vec<_>>()
        };
        let (ours, theirs) = (cells(&live), cells(&whole));
        // Cells of the two runs begin at different instants: between two of the whole run's lies each of ours.
        for (at, ahead) in ours.iter().step_by(97) {
            let at = at + all - length;
            let next = theirs.partition_point(|(t, _)| *t <= at).clamp(1, theirs.len() - 1);
            for ((ours, before), after) in ahead.iter().zip(&theirs[next - 1].1).zip(&theirs[next].1) {
                let (low, high) = (before.min(*after) - 100.0, before.max(*after) + 100.0);
                assert!((low..=high).contains(ours), "{algorithm} at {at}: {ours} is not in {low}..{high}");
            }
        }
    }
    assert!(eps_max(&live, Algorithm::Lamport) <= eps_max(&whole, Algorithm::Lamport) + Nanos(2));
}

#[test]
fn in_the_middle_of_a_run_no_message_under_way_counts_as_lost() {
    let dir = TempDir::new("live-middle");
    let mut tail = Tail::new(dir.path(), EVERYTHING);
    grow(dir.path(), 0.0, 0.3);
    tail.read(Instant::now());
    let live = summarise("live", &tail.runs());
    assert!(live.duration.unwrap() > Nanos::from_seconds(2));
    assert!(live.arcs.iter().all(|arc| arc.sent > 10 && arc.sent == arc.received), "{:?}", live.arcs);
}

#[test]
fn what_is_kept_is_bounded_by_its_entries_too() {
    let dir = TempDir::new("live-entries");
    let mut tail = Tail::new(dir.path(), Limits { span: Nanos::from_seconds(1_000), entries: 900 });
    grow(dir.path(), 0.0, 0.4);
    tail.read(Instant::now());
    let entries: usize = tail.runs().iter().map(|run| run.entries.len()).sum();
    let all: usize = {
        let mut tail = Tail::new(dir.path(), EVERYTHING);
        tail.read(Instant::now());
        tail.runs().iter().map(|run| run.entries.len()).sum()
    };
    assert!((100..950).contains(&entries) && entries * 2 < all, "{entries} of {all}");
}

#[test]
fn a_silent_node_is_named_and_stops_no_clock() {
    let dir = TempDir::new("live-silent");
    let mut tail = Tail::new(dir.path(), EVERYTHING);
    let start = Instant::now();
    grow(dir.path(), 0.0, 0.2);
    tail.read(start);
    assert!(tail.silent().is_empty() && tail.runs().len() == 3);
    grow(dir.path(), 0.2, 0.4);
    File::create(dir.path().join(reference()[1].0.file_name().unwrap())).unwrap();
    tail.read(start + Duration::from_secs(9));
    assert_eq!(tail.silent(), [(NodeId(1), Nanos::from_seconds(9))]);
    assert_eq!(tail.runs().len(), 2);
}

#[test]
fn a_journal_with_a_hole_is_not_analysed() {
    let dir = TempDir::new("live-hole");
    let (path, mut bytes) = reference().remove(0);
    bytes[30_000] ^= 1;
    fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
    let mut tail = Tail::new(dir.path(), EVERYTHING);
    tail.read(Instant::now());
    assert!(tail.runs().is_empty());
}
