//! A headless Chromium that can reach nobody.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::folder::Folder;

/// Which colours the reader prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colours {
    /// A light page.
    Light,
    /// A dark page.
    Dark,
}

/// What came of showing a file.
pub struct Shown {
    /// The document after its scripts ran.
    pub document: String,
    /// Lines that the console wrote.
    pub console: Vec<String>,
    /// Addresses that the file asked for, other than itself. What a browser does on its own account is not the file's.
    pub requests: Vec<String>,
}

/// The browser's name here; `None` if there is none.
pub fn installed() -> Option<&'static str> {
    let answers = |name: &&str| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(answers)
}

/// Shows `file` in a fresh browser.
pub fn show(browser: &str, file: &Path, colours: Colours) -> Shown {
    let home = Folder::new(&format!("{}-{colours:?}", file.file_stem().unwrap().to_string_lossy()));
    let log = home.join("net.json");
    let scheme = if colours == Colours::Dark { 0 } else { 1 };
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", home.join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(["--window-size=1280,1000", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("a browser that answers");
    let errors = String::from_utf8_lossy(&output.stderr);
    Shown {
        document: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
        requests: requests(&fs::read(&log).expect("the browser's log")),
    }
}

/// What a page started; the browser's own requests have no origin.
fn requests(log: &[u8]) -> Vec<String> {
    let log: Value = serde_json::from_slice(log).expect("a whole log");
    let params = log["events"].as_array().expect("events").iter().map(|event| &event["params"]);
    let of_page = params.filter(|params| params["initiator"].as_str().is_some_and(|by| by != "not an origin"));
    of_page.filter_map(|params| params["url"].as_str()).map(str::to_owned).collect()
}
