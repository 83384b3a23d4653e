//! Results from journal files: read, analyse, write. The collector and `skewbench analyze` share this, so that the same
//! journals give the same bytes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::manifest;
use super::program::Malformed;
use crate::analysis::{AgentRun, Summary, summarise};
use crate::journal::{Journals, run_id};
use crate::report::{csv, html, json, terminal};

/// How a journal file's name ends.
pub const JOURNAL_EXTENSION: &str = "skj";

/// The files of results.
pub const NAMES: [&str; 15] = [
    "summary.csv",
    "arcs.csv",
    "parameters.csv",
    "epsilon.csv",
    "ordering.csv",
    "limits.csv",
    "stability.csv",
    "certificate.csv",
    "pairs.csv",
    "epsilon_certified.csv",
    "claims.csv",
    "events.csv",
    "loops.csv",
    "report.json",
    "report.html",
];

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
    let Recomputed { analysed, files, .. } = recompute(paths)?;
    fs::create_dir_all(out).with_context(|| format!("--out {}: cannot make the folder", out.display()))?;
    for (name, bytes) in files {
        write_whole(&out.join(name), &bytes).with_context(|| format!("{}: cannot write", out.join(name).display()))?;
    }
    write_manifest(paths, out, &[])?;
    Ok(analysed)
}

/// Writes down the hashes of all that is in `out` by now of the results of the journals in `paths`, of these, and of the
/// files named `more` in `out`.
///
/// # Errors
/// A file that cannot be read or written.
pub fn write_manifest(paths: &[PathBuf], out: &Path, more: &[&str]) -> Result<()> {
    let results = NAMES.iter().chain(more).map(|name| out.join(name)).filter(|file| file.exists());
    manifest::write(out, results.chain(journal_files(paths)?))
}

/// Every result, in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recomputed {
    /// What it comes to.
    pub analysed: Analysed,
    /// Each file's bytes, in the order of [`NAMES`].
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What could not be read of the journals, in words.
    pub notes: Vec<String>,
}

/// Makes all results of the journals in `paths`, as [`analyse_run`] writes them.
///
/// # Errors
/// As [`analyse_run`].
pub fn recompute(paths: &[PathBuf]) -> Result<Recomputed> {
    let journaled = read_runs(paths)?;
    let summary = journaled.summary();
    let files: [Vec<u8>; NAMES.len()] = [
        csv::summary_csv(&summary),
        csv::arcs_csv(&summary),
        csv::parameters_csv(&summary),
        csv::epsilon_csv(&summary),
        csv::ordering_csv(&summary),
        csv::limits_csv(&summary),
        csv::stability_csv(&summary),
        csv::certificate_csv(&summary),
        csv::pairs_csv(&summary),
        csv::band_csv(&summary),
        csv::claims_csv(&summary),
        csv::events_csv(&summary),
        csv::loops_csv(&summary),
        json::report_json(&summary),
        html::report_html(&summary),
    ];
    let files = NAMES.into_iter().zip(files).collect();
    let analysed = Analysed { exit_code: summary.exit_code(), text: terminal::report(&summary) };
    Ok(Recomputed { analysed, files, notes: journaled.unreadable })
}

/// What the journals in `paths` say, without certificate, stability and loops; where true time is unknown with the certificate,
/// which the verdict then stands on.
///
/// # Errors
/// As [`analyse_run`].
pub fn read_summary(paths: &[PathBuf]) -> Result<Summary> {
    let journaled = read_runs(paths)?;
    let mut summary = summarise(&journaled.run_id, &journaled.runs);
    if !summary.knows_truth() {
        summary.certify(&journaled.runs);
    }
    summary.notes.extend(journaled.unreadable);
    Ok(summary)
}

/// The certificate of the worst pair of the journals in `paths`, or the contradiction, as text that can be checked.
///
/// # Errors
/// As [`analyse_run`]; [`Malformed`] if nothing can be certified.
pub fn proof(paths: &[PathBuf]) -> Result<String> {
    let journaled = read_runs(paths)?;
    let nothing = "nothing to prove: there is no pair of nodes that heard of each other all along";
    journaled.summary().proof(&journaled.runs).ok_or_else(|| Malformed(nothing.to_owned()).into())
}

/// What the journals in some paths hold, before any analysis.
#[derive(Clone, PartialEq, Debug)]
pub struct Journaled {
    /// The name of the run.
    pub run_id: String,
    /// One for each boot of a node, at least one.
    pub runs: Vec<AgentRun>,
    /// What could not be read of the journals, in words.
    pub unreadable: Vec<String>,
}

impl Journaled {
    /// What follows from the journals, with what is proved of it.
    pub fn summary(&self) -> Summary {
        let mut summary = summarise(&self.run_id, &self.runs);
        summary.certify(&self.runs);
        summary.steady();
        summary.measure_loops(&self.runs);
        summary.notes.extend(self.unreadable.iter().cloned());
        summary
    }
}

/// Reads the journals in `paths`.
///
/// # Errors
/// As [`analyse_run`].
pub fn read_runs(paths: &[PathBuf]) -> Result<Journaled> {
    let files = journal_files(paths)?;
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{}: cannot be read", path.display()));
    let blobs = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    let journals = Journals::read(blobs.iter().map(Vec::as_slice));
    let runs: Vec<AgentRun> = journals.iter().map(AgentRun::of).collect();
    if runs.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Malformed(format!(
            "no valid journal in {}: give a run's folder or its .skj files",
            names.join(", ")
        ))
        .into());
    }
    Ok(Journaled { run_id: run_id(&journals), runs, unreadable: unreadable_notes(journals.unreadable()) })
}

/// Whether any journal has arrived in the folder of a run.
///
/// # Errors
/// A folder that cannot be read.
pub fn has_journals(dir: &Path) -> Result<bool> {
    let files = journal_files(&[dir.to_owned()])?;
    Ok(files.iter().any(|file| fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0)))
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
