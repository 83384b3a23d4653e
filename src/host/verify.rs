//! A folder of results, held against its manifest and against what its journals give again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::manifest::{self, Manifest, PROGRAM, Sum};
use super::program::{MISSING, VIOLATED, WITHIN};
use super::results::{self, JOURNAL_EXTENSION, Recomputed};

/// How much of a differing line is shown.
const SHOWN_BYTES: usize = 48;

/// Journals of more bytes than these take so long that it is said beforehand.
const MANY_BYTES: u64 = 64 << 20;

/// Marks that programs leave for themselves; they say nothing of a run.
const MARKS: [&str; 3] = ["lock", "closed", "shipped"];

/// What a verification came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// 0 if everything is the same, 1 if something differs, 3 if something is missing or cannot be read.
    pub exit_code: u8,
    /// What was found, a line each; the last one is the sum of it.
    pub text: String,
}

/// How bad a finding is, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Grade {
    Note,
    Differs,
    Missing,
}

#[derive(Default)]
struct Findings(Vec<(Grade, String)>);

impl Findings {
    fn add(&mut self, grade: Grade, text: String) {
        self.0.push((grade, text));
    }

    fn worst(&self) -> Grade {
        self.0.iter().map(|(grade, _)| *grade).max().unwrap_or(Grade::Note)
    }
}

/// Verifies the folder `dir`: each file against its hash, and each result against what the journals give.
///
/// # Errors
/// A folder that cannot be read at all, or a manifest that is none.
pub fn verify(dir: &Path) -> Result<Verified> {
    if !dir.is_dir() {
        bail!("{}: no such folder: name the folder of a run", dir.display());
    }
    let mut findings = Findings::default();
    let manifest = read_manifest(dir, &mut findings)?;
    let sound = check_hashes(dir, &manifest, &mut findings);
    let beside = check_beside(dir, &manifest, &mut findings);
    let journals = journals(dir, &manifest, &beside);
    let same = recompute(dir, &manifest, &journals, &mut findings);
    Ok(told(&manifest, sound, same, journals.len(), &findings))
}

fn read_manifest(dir: &Path, findings: &mut Findings) -> Result<Manifest> {
    let path = dir.join(manifest::FILE_NAME);
    let bytes = match read_at_most(&path, manifest::MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(why) => {
            let text = format!("{}: {why}: hashes are not checked, results are recomputed", manifest::FILE_NAME);
            findings.add(Grade::Missing, text);
            return Ok(Manifest::default());
        }
    };
    let manifest = match Manifest::parse(&bytes) {
        Ok(manifest) => manifest,
        Err(line) => bail!("{}: line {line}: not a hash, two spaces and a relative path", path.display()),
    };
    match manifest.program.as_deref() {
        Some(PROGRAM) => {}
        Some(other) => findings.add(
            Grade::Note,
            format!(
                "written by {}, this is {PROGRAM}: results may differ for that reason",
                printable(other.as_bytes())
            ),
        ),
        None => findings.add(Grade::Note, format!("it does not say which program wrote it; this is {PROGRAM}")),
    }
    Ok(manifest)
}

fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How many files have their hash.
fn check_hashes(dir: &Path, manifest: &Manifest, findings: &mut Findings) -> usize {
    let mut sound = 0;
    for (path, expected) in &manifest.files {
        match Sum::of_file(&dir.join(path)) {
            Ok(found) if found == *expected => sound += 1,
            Ok(_) => findings.add(Grade::Differs, format!("{}: changed: its hash is another one", shown(path))),
            // A result can be made again; whether it is the same one is seen then.
            Err(why) if why.kind() == io::ErrorKind::NotFound && is_result(path) && has_run(manifest) => {}
            Err(why) => findings.add(Grade::Missing, format!("{}: {why}", shown(path))),
        }
    }
    sound
}

/// Whether a manifest is of a run: of journals and what they give. Other folders have files of the same names.
fn has_run(manifest: &Manifest) -> bool {
    let is_of_run = |path: &PathBuf| is_journal(path) || path == Path::new(results::NAMES[0]);
    manifest.files.is_empty() || manifest.files.keys().any(is_of_run)
}

fn is_result(path: &Path) -> bool {
    results::NAMES.iter().any(|name| path == Path::new(name))
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == JOURNAL_EXTENSION)
}

/// Names the files that the manifest does not know, and gives the journals among them.
fn check_beside(dir: &Path, manifest: &Manifest, findings: &mut Findings) -> Vec<PathBuf> {
    let mut journals = Vec::new();
    if manifest.files.is_empty() {
        return journals;
    }
    for path in ["", "journals", "spool"].iter().flat_map(|folder| entries(dir, folder)) {
        let is_mark = path.extension().is_some_and(|extension| MARKS.iter().any(|mark| extension == *mark));
        if is_mark || path == Path::new(manifest::FILE_NAME) || manifest.files.contains_key(&path) {
            continue;
        }
        let name = shown(&path);
        if is_journal(&path) {
            findings.add(Grade::Differs, format!("{name}: a journal that is not in the manifest"));
            journals.push(path);
        } else if is_result(&path) {
            findings.add(Grade::Differs, format!("{name}: a result that is not in the manifest"));
        } else {
            findings.add(Grade::Note, format!("{name}: not in the manifest"));
        }
    }
    journals
}

/// The files in a folder, by their paths from `dir`.
fn entries(dir: &Path, folder: &str) -> BTreeSet<PathBuf> {
    let found = fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
    found.filter(|entry| !entry.path().is_dir()).map(|entry| Path::new(folder).join(entry.file_name())).collect()
}

/// The journals that the results are made of: those of the manifest, and without one those in the folder.
fn journals(dir: &Path, manifest: &Manifest, beside: &[PathBuf]) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = manifest.files.keys().filter(|path| is_journal(path)).cloned().collect();
    let found = || ["", "journals", "spool"].iter().flat_map(|folder| entries(dir, folder));
    let all: Vec<PathBuf> = if manifest.files.is_empty() {
        found().filter(|path| is_journal(path)).collect()
    } else {
        listed.into_iter().chain(beside.iter().cloned()).collect()
    };
    all.into_iter().map(|path| dir.join(path)).filter(|path| path.is_file()).collect()
}

/// Makes every result again and compares; how many are the same.
fn recompute(dir: &Path, manifest: &Manifest, journals: &[PathBuf], findings: &mut Findings) -> usize {
    if !has_run(manifest) {
        findings.add(Grade::Note, "no result here is made from journals: nothing is recomputed".to_owned());
        return 0;
    }
    let bytes = journals.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum::<u64>();
    if bytes > MANY_BYTES {
        eprintln!("verify: recomputing from {} MiB of journals", bytes >> 20);
    }
    let Recomputed { files, notes, .. } = match results::recompute(journals) {
        Ok(recomputed) => recomputed,
        Err(why) => {
            let grade = if findings.worst() == Grade::Differs { Grade::Differs } else { Grade::Missing };
            findings.add(grade, format!("nothing can be recomputed: {}", printable(format!("{why:#}").as_bytes())));
            return 0;
        }
    };
    if findings.worst() > Grade::Note {
        notes.into_iter().for_each(|note| findings.add(Grade::Note, note));
    }
    files.into_iter().filter(|(name, again)| compare(dir, manifest, name, again, findings)).count()
}

/// Whether the result that is kept, or its hash, is that of the bytes made again.
fn compare(dir: &Path, manifest: &Manifest, name: &str, again: &[u8], findings: &mut Findings) -> bool {
    let known = manifest.files.get(Path::new(name));
    match (fs::read(dir.join(name)), known) {
        (Ok(kept), _) => match difference(&kept, again) {
            None => return true,
            Some(text) => findings.add(Grade::Differs, format!("{name}: {text}")),
        },
        (Err(_), Some(sum)) if *sum == Sum::of(again) => {
            findings.add(Grade::Note, format!("{name}: not kept, but made again with the manifest's hash"));
            return true;
        }
        (Err(why), Some(_)) => {
            findings.add(Grade::Missing, format!("{name}: {why}, and what is made again has another hash"));
        }
        (Err(_), None) if !manifest.files.is_empty() => {
            findings.add(Grade::Note, format!("{name}: only this program makes it"));
        }
        (Err(why), None) => findings.add(Grade::Missing, format!("{name}: {why}")),
    }
    false
}

/// Where two files first differ, in words.
fn difference(kept: &[u8], again: &[u8]) -> Option<String> {
    let at = kept.iter().zip(again).take_while(|(one, other)| one == other).count();
    if at == kept.len() && at == again.len() {
        return None;
    }
    let line = kept[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = kept[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let excerpt = |bytes: &[u8]| {
        let from = begin.max(at.saturating_sub(SHOWN_BYTES / 2));
        let rest = &bytes[from..];
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()).min(SHOWN_BYTES);
        printable(&rest[..end])
    };
    let column = at - begin + 1;
    Some(format!("line {line}, column {column}: kept `{}`, recomputed `{}`", excerpt(kept), excerpt(again)))
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// Text without what would move a terminal's cursor.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

fn told(manifest: &Manifest, sound: usize, same: usize, journals: usize, findings: &Findings) -> Verified {
    let mut text =
        format!("hashes   {sound} of {} files have the hash of {}\n", manifest.files.len(), manifest::FILE_NAME);
    if has_run(manifest) {
        let all = results::NAMES.len();
        text += &format!("results  {same} of {all} are, byte for byte, what {journals} journals give again\n");
    }
    for (grade, finding) in &findings.0 {
        let word = match grade {
            Grade::Note => "note",
            Grade::Differs => "DIFFERS",
            Grade::Missing => "MISSING",
        };
        text.push_str(&format!("{word:8} {finding}\n"));
    }
    let counts = count(findings);
    let of = |grade| counts.get(&grade).copied().unwrap_or(0);
    let (exit_code, sum) = match findings.worst() {
        Grade::Note => (WITHIN, "everything is as it was written".to_owned()),
        Grade::Differs => (VIOLATED, format!("{} changed", of(Grade::Differs))),
        Grade::Missing => (
            MISSING,
            format!("{} things are missing or cannot be read, {} changed", of(Grade::Missing), of(Grade::Differs)),
        ),
    };
    text.push_str(&format!("\n{sum}\n"));
    Verified { exit_code, text }
}

fn count(findings: &Findings) -> BTreeMap<Grade, usize> {
    let mut counts = BTreeMap::new();
    findings.0.iter().for_each(|(grade, _)| *counts.entry(*grade).or_default() += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_line_and_column() {
        assert_eq!(difference(b"a,b\n1,2\n", b"a,b\n1,2\n"), None);
        let text = difference(b"a,b\n1,2\n", b"a,b\n1,3\n").unwrap();
        assert_eq!(text, "line 2, column 3: kept `1,2`, recomputed `1,3`");
        assert_eq!(difference(b"a\n", b"a\nb\n").unwrap(), "line 2, column 1: kept ``, recomputed `b`");
        assert!(difference(b"\x1b[2J", b"x").unwrap().chars().all(|c| !c.is_control()));
    }
}
