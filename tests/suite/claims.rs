//! What a real chronyd says of its clock reaches the report. It runs with `-x`, so that it never touches the clock.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::hosts::{Mesh, Process, until};
use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

/// A chronyd of our own in a folder that only we may enter, as it demands; `None` where it cannot run.
fn chronyd(folder: &Path) -> Option<Process> {
    fs::create_dir_all(folder).expect("a folder");
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("private");
    let (config, shown) = (folder.join("chrony.conf"), folder.display());
    let text =
        format!("local stratum 8\ncmdport 0\nport 0\nuser root\nbindcmdaddress {shown}/socket\npidfile {shown}/pid\n");
    fs::write(&config, text).expect("a configuration");
    let is_there = Command::new("chronyd").arg("--version").output().is_ok_and(|output| output.status.success());
    (is_there && rustix::process::geteuid().is_root())
        .then(|| Process::start(Command::new("chronyd").args(["-x", "-d", "-f"]).arg(&config)))
}

#[test]
fn what_a_real_chronyd_claims_is_in_the_report() {
    let mesh = Mesh::new("chrony", 2);
    let Some(daemon) = chronyd(&mesh.path("chrony")) else {
        eprintln!("skipped: what_a_real_chronyd_claims_is_in_the_report needs root and chrony");
        return;
    };
    let socket = mesh.path("chrony/socket");
    let answers = || {
        let asked = Command::new("chronyc").arg("-h").arg(&socket).args(["-n", "-c", "tracking"]).output();
        asked.is_ok_and(|output| output.status.success() && text(&output.stdout).contains("Normal"))
    };
    until("chronyd answers", answers);
    let collector = mesh.collector(&["--agents", "2"]);
    let args = ["--duration", "6s", "--chrony-socket", socket.to_str().expect("text")];
    let agents = [mesh.agent(0, &args), mesh.agent(1, &args)];
    for agent in agents {
        let (code, said) = agent.ended();
        assert_eq!(code, Some(0), "{said}");
    }
    let output = collector.end();
    let said = text(&output.stdout);
    daemon.stopped();
    let rows = table(&mesh.path("run/claims.csv"));
    let of_chrony: Vec<_> = rows.iter().filter(|row| row["source"] == "chrony").collect();
    assert_eq!(of_chrony.iter().map(|row| row["node"].as_str()).collect::<Vec<_>>(), ["0", "1"], "{rows:?}\n{said}");
    for row in of_chrony {
        assert!(row["readings"].parse::<u64>().expect("a count") >= 2, "{row:?}");
        assert_eq!((row["synchronised_share"].as_str(), row["verdict"].as_str()), ("1.000000", "not judged"));
        let bound: i64 = row["error_bound_max_ns"].parse().expect("a bound");
        assert!((0..1_000_000).contains(&bound), "a daemon that is its own reference: {bound}");
    }
    for row in rows.iter().filter(|row| row["source"] == "kernel" && row["synchronised_share"] != "0.000000") {
        assert!(row["estimated_error_max_ns"].parse::<u64>().is_ok(), "what adjtimex calls esterror: {row:?}");
    }
    assert!(said.contains("claim    node 0, chrony: within"), "{said}");
    assert!(fs::read_to_string(mesh.path("run/report.html")).expect("a page").contains("chrony"));
    let verified = skewbench().arg("verify").arg(mesh.path("run")).output().expect("verify starts");
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
}

#[test]
fn the_agents_of_a_lab_speak_with_one_voice() {
    let folder = Folder::new("voice");
    let args = ["lab", "--seconds", "2", "--ordering", "off", "--seed", "1", "--out"];
    let done = skewbench().args(args).arg(folder.path()).output().expect("the lab starts");
    let rows = table(&folder.path().join("claims.csv"));
    assert!(rows.iter().all(|row| row["node"] == "0" && row["verdict"] == "not judged"), "{rows:?}");
    assert_eq!(!rows.is_empty(), text(&done.stdout).contains("the one host that all"), "{}", text(&done.stdout));
}
