//! The live view in a pseudo-terminal of util-linux `script`, and without any terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::folder::Folder;
use crate::lab::{skewbench, text};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// A lab in a pseudo-terminal.
struct Terminal {
    script: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// A lab that would run for a minute; `None` where there is no `script`.
    fn start(folder: &Folder, variables: &str) -> Option<Self> {
        let lab = format!(
            "stty rows 30 cols 100; {variables} {} lab --live --seconds 60 --tau 20ms --ordering off --out {}; echo \
             code $?; stty -a",
            env!("CARGO_BIN_EXE_skewbench"),
            folder.path().display()
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &lab, "/dev/null"]).env("TERM", "xterm-256color");
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (said, mut output) = (Arc::new(Mutex::new(Vec::new())), script.stdout.take()?);
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                heard.lock().expect("no panic").extend_from_slice(&piece[..length]);
            }
        });
        Some(Self { script, said })
    }

    fn text(&self) -> String {
        text(&self.said.lock().expect("no panic"))
    }

    fn wait_for(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !self.text().contains(what) {
            assert!(Instant::now() < deadline, "no `{what}` in\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the first row of a clock, and then as long as clocks need to settle. Later words may come in pieces,
    /// since only cells that change are drawn.
    fn wait_until_measured(&self) {
        self.wait_for("lamport");
        std::thread::sleep(Duration::from_secs(6));
    }

    /// The lab itself.
    fn lab(&self) -> Pid {
        let children = |pid: u32| {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let found = std::fs::read_to_string(path).unwrap_or_default();
            found.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
        };
        let shell = children(self.script.id());
        let lab = shell.iter().flat_map(|pid| children(*pid)).next().or(shell.first().copied());
        Pid::from_raw(lab.expect("a lab") as i32)
    }

    /// What was said after the view was gone; the terminal is as it was.
    fn end(mut self) -> String {
        self.wait_for("code ");
        self.wait_for("echoctl");
        self.script.wait().expect("it ends");
        let said = self.text();
        let (_, after) = said.rsplit_once(LEAVE).unwrap_or_else(|| panic!("the page is not left:\n{said}"));
        assert!(after.contains(" echo ") && after.contains(" icanon"), "keys are as before: {after}");
        after.to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn reports(after: &str) {
    assert!(after.contains("These clocks stayed within"), "{after}");
    assert!(after.contains("code 0") || after.contains("code 4"), "{after}");
}

#[test]
fn q_ends_the_view_and_the_report_follows() {
    let folder = Folder::new("live-q");
    let Some(mut terminal) = Terminal::start(&folder, "") else { return eprintln!("skipped: there is no script") };
    terminal.wait_for(ENTER);
    terminal.wait_until_measured();
    let mut keys = terminal.script.stdin.take().expect("keys");
    keys.write_all(b"q").expect("it listens");
    let shown = terminal.text();
    assert!(shown.contains("eps now") && shown.contains("0->1") && shown.contains("\u{1b}[38;5;"), "{shown}");
    reports(&terminal.end());
}

#[test]
fn a_signal_gives_the_terminal_back_and_no_color_is_heeded() {
    let folder = Folder::new("live-signal");
    let Some(terminal) = Terminal::start(&folder, "NO_COLOR=1") else {
        return eprintln!("skipped: there is no script");
    };
    terminal.wait_until_measured();
    kill(terminal.lab(), Signal::SIGTERM).expect("it is there");
    assert!(!terminal.text().contains("\u{1b}[38;5;"), "no colour");
    reports(&terminal.end());
}

#[test]
fn a_terminal_that_is_gone_ends_the_lab_and_the_results_are_written() {
    let folder = Folder::new("live-gone");
    let Some(mut terminal) = Terminal::start(&folder, "") else { return eprintln!("skipped: there is no script") };
    terminal.wait_until_measured();
    let lab = terminal.lab();
    terminal.script.kill().expect("it was there");
    let deadline = Instant::now() + Duration::from_secs(40);
    while kill(lab, None).is_ok() {
        assert!(Instant::now() < deadline, "the lab goes on without its terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(folder.path().join("summary.csv").exists());
}

#[test]
fn without_a_terminal_the_plain_progress_stays() {
    let folder = Folder::new("live-plain");
    let args = ["lab", "--live", "--seconds", "3", "--ordering", "off", "--out"];
    let run = skewbench().args(args).arg(folder.path()).output().expect("the lab starts");
    let (said, noted) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}\n{noted}");
    assert!(said.contains("These clocks stayed within"), "{said}");
    assert!(noted.contains("--live") && noted.contains("terminal") && noted.contains("measuring clocks"), "{noted}");
    assert!(!noted.contains(ENTER));
}
