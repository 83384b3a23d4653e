//! Journals that earlier starts of an agent left in its spool folder: what a killed agent had no time to ship is shipped
//! by the next one. A journal that the collector confirmed to its end has a file beside it that says so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::{Shipment, Shipped, ship};
use crate::host::frames::window;
use crate::host::spool::Progress;
use crate::ids::{BootId, NodeId};
use crate::journal::{Journals, file_name};

/// How the name of the file ends that says that a journal needs no more shipping.
const SHIPPED: &str = "shipped";
/// How long one journal may keep the next ones waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which journals are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Every one.
    All,
    /// Those whose end no collector confirmed.
    Unshipped,
}

/// A journal in the spool folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leftover {
    /// The start that wrote it.
    pub boot: BootId,
    /// The file.
    pub path: PathBuf,
    /// What it holds; nothing will be added.
    pub progress: Progress,
}

/// The journals of `node` in `dir` that belong to `cluster`, the oldest first. Those without a readable header are left
/// out: no report could use them.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn find(dir: &Path, node: NodeId, cluster: u64, which: Which) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("spool folder `{}` cannot be read", dir.display()))? {
        let path = entry?.path();
        let Some(boot) = boot_of(&path, node) else { continue };
        if which == Which::Unshipped && path.with_extension(SHIPPED).exists() {
            continue;
        }
        let surveyed = survey(&path, cluster);
        let surveyed = surveyed.with_context(|| format!("spool file `{}` cannot be read", path.display()))?;
        found.extend(surveyed.map(|progress| Leftover { boot, path, progress }));
    }
    found.sort_by_key(|leftover| leftover.boot);
    Ok(found)
}

/// The boot whose journal of `node` this file is, by its name.
fn boot_of(path: &Path, node: NodeId) -> Option<BootId> {
    let boot = path.file_stem()?.to_str()?.rsplit_once('-')?.1.parse().ok().map(BootId)?;
    (path.file_name()?.to_str()? == file_name(node, boot)).then_some(boot)
}

/// How much the file holds, if it is of this cluster.
fn survey(path: &Path, cluster: u64) -> std::io::Result<Option<Progress>> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let (mut frames, mut offset, mut belongs) = (0, 0, false);
    while offset < bytes {
        let window = window(&file, offset, bytes)?;
        belongs = belongs || Journals::read([&window.bytes[..]]).iter().any(|it| it.header.run.cluster == cluster);
        frames += window.frames.len() as u64;
        offset = window.next_offset;
    }
    Ok(belongs.then_some(Progress { frames, bytes, closed: true, ..Progress::default() }))
}

/// Says that a journal needs no more shipping.
///
/// # Errors
/// A folder that cannot be written.
pub fn mark_shipped(path: &Path) -> Result<()> {
    let mark = path.with_extension(SHIPPED);
    File::create(&mark).with_context(|| format!("`{}` cannot be made", mark.display()))?;
    Ok(())
}

impl Leftover {
    /// Ships the journal as `template` says, for no longer than `patience`.
    pub async fn ship(&self, template: &Shipment, patience: Duration) -> Shipped {
        let (spool, boot) = (self.path.clone(), self.boot);
        let shipment = Shipment { spool, boot, close_deadline: patience, ..template.clone() };
        let (_end, progress) = watch::channel(self.progress);
        ship(shipment, progress).await
    }
}

/// Ships one journal after the other, again and again until none is left; `left` says how many are.
pub async fn ship_all(mut found: Vec<Leftover>, template: &Shipment, left: watch::Sender<usize>) {
    while !found.is_empty() {
        let leftover = found.remove(0);
        if leftover.ship(template, PATIENCE).await.is_closed {
            // Without the mark it is shipped again after the next start, and nothing is written twice.
            let _ = mark_shipped(&leftover.path);
        } else {
            found.push(leftover);
        }
        left.send_replace(found.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ship::tests::TempDir;
    use crate::journal::{Writer, samples};
    use crate::time::Time;

    fn write(dir: &TempDir, node: u32, boot: u64) -> PathBuf {
        let (mut writer, mut bytes) = (Writer::new(samples::header(node, boot)), Vec::new());
        writer.cut(Time::ZERO, &mut bytes);
        let path = dir.path().join(file_name(NodeId(node), BootId(boot)));
        std::fs::write(&path, [&bytes[..], &bytes[..20]].concat()).unwrap();
        path
    }

    #[test]
    fn unshipped_journals_of_this_node_and_cluster_are_found_oldest_first() {
        let (dir, cluster) = (TempDir::new("leftovers"), samples::header(1, 1).run.cluster);
        let paths = [write(&dir, 1, 30), write(&dir, 1, 4)];
        write(&dir, 2, 5);
        std::fs::write(dir.path().join("agent-001-6.skj"), b"SKJF").unwrap();
        std::fs::write(dir.path().join("agent-001-x.skj"), b"").unwrap();
        let boots =
            |which| find(dir.path(), NodeId(1), cluster, which).unwrap().iter().map(|l| l.boot.0).collect::<Vec<_>>();
        assert_eq!(boots(Which::Unshipped), [4, 30]);
        mark_shipped(&paths[0]).unwrap();
        assert_eq!((boots(Which::Unshipped), boots(Which::All)), (vec![4], vec![4, 30]));
        assert_eq!(find(dir.path(), NodeId(1), 0, Which::All).unwrap(), []);
        assert_eq!(find(dir.path(), NodeId(2), cluster, Which::All).unwrap()[0].progress.frames, 1);
    }
}
