//! `MANIFEST.sha256`: which files a folder of results consists of, each with its SHA-256. `sha256sum -c` reads it: a hash,
//! two spaces, a path relative to the folder; the first line, a comment, says which program wrote it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::results::write_whole;
use crate::hex;

/// The manifest's name in its folder.
pub const FILE_NAME: &str = "MANIFEST.sha256";

/// A manifest longer than this is none.
pub const MAX_BYTES: u64 = 16 << 20;

/// This program, as a manifest names it.
pub const PROGRAM: &str = concat!("skewbench ", env!("CARGO_PKG_VERSION"), ", commit ", env!("SKEWBENCH_COMMIT"));

const WRITTEN_BY: &str = "# written by ";

/// The SHA-256 of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sum([u8; 32]);

impl Sum {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a file, read piece by piece.
    ///
    /// # Errors
    /// The operating system's; and what is not a regular file, since a device or a pipe may have no end.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let (mut file, mut hash, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Self(hash.finalize().into())),
                length => hash.update(&piece[..length]),
            }
        }
    }

    fn parse(digits: &[u8]) -> Option<Self> {
        hex::bytes(digits)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// The files of a folder.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// The program that wrote it, in its own words.
    pub program: Option<String>,
    /// Hashes by path, relative to the folder.
    pub files: BTreeMap<PathBuf, Sum>,
}

impl Manifest {
    /// As the file's bytes. A path with a backslash or a line break is escaped as `sha256sum` does.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(program) = &self.program {
            bytes.extend(format!("{WRITTEN_BY}{program}\n").into_bytes());
        }
        for (path, sum) in &self.files {
            let escaped = escape(path.as_os_str().as_bytes());
            if escaped.len() > path.as_os_str().len() {
                bytes.push(b'\\');
            }
            bytes.extend(format!("{sum}  ").into_bytes());
            bytes.extend(escaped);
            bytes.push(b'\n');
        }
        bytes
    }

    /// From the file's bytes.
    ///
    /// # Errors
    /// The number of the first line that is neither a comment nor a hash with a relative path.
    pub fn parse(bytes: &[u8]) -> Result<Self, usize> {
        let mut manifest = Self::default();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if let Some(program) = line.strip_prefix(WRITTEN_BY.as_bytes()).filter(|_| index == 0) {
                manifest.program = Some(String::from_utf8_lossy(program).into_owned());
            } else if !line.is_empty() && line[0] != b'#' {
                let (path, sum) = parse_line(line).ok_or(index + 1)?;
                manifest.files.insert(path, sum);
            }
        }
        Ok(manifest)
    }
}

/// A line: perhaps a backslash that says that the path is escaped, the hash, a space, a space or a star, the path.
fn parse_line(line: &[u8]) -> Option<(PathBuf, Sum)> {
    let (line, is_escaped) = line.strip_prefix(b"\\").map_or((line, false), |line| (line, true));
    let (hex, rest) = line.split_at_checked(64)?;
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    let path = if is_escaped { unescape(path)? } else { path.to_vec() };
    let path = PathBuf::from(OsStr::from_bytes(&path));
    let is_relative = path.components().next().is_some_and(|first| !matches!(first, Component::RootDir));
    is_relative.then_some((path, Sum::parse(hex)?))
}

fn escape(path: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match byte {
        b'\\' => vec![b'\\', b'\\'],
        b'\n' => vec![b'\\', b'n'],
        b'\r' => vec![b'\\', b'r'],
        other => vec![*other],
    };
    path.iter().flat_map(escaped).collect()
}

fn unescape(path: &[u8]) -> Option<Vec<u8>> {
    let (mut plain, mut bytes) = (Vec::new(), path.iter());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(plain)
}

/// Writes the manifest of `files` to the folder `dir`.
///
/// # Errors
/// A file that cannot be read, or the manifest that cannot be written.
pub fn write(dir: &Path, files: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    let base = dir.canonicalize().with_context(|| format!("{}: cannot be read", dir.display()))?;
    let mut manifest = Manifest { program: Some(PROGRAM.to_owned()), ..Manifest::default() };
    for file in files {
        let cannot = || format!("{}: cannot be read", file.display());
        let sum = Sum::of_file(&file).with_context(cannot)?;
        manifest.files.insert(relative(&base, &file.canonicalize().with_context(cannot)?), sum);
    }
    let path = dir.join(FILE_NAME);
    write_whole(&path, &manifest.to_bytes()).with_context(|| format!("{}: cannot write", path.display()))
}

/// The way from the folder `base` to `file`, both without links and dots.
fn relative(base: &Path, file: &Path) -> PathBuf {
    let common = base.components().zip(file.components()).take_while(|(one, other)| one == other).count();
    let up = base.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_with_any_name() {
        let names = ["a", "b/c.skj", "../up", "with space", "line\nbreak", "back\\slash", "\\n", "*star"];
        let files = names.iter().map(|name| (PathBuf::from(name), Sum::of(name.as_bytes()))).collect();
        let manifest = Manifest { program: Some("skewbench 1".to_owned()), files };
        assert_eq!(Manifest::parse(&manifest.to_bytes()), Ok(manifest));
    }

    #[test]
    fn the_hash_is_the_one_that_fips_180_gives_for_abc() {
        let line = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *abc\n";
        assert_eq!(Manifest::parse(line).unwrap().files[Path::new("abc")], Sum::of(b"abc"));
    }

    #[test]
    fn a_line_that_is_neither_is_named_by_its_number() {
        let sum = Sum::of(b"");
        for bad in [format!("{sum} one-space"), format!("{sum}  /etc/passwd"), format!("{sum}  "), "zz".into()] {
            assert_eq!(Manifest::parse(format!("# comment\n{sum}  x\n{bad}\n").as_bytes()), Err(3), "{bad}");
        }
        assert_eq!(Manifest::parse(format!("\\{sum}  bad\\x").as_bytes()), Err(1));
    }

    #[test]
    fn ways_lead_up_where_they_must() {
        let way = |file| relative(Path::new("/runs/one"), Path::new(file));
        assert_eq!(way("/runs/one/journals/a"), Path::new("journals/a"));
        assert_eq!(way("/runs/other/a"), Path::new("../other/a"));
    }
}
