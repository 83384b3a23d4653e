//! A collector for a while: what running agents ship meanwhile is kept, whoever ends it.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::config::Standalone;
use super::{say_counts, serve_metrics};
use crate::host::collector::Collector;
use crate::host::signals::Stop;
use crate::probe::Key;

/// So often the caller hears how much of the time is over.
const BEAT: Duration = Duration::from_millis(250);

/// Why gathering ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The time was over.
    TimeOver,
    /// As many agents as were expected have shipped their journals to the end.
    AllClosed,
    /// Somebody asked to stop.
    Asked,
}

/// Listens as planned for `span` at most and keeps in the plan's folder what agents ship. `tell` hears now and then how much
/// of the time is over, as a share.
///
/// # Errors
/// If the address is taken, or the folder is another collector's or cannot be written to.
pub fn gather(plan: &Standalone, key: Key, span: Duration, tell: impl FnMut(f64)) -> Result<Why> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(plan, key, span, tell))
}

async fn listen(plan: &Standalone, key: Key, span: Duration, mut tell: impl FnMut(f64)) -> Result<Why> {
    let mut stop = Stop::listen()?;
    let collector = Collector::bind(plan.listen, &plan.dir, key, plan.cluster).await?;
    let _endpoint = serve_metrics(&collector, plan.metrics).await?;
    eprintln!(
        "check: listens on {} for {span:?}, journals in {}",
        collector.local_addr(),
        collector.journals().display()
    );
    let began = Instant::now();
    let agents = plan.agents.unwrap_or(usize::MAX);
    let why = loop {
        tokio::select! {
            () = sleep(span.saturating_sub(began.elapsed())) => break Why::TimeOver,
            () = stop.asked() => break Why::Asked,
            _ = collector.wait(agents, std::future::pending()) => break Why::AllClosed,
            () = sleep(BEAT) => tell(began.elapsed().as_secs_f64() / span.as_secs_f64()),
        }
    };
    say_counts(&collector);
    collector.stop().await;
    Ok(why)
}
