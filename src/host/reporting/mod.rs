//! The collector as a program: it receives journals, and reports what they say as soon as they are complete. A lab
//! steers it over standard input and output; on a real host it waits for its agents, or until it is told to stop.

pub mod config;
pub mod gather;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::sync::watch;

use self::config::{Settings, Standalone};
use super::collector::counters::Count;
use super::collector::{Collector, Ended};
use super::control::{FromCollector, Lines, ToCollector, say};
use super::live::Live;
use super::metrics::{self, Endpoint};
use super::program::{Malformed, UNKNOWN, put};
use super::signals::Stop;
use super::{key, results, settings};
use crate::probe::Key;

/// How the collector is told what to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Take orders from a lab over standard input and output
    #[arg(long, exclusive = true)]
    controlled: bool,
    /// File with the settings below, as `key = value` (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show eps, arcs and losses in the terminal as journals come in
    #[arg(long)]
    live: bool,
    /// Print the results as JSON instead: the bytes of report.json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Runs the collector.
///
/// # Errors
/// What went wrong, for standard error.
pub fn main(args: &Args) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.controlled {
        return runtime.block_on(run_controlled());
    }
    let settings = args.settings.clone().or(settings::load(args.config.as_deref())?);
    let plan = settings.check()?;
    let key = key::find(settings.key_file.as_deref())?;
    let dir = plan.dir.clone();
    let picture = if args.live { Picture::Live } else { Picture::Plain };
    let Some(analysed) = runtime.block_on(run(plan, key, picture))? else { return Ok(UNKNOWN) };
    if args.json {
        put(&std::fs::read_to_string(dir.join("report.json"))?)?;
    } else {
        put(&format!("{}{}\n", analysed.text, dir.display()))?;
    }
    Ok(analysed.exit_code)
}

/// Serves a lab: listens until it says that no more will come, then analyses. When the input ends the lab is gone.
async fn run_controlled() -> Result<u8> {
    let key = key::from_environment()?;
    let (mut input, mut output) = (Lines::new(tokio::io::stdin()), tokio::io::stdout());
    let Some(ToCollector::Setup { listen, dir, cluster, metrics }) = input.next().await? else {
        bail!("the first control line must be the setup");
    };
    let collector = Collector::bind(listen, &dir, key, cluster).await?;
    let _endpoint = serve_metrics(&collector, metrics).await?;
    say(&mut output, &FromCollector::Listening { address: collector.local_addr() }).await?;
    let Some(ToCollector::Finish) = input.next().await? else { bail!("the lab is gone") };
    collector.stop().await;
    let analysed = results::analyse_run(std::slice::from_ref(&dir), &dir)?;
    say(&mut output, &FromCollector::Done { exit_code: analysed.exit_code, text: analysed.text }).await?;
    Ok(0)
}

/// Listens until all agents are done or somebody asks to stop, then analyses; nothing if nobody shipped anything.
async fn run(plan: Standalone, key: Key, live: Picture) -> Result<Option<results::Analysed>> {
    let mut stop = Stop::listen()?;
    let Standalone { listen, dir, cluster, agents, metrics } = plan;
    let collector = Collector::bind(listen, &dir, key, cluster).await?;
    let _endpoint = serve_metrics(&collector, metrics).await?;
    eprintln!("collector: listens on {}, journals in {}", collector.local_addr(), collector.journals().display());
    let (leave, left) = watch::channel(false);
    let live = match live {
        Picture::Live => start_live(&dir, &leave),
        Picture::Plain => None,
    };
    let mut left = left;
    let asked = async {
        tokio::select! {
            () = stop.asked() => {}
            Ok(_) = left.wait_for(|left| *left) => {}
        }
    };
    let ended = collector.wait(agents.unwrap_or(usize::MAX), asked).await;
    drop(live);
    match ended {
        Ended::AllClosed => eprintln!("collector: every agent has shipped its journal to the end"),
        Ended::Stopped => eprintln!("collector: told to stop: what was received is reported"),
    }
    say_counts(&collector);
    collector.stop().await;
    match results::analyse_run(std::slice::from_ref(&dir), &dir) {
        Err(why) if why.is::<Malformed>() => {
            eprintln!("collector: no agent has shipped anything: there is nothing to report");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Whether a person watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Picture {
    /// In the terminal, as it happens.
    Live,
    /// Lines only.
    Plain,
}

/// The live view; without a terminal for it, one line says so.
fn start_live(dir: &Path, leave: &watch::Sender<bool>) -> Option<Live> {
    let live = Live::start(dir, "skewbench collector", leave.clone());
    let live = live.inspect_err(|why| eprintln!("{why:#}: going on without it")).ok()?;
    live.stage("receiving journals", None);
    Some(live)
}

async fn serve_metrics(collector: &Collector, listen: Option<SocketAddr>) -> Result<Option<Endpoint>> {
    match listen {
        Some(listen) => metrics::serve(listen, collector.page()).await.map(Some),
        None => Ok(None),
    }
}

fn say_counts(collector: &Collector) {
    let counted = Count::ALL.iter().map(|count| (count.name(), collector.count(*count)));
    let counted = counted.filter(|(_, many)| *many > 0).map(|(name, many)| format!("{name} {many}"));
    eprintln!("collector: counted {}", counted.collect::<Vec<_>>().join(", "));
}
