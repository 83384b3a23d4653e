//! The map of the house: which room may import from which, and that there is no other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room of `src/` may import.
const MAY_IMPORT: &[(&str, &str)] = &[
    ("time", ""),
    ("names", ""),
    ("hex", ""),
    ("real", ""),
    ("length", "time"),
    ("affine", "time"),
    ("ids", "names"),
    ("topology", "time length ids"),
    ("model", "time affine ids topology real"),
    ("probe", "hex time affine ids"),
    ("clock", "time affine ids real probe"),
    ("yardstick", "names time affine ids real model probe clock"),
    ("causal", "time"),
    ("node", "time affine ids topology probe clock causal"),
    ("order", "time ids clock causal"),
    ("workload", "time ids order"),
    ("trial", "names hex time real ids model order workload"),
    ("theory", "names time ids topology"),
    ("certify", "time affine ids"),
    ("replay", "names time affine ids probe clock yardstick causal certify"),
    ("checker", ""),
    ("stability", "names"),
    ("journal", "hex time affine ids topology model probe clock causal node order trial"),
    (
        "analysis",
        "time length affine ids topology model probe clock causal node order workload trial theory certify stability \
         journal",
    ),
    ("report", "time length ids theory stability order workload trial analysis"),
    ("compare", "time ids model theory analysis"),
    (
        "sim",
        "names hex time length real affine ids topology model probe clock causal node order workload trial theory journal \
         analysis",
    ),
    ("robustness", "names time ids model clock node analysis sim"),
    ("sweep", "names time ids topology trial theory journal analysis report model sim"),
    (
        "host",
        "hex time length affine ids topology model probe clock causal node order workload trial theory stability journal \
         analysis report",
    ),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names after `crate::`, in its code before the tests.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let room = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    code.match_indices("crate::")
        .map(|(at, found)| room(&code[at + found.len()..]))
        .filter(|room| !room.is_empty())
        .collect()
}

#[test]
fn imports_go_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(room, may)| (*room, may.split_whitespace().collect())).collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources are where they should be");
    let mut seen = BTreeSet::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("a file of the sources");
        let room = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let room = room.trim_end_matches(".rs");
        let for_tests = ["tests", "testing", "samples"];
        if room == "lib" || inside.with_extension("").iter().any(|part| for_tests.iter().any(|name| part == *name)) {
            continue;
        }
        let may =
            allowed.get(room).unwrap_or_else(|| panic!("{} is a room that this map does not know", inside.display()));
        seen.insert(room.to_owned());
        for import in imports(&fs::read_to_string(&file).expect("a readable source")) {
            assert!(import == room || may.contains(import.as_str()), "{} imports crate::{import}", inside.display());
        }
    }
    assert!(seen.len() == MAY_IMPORT.len(), "every room of the map exists: {seen:?}");
}

#[test]
fn the_map_has_no_cycles() {
    let mut above = BTreeSet::new();
    for (room, may) in MAY_IMPORT {
        for import in may.split_whitespace() {
            assert!(above.contains(import), "{room} may import {import}, which is not above it");
        }
        above.insert(*room);
    }
}
