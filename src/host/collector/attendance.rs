//! Which agents are there and which are done. What was confirmed to its end is marked on disk, so that a collector that
//! is started again does not wait for agents that will not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::host::ship::hello::Identity;
use crate::ids::{BootId, NodeId};
use crate::journal::file_name;

/// How the name of the file ends that says that a journal is complete.
const CLOSED: &str = "closed";

/// The boots that were heard of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attendance {
    newest: BTreeMap<NodeId, BootId>,
    closed: BTreeSet<(NodeId, BootId)>,
}

impl Attendance {
    /// What an earlier collector left in the folder of journals.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let mut attendance = Self::default();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if let Some((node, boot)) = named(&path) {
                attendance.came(node, boot);
                if path.with_extension(CLOSED).exists() {
                    attendance.closed.insert((node, boot));
                }
            }
        }
        Ok(attendance)
    }

    /// A boot was heard of.
    pub fn came(&mut self, node: NodeId, boot: BootId) {
        let newest = self.newest.entry(node).or_default();
        *newest = boot.max(*newest);
    }

    /// A boot's journal is complete. Whether that is news.
    pub fn close(&mut self, node: NodeId, boot: BootId) -> bool {
        self.closed.insert((node, boot))
    }

    /// Whether a boot's journal is complete.
    pub fn is_closed(&self, node: NodeId, boot: BootId) -> bool {
        self.closed.contains(&(node, boot))
    }

    /// How many nodes are done: the journal of their newest boot is complete.
    pub fn done(&self) -> usize {
        self.newest.iter().filter(|(node, boot)| self.is_closed(**node, **boot)).count()
    }
}

/// Marks on disk that a boot's journal is complete.
pub fn mark(dir: &Path, who: Identity) -> io::Result<()> {
    File::create(dir.join(file_name(who.node, who.boot)).with_extension(CLOSED))?;
    File::open(dir)?.sync_all()
}

/// Whose journal this file is, by its name.
fn named(path: &Path) -> Option<(NodeId, BootId)> {
    let name = path.file_name()?.to_str()?;
    let (node, boot) = name.strip_prefix("agent-")?.strip_suffix(".skj")?.split_once('-')?;
    let (node, boot) = (NodeId(node.parse().ok()?), BootId(boot.parse().ok()?));
    (file_name(node, boot) == name).then_some((node, boot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;

    #[test]
    fn a_node_is_done_when_its_newest_boot_is() {
        let mut attendance = Attendance::default();
        attendance.came(NodeId(1), BootId(5));
        attendance.came(NodeId(1), BootId(9));
        assert!(attendance.close(NodeId(1), BootId(5)));
        assert_eq!(attendance.done(), 0, "the node runs again");
        assert!(attendance.close(NodeId(1), BootId(9)) && !attendance.close(NodeId(1), BootId(9)));
        assert_eq!(attendance.done(), 1);
    }

    #[test]
    fn what_is_done_is_known_after_a_restart() {
        let dir = TempDir::new("attendance");
        let who = |node, boot| Identity { node: NodeId(node), boot: BootId(boot), cluster: 0 };
        for (node, boot) in [(1, 5), (1, 6), (2, 5)] {
            std::fs::write(dir.path().join(file_name(NodeId(node), BootId(boot))), b"").unwrap();
        }
        std::fs::write(dir.path().join("agent-x-5.skj"), b"").unwrap();
        mark(dir.path(), who(1, 5)).unwrap();
        mark(dir.path(), who(2, 5)).unwrap();
        let attendance = Attendance::read(dir.path()).unwrap();
        assert_eq!(attendance.done(), 1);
        assert!(attendance.is_closed(NodeId(1), BootId(5)) && !attendance.is_closed(NodeId(1), BootId(6)));
    }
}
