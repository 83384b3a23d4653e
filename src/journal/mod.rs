//! The journal: everything an agent saw and did, in frames that are checksummed one by one. Pure: it turns entries into
//! bytes and bytes into entries; files and sockets belong to [`crate::host`].
//!
//! [`entry`] says what is in a journal; [`columns`] packs entries, [`frame`] closes them up, [`Writer`] makes frames and
//! [`Journals`] reads them from any number of files, whatever state these are in.

pub mod claim;
mod claims;
pub mod columns;
pub mod entry;
mod fields;
pub mod frame;
mod past;
pub mod reader;
#[cfg(test)]
pub(crate) mod samples;
pub mod scan;
mod varint;
pub mod writer;

use crate::ids::{BootId, NodeId};

pub use claim::{ClaimSource, HostClaim};
pub use columns::Malformed;
pub use entry::{Entry, Header, HostFacts, Note, RunConfig};
pub use frame::{FrameError, FrameHeader};
pub use reader::{Journal, Journals, run_id};
pub use scan::{Unreadable, scan};
pub use writer::Writer;

/// The name of the file that holds the frames of one boot, in a spool and at a collector alike.
pub fn file_name(node: NodeId, boot: BootId) -> String {
    format!("agent-{:03}-{}.skj", node.0, boot.0)
}
