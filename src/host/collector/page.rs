//! A collector's page for a scraper.

use super::Shared;
use super::counters::Count;
use crate::host::metrics::names;
use crate::host::metrics::page::Page;

/// How connections fail.
const FAILED: [Count; 7] = [
    Count::TooManyConnections,
    Count::NoHandshake,
    Count::BadAuth,
    Count::ForeignCluster,
    Count::Cut,
    Count::Idle,
    Count::Disk,
];

/// Why frames are not taken.
const REFUSED: [Count; 3] = [Count::BadFrame, Count::Oversize, Count::ForeignFrame];

/// The page as of now.
pub fn text(shared: &Shared) -> String {
    let mut page = Page::default();
    page.family(&names::COLLECTOR_INFO).put(&[("version", &env!("CARGO_PKG_VERSION"))], 1);
    let single = [
        (names::CONNECTIONS, Count::Connections),
        (names::FRAMES, Count::Frames),
        (names::BYTES, Count::Bytes),
        (names::DUPLICATES, Count::Duplicates),
        (names::CLOSED, Count::Closed),
    ];
    for (family, count) in single {
        page.family(&family).put(&[], shared.counts.count(count));
    }
    for (family, reasons) in [(names::CONNECTIONS_FAILED, &FAILED[..]), (names::FRAMES_REFUSED, &REFUSED)] {
        let mut samples = page.family(&family);
        for reason in reasons {
            samples.put(&[("reason", &reason.name())], shared.counts.count(*reason));
        }
    }
    page.family(&names::SYNC).histogram(&shared.sync);
    page.into_text()
}
