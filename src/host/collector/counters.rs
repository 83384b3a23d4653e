//! What a collector counts, by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Something that a collector counts.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Count { $($(#[$doc])* $variant,)* }

        impl Count {
            /// Everything that is counted.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

counts! {
    /// Connections that were accepted.
    Connections = "connections",
    /// Connections that were refused since there were too many.
    TooManyConnections = "too_many_connections",
    /// Connections whose agent did not prove who it is in time, or went away.
    NoHandshake = "no_handshake",
    /// Agents with a wrong proof: another key.
    BadAuth = "bad_auth",
    /// Agents of another cluster.
    ForeignCluster = "foreign_cluster",
    /// Frames that are no frames or have a wrong checksum.
    BadFrame = "bad_frame",
    /// Frames that declare more bytes than a frame may have; nothing was allocated for them.
    Oversize = "oversize",
    /// Frames of another node or boot than the one that proved who it is.
    ForeignFrame = "foreign_frame",
    /// Connections that ended with half a frame or without a confirmed end.
    Cut = "connection_cut",
    /// Connections that were silent for too long.
    Idle = "idle_connection",
    /// Failures to write or to sync; nothing was acked.
    Disk = "disk_failure",
    /// Frames that were there already.
    Duplicates = "duplicate_frames",
    /// Frames that were written, synced and acked.
    Frames = "frames",
    /// Their bytes.
    Bytes = "bytes",
    /// Agents that closed cleanly.
    Closed = "closed_agents",
}

/// The counts of one collector.
#[derive(Debug)]
pub struct Counts(Vec<AtomicU64>);

impl Default for Counts {
    fn default() -> Self {
        Self(Count::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counts {
    /// One more.
    pub fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    /// So many more.
    pub fn add_many(&self, count: Count, many: u64) {
        self.0[count as usize].fetch_add(many, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn count(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    /// All counts by name.
    pub fn named(&self) -> BTreeMap<String, u64> {
        Count::ALL.iter().map(|count| (count.name().to_owned(), self.count(*count))).collect()
    }
}
