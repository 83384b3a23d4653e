//! Results from journal files: read, analyse, write. The collector and `skewbench analyze` share this, so that the same
//! journals give the same bytes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::program::Malformed;
use crate::analysis::{AgentRun, Summary, Unreadable, summarise};
use crate::journal::{Journals, run_id};
use crate::report::{csv, html, json, terminal};

/// How a journal file's name ends.
pub const JOURNAL_EXTENSION: &str = "skj";

/// What an analysis came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Analysed {
    /// The exit code of the verdict.
    pub exit_code: u8,
    /// The results as people read them.
    pub text: String,
}

/// Analyses the journals in `paths` (folders of runs, folders of journals, or journal files) and writes the results to
/// `out`.
///
/// # Errors
/// A path that is missing or cannot be read; [`Malformed`] if nothing in them is a journal.
pub fn analyse_run(paths: &[PathBuf], out: &Path) -> Result<Analysed> {
    let summary = read_summary(paths)?;
    fs::create_dir_all(out).with_context(|| format!("--out {}: cannot make the folder", out.display()))?;
    let files = [
        ("summary.csv", csv::summary_csv(&summary)),
        ("arcs.csv", csv::arcs_csv(&summary)),
        ("epsilon.csv", csv::epsilon_csv(&summary)),
        ("ordering.csv", csv::ordering_csv(&summary)),
        ("limits.csv", csv::limits_csv(&summary)),
        ("report.json", json::report_json(&summary)),
        ("report.html", html::report_html(&summary)),
    ];
    for (name, bytes) in files {
        write_whole(&out.join(name), &bytes).with_context(|| format!("{}: cannot write", out.join(name).display()))?;
    }
    Ok(Analysed { exit_code: summary.verdict.exit_code(), text: terminal::report(&summary) })
}

/// What the journals in `paths` say, as [`analyse_run`] reports it.
///
/// # Errors
/// As [`analyse_run`].
pub fn read_summary(paths: &[PathBuf]) -> Result<Summary> {
    let files = journal_files(paths)?;
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{}: cannot be read", path.display()));
    let blobs = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    let journals = Journals::read(blobs.iter().map(Vec::as_slice));
    let runs: Vec<AgentRun> = journals.iter().map(agent_run).collect();
    if runs.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Malformed(format!(
            "no valid journal in {}: give a run's folder or its .skj files",
            names.join(", ")
        ))
        .into());
    }
    let mut summary = summarise(&run_id(&journals), &runs);
    summary.notes.extend(unreadable_notes(journals.unreadable()));
    Ok(summary)
}

/// The journal files in `paths`, each once, by name.
fn journal_files(paths: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for path in paths {
        let metadata = fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        if !metadata.is_dir() {
            files.insert(path.clone());
            continue;
        }
        let inner = [path.join("journals"), path.join("spool")];
        let folders = inner.iter().filter(|folder| folder.is_dir()).chain([path]);
        for folder in folders {
            for entry in fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
                let file = entry?.path();
                if file.extension().is_some_and(|extension| extension == JOURNAL_EXTENSION) {
                    files.insert(file);
                }
            }
        }
    }
    Ok(files)
}

fn agent_run(journal: &crate::journal::Journal<'_>) -> AgentRun {
    AgentRun {
        header: journal.header.clone(),
        entries: journal.entries().collect(),
        covers_until: journal.covers_until,
        unreadable: Unreadable { gaps: journal.gaps.len() as u64, ..Unreadable::default() },
    }
}

/// What could not be read, in words.
fn unreadable_notes(unreadable: &crate::journal::Unreadable) -> Vec<String> {
    let counts = [
        (unreadable.skipped_bytes, "bytes belong to no readable frame"),
        (unreadable.bad_frames, "frames are damaged"),
        (unreadable.truncated_tail_bytes, "bytes are the beginning of a frame that was cut off"),
        (unreadable.undecodable_frames, "frames cannot be decoded"),
        (unreadable.headless_frames, "frames are of journals whose beginning is missing"),
        (unreadable.conflicting_frames, "frames differ from another copy of the same frame"),
    ];
    let found = counts.into_iter().filter(|(count, _)| *count > 0);
    found.map(|(count, what)| format!("journals: {count} {what}; the rest is used")).collect()
}

/// Writes a file so that it is either the old one or the new one, whatever happens.
///
/// # Errors
/// The operating system's.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(())
}
