//! How programs end: exit codes, and errors as people read them.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write, stdout};
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// The bound held, or the target is safe.
pub const WITHIN: u8 = 0;
/// The bound was violated, or the target is not safe.
pub const VIOLATED: u8 = 1;
/// A flag or a configuration is malformed.
pub const MALFORMED: u8 = 2;
/// Input, port, peer or key is missing or cannot be read.
pub const MISSING: u8 = 3;
/// The evidence does not decide.
pub const UNKNOWN: u8 = 4;

/// An error that is the fault of a flag or a configuration: exit code 2.
#[derive(Debug)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Turns a program's result into its exit code; an error is printed first.
pub fn exit_code(result: Result<u8>) -> ExitCode {
    let code = result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<Malformed>() { MALFORMED } else { MISSING }
    });
    ExitCode::from(code)
}

/// Waits until somebody asks this program to end: by Ctrl-C, by the system's polite signal, or by closing the terminal.
///
/// # Errors
/// If signals cannot be listened to.
pub async fn asked_to_stop() -> Result<()> {
    let (mut terminated, mut hung_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    Ok(())
}

/// Prints text. A reader that has seen enough is no error.
///
/// # Errors
/// The operating system's, but for a pipe that was closed.
pub fn put(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(()),
    }
}

/// Random bytes from the operating system.
///
/// # Errors
/// The operating system's.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
