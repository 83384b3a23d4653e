//! The collector: takes in the journals of all agents over TCP. It reads nothing of whom it does not know, bounds every
//! size before it allocates, and acks a frame only when that is on its disk.

mod attendance;
mod connection;
pub mod counters;
mod page;
mod store;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use self::attendance::Attendance;
use self::counters::{Count, Counts};
use self::store::Store;
use super::lock::Lock;
use super::metrics::page::Histogram;
use super::ship::hello::Identity;
use crate::ids::{BootId, NodeId};
use crate::probe::Key;

/// Most connections at a time.
const MAX_CONNECTIONS: usize = 1024;

/// The open files, by boot.
type Stores = BTreeMap<(NodeId, BootId), Arc<Slot>>;

/// The place of one open file; it is opened by the first who needs it, while other files are open to others.
#[derive(Default)]
struct Slot(Mutex<Option<Store>>);

impl Slot {
    /// Works on the file. This blocks: it may read the whole file, and waits for the disk.
    fn with<T>(&self, dir: &Path, who: Identity, work: impl FnOnce(&mut Store) -> io::Result<T>) -> io::Result<T> {
        // A panic leaves the slot empty, and the next one reads the file anew.
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut store = match slot.take() {
            Some(store) => store,
            None => Store::open(dir, who)?,
        };
        let result = work(&mut store);
        *slot = Some(store);
        result
    }

    /// Whether the file must not be opened again, since it may hold bytes that only seem to be on the disk.
    fn is_broken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Store::is_broken)
    }
}

/// What all connections share.
struct Shared {
    dir: PathBuf,
    key: Key,
    cluster: u64,
    counts: Counts,
    sync: Histogram,
    stores: Mutex<Stores>,
    attendance: watch::Sender<Attendance>,
}

impl Shared {
    /// The place of a boot's file. Two connections of one agent, the older of them half dead, share it.
    fn slot(&self, who: Identity) -> Arc<Slot> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that no connection uses are closed again.
        stores.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_broken());
        Arc::clone(stores.entry((who.node, who.boot)).or_default())
    }
}

/// Why a wait for agents ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// All agents closed cleanly.
    AllClosed,
    /// Somebody asked to stop before.
    Stopped,
}

/// A running collector.
pub struct Collector {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    _lock: Lock,
}

impl Collector {
    /// Listens at `addr` for the agents of a cluster and keeps their journals in `dir`/journals. It runs on the present
    /// tokio runtime.
    ///
    /// # Errors
    /// If the folder cannot be made or belongs to another collector, or the address is taken.
    pub async fn bind(addr: SocketAddr, dir: &Path, key: Key, cluster: u64) -> anyhow::Result<Self> {
        let lock = Lock::take(dir, "collector.lock")?;
        let dir = dir.join("journals");
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("folder `{}` cannot be made: choose one you may write", dir.display()))?;
        let listener = TcpListener::bind(addr)
            .await
            .with_context(|| format!("address `{addr}` cannot be listened at: choose a free port of this host"))?;
        let known = Attendance::read(&dir)
            .with_context(|| format!("folder `{}` cannot be read: choose another", dir.display()))?;
        let (attendance, _) = watch::channel(known);
        let (counts, sync, stores) = (Counts::default(), Histogram::default(), Mutex::new(BTreeMap::new()));
        let shared = Arc::new(Shared { dir, key, cluster, counts, sync, stores, attendance });
        let (stop, stopped) = watch::channel(false);
        let addr = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { addr, shared, stop, accepting, _lock: lock })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The folder of the journals.
    pub fn journals(&self) -> &Path {
        &self.shared.dir
    }

    /// All counts by name.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.shared.counts.named()
    }

    /// What it shows to a scraper, now and at every call.
    pub fn page(&self) -> impl Fn() -> String + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || page::text(&shared)
    }

    /// How often `count` happened.
    pub fn count(&self, count: Count) -> u64 {
        self.shared.counts.count(count)
    }

    /// Waits until so many nodes are done, or until `stop` is. A node is done when its newest boot has closed cleanly,
    /// also if an earlier collector heard of it.
    pub async fn wait(&self, nodes: usize, stop: impl Future<Output = ()>) -> Ended {
        let mut attendance = self.shared.attendance.subscribe();
        tokio::select! {
            _ = attendance.wait_for(|attendance| attendance.done() >= nodes) => Ended::AllClosed,
            () = stop => Ended::Stopped,
        }
    }

    /// Stops: what has been received in whole is written, connections are closed, the port is free.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It fails only if the task panicked, and then it has stopped as well.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let (slots, mut connections) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, as a rule: some connection must end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            shared.counts.add(Count::TooManyConnections);
            continue;
        };
        shared.counts.add(Count::Connections);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move {
            connection::serve(stream, shared, stop).await;
            drop(slot);
        });
    }
    while connections.join_next().await.is_some() {}
}
