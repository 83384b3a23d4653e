//! Completion scripts and the manual page, made from the flags themselves.

use std::io::Write;

use anyhow::Result;
use clap_complete::Shell;

use crate::out;

/// Print a completion script for a shell.
///
/// For bash: skewbench completions bash > /etc/bash_completion.d/skewbench
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the completion script.
pub fn completions(args: &Completions, mut command: clap::Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "skewbench", &mut script);
    out::put(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints one manual page with every subcommand in it.
pub fn man(command: clap::Command) -> Result<u8> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let man = clap_mangen::Man::new(subcommand.clone());
        writeln!(page, ".SH \"{}\"", subcommand.get_name().to_uppercase())?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    out::put(&String::from_utf8_lossy(&page))?;
    Ok(0)
}
