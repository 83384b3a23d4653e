//! The folder that results go to: a bundle whose every file is in its manifest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use skewbench::host::manifest;
use skewbench::host::program::Malformed;
use skewbench::host::results::write_whole;

/// Makes the folder for the results, `skewbench-out/<now>` if none is given. One that holds files is refused unless
/// `force`; then what an earlier run left there is removed, and nothing else.
pub fn prepare(out: Option<&Path>, force: bool) -> Result<PathBuf> {
    let dir = out.map_or_else(
        || {
            let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
            Path::new("skewbench-out").join(now.replace(':', "-"))
        },
        Path::to_owned,
    );
    let holds_files = fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    if holds_files && !force {
        let text = format!("--out {}: the folder holds files: choose another, or add --force", dir.display());
        return Err(Malformed(text).into());
    }
    for part in ["journals", "spool"] {
        let part = dir.join(part);
        if part.exists() {
            fs::remove_dir_all(&part).with_context(|| format!("--out {}", part.display()))?;
        }
    }
    fs::create_dir_all(&dir).with_context(|| format!("--out {}: cannot make the folder", dir.display()))?;
    Ok(dir.canonicalize()?)
}

/// Writes files into a folder, each whole or not at all, and the manifest of them.
pub fn write(dir: &Path, files: &[(&str, Vec<u8>)]) -> Result<()> {
    for (name, bytes) in files {
        let file = dir.join(name);
        write_whole(&file, bytes).with_context(|| format!("{}: cannot write", file.display()))?;
    }
    manifest::write(dir, files.iter().map(|(name, _)| dir.join(name)))
}
