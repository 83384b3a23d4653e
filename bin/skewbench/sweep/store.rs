//! The folder of a sweep: `runs.jsonl` holds what it is a sweep of, and then one line for each finished run, so that a
//! sweep that was stopped goes on where it was. While it runs they stand there as they were finished; at its end by point
//! and seed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use skewbench::host::lock::Lock;
use skewbench::host::program::Malformed;
use skewbench::host::results::write_whole;
use skewbench::sweep::Measured;

use super::work::{Job, Plan};

const LOCK: &str = "sweep.lock";
/// Every run that is done, a line each.
pub const RUNS: &str = "runs.jsonl";

/// What a sweep is of. Runs of another one do not count.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Version and commit of the program.
    pub program: String,
    /// Name of the scenario's text.
    pub scenario: String,
    /// Each key with its values.
    pub grid: Vec<String>,
    /// Seeds of each point.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
}

impl Header {
    /// The header of a plan.
    pub fn new(scenario: String, plan: &Plan) -> Self {
        let program = format!("{} {}", env!("CARGO_PKG_VERSION"), env!("SKEWBENCH_COMMIT"));
        Self { program, scenario, grid: plan.grid.texts(), seeds: plan.seeds, first_seed: plan.first_seed }
    }

    /// What differs in another one, in words.
    fn difference(&self, other: &Self) -> Option<String> {
        let pairs = [
            ("program", self.program.clone(), other.program.clone()),
            ("scenario", self.scenario.clone(), other.scenario.clone()),
            ("--over", self.grid.join(" "), other.grid.join(" ")),
            ("--seeds", self.seeds.to_string(), other.seeds.to_string()),
            ("--seed", self.first_seed.to_string(), other.first_seed.to_string()),
        ];
        let (what, own, other) = pairs.into_iter().find(|(_, own, other)| own != other)?;
        Some(format!("its {what} is {other}, not {own}"))
    }
}

/// A line for a finished run.
#[derive(Serialize, Deserialize)]
struct Line {
    point: usize,
    seed: u64,
    measured: Measured,
}

/// The runs that are done, on disk and here.
pub struct Store {
    path: PathBuf,
    file: File,
    found: BTreeMap<(usize, u64), Measured>,
    _lock: Lock,
}

impl Store {
    /// Opens the folder, which is made if it is missing. What another sweep or anything else left there is refused, or with
    /// `force` not looked at.
    pub fn open(dir: &Path, header: &Header, force: bool) -> Result<Self> {
        let path = dir.join(RUNS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(why) if why.kind() == ErrorKind::NotFound => None,
            Err(why) => return Err(why).with_context(|| format!("{}: cannot be read", path.display())),
        };
        if let Some(why) = stranger(dir, text.as_deref(), header).filter(|_| !force) {
            return Err(Malformed(format!(
                "--out {}: {why}: choose another folder, or add --force to begin anew",
                dir.display()
            ))
            .into());
        }
        let lock = Lock::take(dir, LOCK)?;
        // Read again: another process may have added to it before it gave the lock up.
        let text = if force { String::new() } else { fs::read_to_string(&path).unwrap_or_default() };
        let (kept, found) = read(&text, header);
        let open = || -> Result<File> {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            file.set_len(kept as u64)?;
            std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
            if kept == 0 {
                writeln!(file, "{}", serde_json::to_string(header)?)?;
            }
            Ok(file)
        };
        let file = open().with_context(|| format!("{}: cannot write", path.display()))?;
        Ok(Self { path, file, found, _lock: lock })
    }

    /// Whether a run is done.
    pub fn has(&self, job: &Job) -> bool {
        self.found.contains_key(&(job.point, job.seed))
    }

    /// Adds a run, with one write, at once.
    pub fn add(&mut self, job: &Job, measured: Measured) -> Result<()> {
        let text = line(job.point, job.seed, measured.clone())?;
        let written = self.file.write_all(text.as_bytes());
        written.with_context(|| format!("{}: cannot write", self.path.display()))?;
        self.found.insert((job.point, job.seed), measured);
        Ok(())
    }

    /// Puts the runs in order, by point and seed: which of them was finished first is chance, and the folder of a sweep shall
    /// hold the same bytes however it was run. Whoever is killed meanwhile leaves either order, and loses none.
    pub fn put_in_order(&mut self, header: &Header) -> Result<()> {
        let mut text = serde_json::to_string(header)? + "\n";
        for ((point, seed), measured) in &self.found {
            text += &line(*point, *seed, measured.clone())?;
        }
        write_whole(&self.path, text.as_bytes()).with_context(|| format!("{}: cannot write", self.path.display()))
    }

    /// The runs, by point and seed.
    pub const fn found(&self) -> &BTreeMap<(usize, u64), Measured> {
        &self.found
    }
}

fn line(point: usize, seed: u64, measured: Measured) -> Result<String> {
    Ok(serde_json::to_string(&Line { point, seed, measured })? + "\n")
}

/// Why a folder cannot be gone on with; nothing if it can.
fn stranger(dir: &Path, runs: Option<&str>, header: &Header) -> Option<String> {
    let Some(text) = runs else {
        let mut others = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
        return others.any(|name| name != LOCK).then(|| "the folder holds files and no sweep".to_owned());
    };
    // A first line that was cut off is of a sweep that had not begun.
    let (first, _) = text.split_once('\n')?;
    match serde_json::from_str::<Header>(first) {
        Ok(found) => header.difference(&found).map(|what| format!("the folder holds another sweep: {what}")),
        Err(_) => Some(format!("{RUNS} is not of this version of the program")),
    }
}

/// How many bytes are whole lines of this sweep, and the runs in them. Whatever follows a line that is none is run again.
fn read(text: &str, header: &Header) -> (usize, BTreeMap<(usize, u64), Measured>) {
    let mut found = BTreeMap::new();
    let mut kept = 0;
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        if kept == 0 {
            if serde_json::from_str::<Header>(line).ok().as_ref() != Some(header) {
                break;
            }
        } else if let Ok(line) = serde_json::from_str::<Line>(line) {
            found.insert((line.point, line.seed), line.measured);
        } else {
            break;
        }
        kept += line.len();
    }
    (kept, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skewbench::analysis::Verdict;
    use skewbench::time::Nanos;

    fn header() -> Header {
        Header { program: "1".into(), scenario: "a".into(), grid: vec!["tau=1ms".into()], seeds: 2, first_seed: 1 }
    }

    fn measured(nodes: u32) -> Measured {
        let (duration, verdict) = (Nanos(5), Verdict::Unknown);
        Measured { nodes, diameter: None, duration, verdict, premises: None, eps: [None; 4] }
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("skewbench-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    fn refusal(dir: &Path, header: &Header) -> String {
        Store::open(dir, header, false).err().expect("refused").to_string()
    }

    #[test]
    fn what_was_added_is_there_again_and_a_torn_line_is_not() {
        let dir = folder("torn");
        let mut store = Store::open(&dir, &header(), false).unwrap();
        for (point, seed) in [(0, 1), (0, 2), (1, 1)] {
            store.add(&Job { point, seed, cost: 1.0 }, measured(point as u32 + 7)).unwrap();
        }
        drop(store);
        let path = dir.join(RUNS);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let mut store = Store::open(&dir, &header(), false).unwrap();
        let last = Job { point: 1, seed: 1, cost: 1.0 };
        assert!(store.has(&Job { point: 0, seed: 2, cost: 1.0 }) && !store.has(&last));
        store.add(&last, measured(8)).unwrap();
        assert_eq!(store.found()[&(0, 1)], measured(7));
        assert_eq!(fs::read(&path).unwrap(), whole);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn runs_end_up_in_order_and_one_that_is_killed_meanwhile_loses_none() {
        let bytes = [[(0, 1), (0, 2), (1, 1), (1, 2)], [(1, 2), (0, 2), (1, 1), (0, 1)]].map(|order| {
            let dir = folder(&format!("order-{}", order[0].0));
            let path = dir.join(RUNS);
            let mut store = Store::open(&dir, &header(), false).unwrap();
            for (point, seed) in order {
                store.add(&Job { point, seed, cost: 1.0 }, measured(point as u32 * 10 + seed as u32)).unwrap();
            }
            let found = store.found().clone();
            drop(store);
            // Killed in the middle of writing the other file.
            fs::write(path.with_extension("new"), "{\"program\"").unwrap();
            let mut store = Store::open(&dir, &header(), false).unwrap();
            assert_eq!(*store.found(), found);
            store.put_in_order(&header()).unwrap();
            drop(store);
            // Killed when it had its name already.
            assert_eq!(*Store::open(&dir, &header(), false).unwrap().found(), found);
            let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(names.len() == 2 && names.iter().all(|name| name == RUNS || name == LOCK), "{names:?}");
            let bytes = fs::read(&path).unwrap();
            fs::remove_dir_all(dir).unwrap();
            bytes
        });
        assert_eq!(bytes[0], bytes[1]);
    }

    #[test]
    fn another_sweep_is_refused_with_what_differs() {
        let dir = folder("other");
        drop(Store::open(&dir, &header(), false).unwrap());
        for (other, words) in [
            (Header { scenario: "b".into(), ..header() }, "its scenario is a, not b"),
            (Header { grid: vec!["tau=2ms".into()], ..header() }, "its --over is tau=1ms, not tau=2ms"),
            (Header { seeds: 3, ..header() }, "its --seeds is 2, not 3"),
            (Header { first_seed: 3, ..header() }, "its --seed is 1, not 3"),
            (Header { program: "2".into(), ..header() }, "its program is 1, not 2"),
        ] {
            let why = refusal(&dir, &other);
            assert!(why.contains(words) && why.contains("--force"), "{why}");
        }
        assert!(Store::open(&dir, &Header { seeds: 3, ..header() }, true).is_ok(), "anew");
        assert!(refusal(&dir, &header()).contains("its --seeds is 3, not 2"));
        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("letter.txt"), "dear").unwrap();
        assert!(refusal(&dir, &header()).contains("holds files and no sweep"));
        fs::remove_dir_all(dir).unwrap();
    }
}
