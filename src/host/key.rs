//! Where a program gets the cluster's key from: a file or the environment, never a flag, and never a log.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::control::KEY_VARIABLE;
use crate::probe::Key;

/// How to make a key file.
pub const MAKE: &str = "make one, the same for all hosts: (umask 077; head -c 32 /dev/urandom | od -An -tx1 | \
                        tr -d ' \\n' > key)";
/// Nothing of a file beyond this can be a key.
const MOST_BYTES: u64 = 4096;

/// The key in `file`, or without one the key in the environment.
///
/// # Errors
/// Names file or variable and the mend; what they hold is not told.
pub fn find(file: Option<&Path>) -> Result<Key> {
    match file {
        Some(path) => from_file(path),
        None if std::env::var_os(KEY_VARIABLE).is_none() => {
            bail!("key_file: not given, and {KEY_VARIABLE} is not set: {MAKE}")
        }
        None => from_environment(),
    }
}

/// The key in the environment.
///
/// # Errors
/// Names the variable and the mend.
pub fn from_environment() -> Result<Key> {
    let text = std::env::var(KEY_VARIABLE)
        .with_context(|| format!("{KEY_VARIABLE} is not set: give the cluster's key there"))?;
    Key::from_hex(&text).with_context(|| format!("{KEY_VARIABLE} is no key: write 64 hexadecimal digits"))
}

fn from_file(path: &Path) -> Result<Key> {
    let shown = path.display();
    if Key::from_hex(&path.to_string_lossy()).is_some() {
        bail!("key_file: this is a key, not the path of a file that holds one: secrets are no flags; {MAKE}");
    }
    let unreadable = || format!("key_file `{shown}`: cannot be read: {MAKE}");
    let file = File::open(path).with_context(unreadable)?;
    if file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        eprintln!("warning: key_file `{shown}` can be read by others than its owner: chmod 600 {shown}");
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).with_context(unreadable)?;
    Key::from_hex(&text).with_context(|| format!("key_file `{shown}`: holds no key of 64 hexadecimal digits: {MAKE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;

    #[test]
    fn a_key_is_read_from_its_file_and_never_told() {
        let dir = TempDir::new("key");
        let (path, key) = (dir.path().join("key"), Key::new([0xab; 32]));
        std::fs::write(&path, key.to_hex() + "\n").unwrap();
        assert_eq!(find(Some(&path)).unwrap(), key);
        std::fs::write(&path, &key.to_hex()[1..]).unwrap();
        let why = format!("{:#}", find(Some(&path)).unwrap_err());
        assert!(why.contains("64 hexadecimal digits") && !why.contains("abab"), "{why}");
        let why = format!("{:#}", find(Some(Path::new(&key.to_hex()))).unwrap_err());
        assert!(why.contains("this is a key") && !why.contains("abab"), "{why}");
    }
}
