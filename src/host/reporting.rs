//! The collector as a program: it receives journals, and reports what they say as soon as they are complete.

use anyhow::{Result, bail};

use super::agent::key_from_environment;
use super::collector::Collector;
use super::control::{FromCollector, Lines, ToCollector, say};
use super::results;

/// How the collector is told what to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Take orders from a lab over standard input and output
    #[arg(long, required = true)]
    controlled: bool,
}

/// Runs the collector.
///
/// # Errors
/// What went wrong, for standard error.
pub fn main(args: &Args) -> Result<u8> {
    debug_assert!(args.controlled, "the only way so far");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run_controlled())
}

/// Serves a lab: listens until it says that no more will come, then analyses. When the input ends the lab is gone.
async fn run_controlled() -> Result<u8> {
    let key = key_from_environment()?;
    let (mut input, mut output) = (Lines::new(tokio::io::stdin()), tokio::io::stdout());
    let Some(ToCollector::Setup { listen, dir, cluster }) = input.next().await? else {
        bail!("the first control line must be the setup");
    };
    let collector = Collector::bind(listen, &dir, key, cluster).await?;
    say(&mut output, &FromCollector::Listening { address: collector.local_addr() }).await?;
    let Some(ToCollector::Finish) = input.next().await? else { bail!("the lab is gone") };
    collector.stop().await;
    let analysed = results::analyse_run(std::slice::from_ref(&dir), &dir)?;
    say(&mut output, &FromCollector::Done { exit_code: analysed.exit_code, text: analysed.text }).await?;
    Ok(0)
}
