//! A folder that belongs to one process: the lock goes with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A lock that is held.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Lock {
    /// Takes the lock `name` in `dir`, which is made if it is missing.
    ///
    /// # Errors
    /// If another process has it, or the folder cannot be written.
    pub fn take(dir: &Path, name: &str) -> Result<Self> {
        let shown = dir.display();
        std::fs::create_dir_all(dir)
            .with_context(|| format!("folder `{shown}` cannot be made: choose one you may write"))?;
        let file = File::create(dir.join(name))
            .with_context(|| format!("folder `{shown}` cannot be written: choose one you may write"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                bail!("folder `{shown}` is in use by another process ({name}): choose another, or stop that one")
            }
            Err(TryLockError::Error(why)) => {
                Err(why).with_context(|| format!("folder `{shown}` cannot be locked: choose one on a local disk"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;

    #[test]
    fn a_lock_is_held_once_and_free_again_after() {
        let dir = TempDir::new("lock");
        let held = Lock::take(dir.path(), "a.lock").unwrap();
        assert!(Lock::take(dir.path(), "a.lock").unwrap_err().to_string().contains("in use by another process"));
        assert!(Lock::take(dir.path(), "b.lock").is_ok());
        drop(held);
        assert!(Lock::take(dir.path(), "a.lock").is_ok());
    }
}
