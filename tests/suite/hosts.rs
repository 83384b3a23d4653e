//! Agents and a collector as they run on hosts of their own, here on loopback.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

/// The key of every mesh here.
pub const KEY: [u8; 32] = [0x5a; 32];
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port of loopback that nobody uses, outside the range from which the system gives ports away.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 10_000 + (std::process::id() % 200) as u16 * 100;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process that does not outlive its test.
pub struct Process(Option<Child>);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")))
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.0.as_ref().expect("it runs").id() as i32)
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Waits for its end.
    pub fn end(mut self) -> Output {
        self.0.take().expect("it runs").wait_with_output().expect("an end")
    }

    /// Waits for its end and says its exit code and what it wrote to standard error.
    pub fn ended(self) -> (Option<i32>, String) {
        let output = self.end();
        (output.status.code(), text(&output.stderr))
    }

    /// Ends it as a power cut would.
    pub fn cut_off(self) {
        self.signal(Signal::SIGKILL);
        self.end();
    }

    /// Stops it as a service manager would.
    pub fn stopped(self) -> (Option<i32>, String) {
        self.signal(Signal::SIGTERM);
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A mesh of agents on loopback, each with a spool of its own, and the place of a collector.
pub struct Mesh {
    folder: Folder,
    ports: Vec<u16>,
    pub collector: u16,
}

impl Mesh {
    pub fn new(name: &str, nodes: usize) -> Self {
        let folder = Folder::new(name);
        fs::create_dir_all(folder.path()).expect("a folder");
        let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.path().join("key"), hex).expect("a key");
        Self { folder, ports: (0..nodes).map(|_| free_port()).collect(), collector: free_port() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn port(&self, id: usize) -> u16 {
        self.ports[id]
    }

    pub fn spool(&self, id: usize) -> PathBuf {
        self.path(&format!("spool-{id}"))
    }

    /// The command that runs agent `id`, which ships to port `collector`.
    pub fn agent_at(&self, id: usize, collector: u16, args: &[&str]) -> Command {
        let peer = |peer: usize| format!("{peer}=127.0.0.1:{}", self.ports[peer]);
        let peers: Vec<String> = (0..self.ports.len()).filter(|peer| *peer != id).map(peer).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench-agent"));
        command.args(["--id", &id.to_string(), "--listen", &format!("127.0.0.1:{}", self.ports[id])]);
        command.args(["--peers", &peers.join(","), "--collector", &format!("127.0.0.1:{collector}")]);
        command.arg("--key-file").arg(self.path("key")).arg("--spool").arg(self.spool(id));
        command.args(["--kappa-ppm", "100"]).args(args);
        command
    }

    pub fn agent(&self, id: usize, args: &[&str]) -> Process {
        Process::start(&mut self.agent_at(id, self.collector, args))
    }

    /// Starts the collector and waits until it listens.
    pub fn collector(&self, args: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench-collector"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.collector)]).arg("--dir").arg(self.path("run"));
        let process = Process::start(command.arg("--key-file").arg(self.path("key")).args(args));
        // A connection that says nothing is no agent, and is counted as such.
        let listens = || std::net::TcpStream::connect(("127.0.0.1", self.collector)).is_ok();
        until("the collector listens", listens);
        process
    }

    /// The journals in a folder.
    pub fn journals(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "skj")).collect();
        found.sort();
        found
    }

    /// Waits until the journals in a folder hold so many bytes.
    pub fn until_bytes(&self, folder: &str, bytes: u64) {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        until(folder, || self.journals(folder).iter().map(size).sum::<u64>() >= bytes);
    }

    /// Analyses the spools and what the collector has: every table must be the same, byte for byte, and so must be those
    /// that the collector itself wrote. Returns the report on the spools.
    pub fn assert_nothing_is_lost(&self) -> String {
        let spools: Vec<PathBuf> = (0..self.ports.len()).map(|id| self.spool(id)).collect();
        let said = self.analyse(&spools, "of-spools");
        self.analyse(&[self.path("run/journals")], "of-journals");
        let tables = tables(&self.path("of-spools"));
        assert!(tables.len() >= 4, "{tables:?}");
        for name in tables {
            let read = |folder: &str| fs::read(self.path(folder).join(&name)).expect("a table");
            assert!(read("of-spools") == read("of-journals"), "{name} differs between spools and journals");
            assert!(read("of-journals") == read("run"), "{name} is not what the collector wrote");
        }
        said
    }

    pub fn analyse(&self, journals: &[PathBuf], out: &str) -> String {
        let (code, said) = self.analysed(journals, out);
        assert_verdict(code, &self.path(out));
        said
    }

    /// The same where journals are missing, so that the verdict says nothing.
    pub fn analyse_whatever(&self, journals: &[PathBuf], out: &str) -> String {
        self.analysed(journals, out).1
    }

    fn analysed(&self, journals: &[PathBuf], out: &str) -> (Option<i32>, String) {
        let output = skewbench().arg("analyze").args(journals).arg("--out").arg(self.path(out)).output();
        let output = output.expect("the analysis starts");
        // Lines are broken where the terminal ends.
        (output.status.code(), text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Asserts that a run's exit code is that of its verdict, which stamps alone gave: clocks that share a kernel never violate a
/// bound, and a busy machine may leave it unknown.
pub fn assert_verdict(code: Option<i32>, folder: &Path) {
    let rows = table(&folder.join("summary.csv"));
    let row = rows.iter().find(|row| row["algorithm"] == "lamport").expect("a row");
    assert!(row["eps_true_ns_max"].is_empty(), "{row:?}");
    match row["verdict"].as_str() {
        "WITHIN" => assert!(code == Some(0) && !row["bound_safe_ns"].is_empty(), "{code:?} {row:?}"),
        "UNKNOWN" => assert_eq!(code, Some(4), "{row:?}"),
        other => panic!("{other}: {row:?}"),
    }
}

fn tables(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".csv")).collect()
}
