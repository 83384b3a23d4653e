//! A run's folder as evidence: one changed byte anywhere is found and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;
use crate::lab::{skewbench, text};

const SCENARIO: &str = "duration = \"2s\"\ntau = \"50ms\"\n[topology]\nshape = \"full\"\nnodes = 3\n[oscillators]\n\
    offset_within = \"5ms\"\ndrift_within_ppm = 50\n[links]\ndelay = \"1ms\"\njitter = { kind = \"uniform\", limit = \"200us\" }\n";

fn simulated(name: &str) -> Folder {
    let folder = Folder::new(name);
    let scenario = folder.path().with_extension("toml");
    fs::write(&scenario, SCENARIO).expect("a scenario");
    let done = skewbench().arg("sim").arg(&scenario).arg("--out").arg(folder.path()).output().expect("sim starts");
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    fs::remove_file(scenario).expect("removed");
    folder
}

fn verify(dir: &Path) -> (i32, String) {
    let done = skewbench().arg("verify").arg(dir).output().expect("verify starts");
    (done.status.code().expect("a code"), text(&done.stdout) + &text(&done.stderr))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let inside = |dir: PathBuf| fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let all = inside(dir.to_owned()).chain(inside(dir.join("journals"))).filter(|path| path.is_file());
    all.filter(|path| !path.ends_with("MANIFEST.sha256")).collect()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

#[test]
fn one_flipped_byte_in_any_file_is_found_and_named() {
    let folder = simulated("flipped");
    let (code, said) = verify(folder.path());
    assert_eq!(code, 0, "{said}");
    let all = files(folder.path());
    assert!(all.len() >= 9 && said.contains(&format!("{0} of {0} files", all.len())), "{said}");
    for file in all {
        flip(&file);
        let (code, said) = verify(folder.path());
        let name = file.file_name().expect("a name").to_str().expect("text");
        let of_hash = said.lines().find(|line| line.starts_with("DIFFERS") && line.contains("its hash"));
        assert!(code == 1 && of_hash.is_some_and(|line| line.contains(name)), "{name}: {said}");
        if name.ends_with(".skj") {
            assert!(said.contains("note     journals: ") && said.contains("summary.csv: line "), "{said}");
        } else if name != "scenario.toml" {
            assert!(said.contains(&format!("{name}: line ")), "{said}");
        }
        flip(&file);
    }
    assert_eq!(verify(folder.path()).0, 0);
}

#[test]
fn the_tools_of_the_system_read_the_manifest() {
    let folder = simulated("sha256sum");
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["-c", "--strict", "MANIFEST.sha256"]).current_dir(folder.path()).output().expect("sha256sum")
    };
    let done = check();
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    flip(&folder.path().join("arcs.csv"));
    assert!(text(&check().stdout).contains("arcs.csv: FAILED"));
}

#[test]
fn a_result_changed_together_with_its_hash_is_found_by_recomputing() {
    let folder = simulated("forged");
    let (path, list) = (folder.path().join("summary.csv"), folder.path().join("MANIFEST.sha256"));
    let forged = fs::read_to_string(&path).expect("a summary").replace("WITHIN", "UNKNOWN");
    fs::write(&path, &forged).expect("written");
    let sum = skewbench::host::manifest::Sum::of(forged.as_bytes());
    let line = |line: &str| {
        if line.ends_with("  summary.csv") { format!("{sum}  summary.csv\n") } else { format!("{line}\n") }
    };
    let forged: String = fs::read_to_string(&list).expect("a manifest").lines().map(line).collect();
    fs::write(&list, forged).expect("written");
    let (code, said) = verify(folder.path());
    assert!(code == 1 && said.contains("summary.csv: line 3") && !said.contains("its hash"), "{said}");
}

#[test]
fn what_is_missing_is_told_from_what_can_be_made_again() {
    let folder = simulated("missing");
    fs::remove_file(folder.path().join("report.json")).expect("removed");
    fs::write(folder.path().join("README.md"), "notes").expect("written");
    let (code, said) = verify(folder.path());
    assert!(code == 0 && said.contains("report.json: not kept") && said.contains("README.md: not in"), "{said}");
    let journal = files(folder.path()).into_iter().find(|path| path.extension().is_some_and(|e| e == "skj"));
    let journal = journal.expect("a journal");
    fs::rename(&journal, journal.with_file_name("other.skj")).expect("renamed");
    let (code, said) = verify(folder.path());
    assert!(code == 3 && said.contains("other.skj: a journal that is not in the manifest"), "{said}");
    fs::remove_file(folder.path().join("MANIFEST.sha256")).expect("removed");
    let (code, said) = verify(folder.path());
    assert!(code == 3 && said.contains("MANIFEST.sha256: "), "{said}");
    assert_eq!(verify(&folder.path().join("none")).0, 3);
}

#[test]
fn results_made_elsewhere_know_the_way_to_their_journals() {
    let (folder, again) = (simulated("source"), Folder::new("source-again"));
    let done = skewbench().arg("analyze").arg(folder.path()).arg("--out").arg(again.path()).output().expect("analyze");
    assert_eq!(done.status.code(), Some(0));
    let (code, said) = verify(again.path());
    assert!(code == 0 && said.contains("what 3 journals give again"), "{said}");
    flip(&files(folder.path()).into_iter().find(|path| path.extension().is_some_and(|e| e == "skj")).expect("one"));
    assert_eq!(verify(again.path()).0, 1);
}

#[test]
fn another_program_is_said_and_nothing_else() {
    let folder = simulated("version");
    let list = folder.path().join("MANIFEST.sha256");
    let text = fs::read_to_string(&list).expect("a manifest");
    let rest = text.split_once('\n').expect("lines").1;
    fs::write(&list, format!("# written by skewbench 0.0.1, commit \u{1b}[2J\n{rest}")).expect("written");
    let (code, said) = verify(folder.path());
    assert!(code == 0 && said.contains("written by skewbench 0.0.1") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn the_worst_pair_of_a_run_is_proved_and_a_changed_certificate_is_not() {
    let folder = Folder::new("verify-proof");
    let (run, proof) = (folder.path().join("run"), folder.path().join("worst.txt"));
    fs::create_dir_all(folder.path()).expect("a folder");
    let sim = |scenario: &str| {
        let file = folder.path().join("scenario.toml");
        fs::write(&file, scenario).expect("a scenario");
        let made = skewbench().arg("sim").arg(file).args(["--force", "--quiet", "--out"]).arg(&run).output().unwrap();
        assert!(made.status.code().is_some_and(|code| code != 2 && code != 3), "{}", text(&made.stderr));
    };
    let verify = |flags: &[&Path]| skewbench().arg("verify").args(flags).output().expect("the program");
    let quiet = "duration = \"6s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 3 }\n[links]\ndelay = \"200us\"\n\
                 jitter = { kind = \"uniform\", limit = \"100us\" }\n[oscillators]\ndrift_within_ppm = 20.0\nkappa_ppm = 50.0\n";
    sim(quiet);
    let proved = verify(&[&run, Path::new("--proof"), &proof]);
    assert!(proved.status.success(), "{}", text(&proved.stdout));
    assert!(text(&proved.stdout).contains("both ends of clock"), "{}", text(&proved.stdout));
    let certificate = fs::read_to_string(&proof).expect("a certificate");
    assert!(verify(&[Path::new("--certificate"), &proof]).status.success());
    let claim = certificate.lines().find(|line| line.starts_with("claim")).expect("a claim");
    let words: Vec<&str> = claim.split(' ').collect();
    let high: i64 = words[5].parse().expect("a number");
    fs::write(&proof, certificate.replace(claim, &format!("{} {}", words[..5].join(" "), high - 50))).expect("written");
    let refused = verify(&[Path::new("--certificate"), &proof]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("too narrow by 50 ns"), "{}", text(&refused.stdout));
    sim(&format!("{quiet}[[event]]\nkind = \"clock-step\"\nnode = 2\nat = \"3s\"\nby = \"5ms\"\n"));
    let contradicted = verify(&[&run, Path::new("--proof"), &proof]);
    let said = text(&contradicted.stdout);
    assert!(contradicted.status.success() && said.contains("the cycle") && said.contains("is short by"), "{said}");
    fs::write(&proof, "nonsense\n").expect("written");
    assert_eq!(verify(&[Path::new("--certificate"), &proof]).status.code(), Some(2));
}
