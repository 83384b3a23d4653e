//! docs/theory.md stands by what it names: sections that are referred to exist, and so do the tests that check its laws.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn theory() -> String {
    fs::read_to_string(root().join("docs/theory.md")).expect("the theory")
}

/// Every file below `dir`, with its text, but for what is no text.
fn texts(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            texts(&entry, found);
        } else if let Ok(text) = fs::read_to_string(&entry) {
            found.push((entry, text));
        }
    }
}

fn texts_of(rooms: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    rooms.iter().for_each(|room| texts(&root().join(room), &mut found));
    found
}

/// The headings with a number, by number.
fn headings(theory: &str) -> BTreeMap<&str, &str> {
    let titles = theory.lines().filter(|line| line.starts_with("## ") || line.starts_with("### "));
    let split = titles.filter_map(|line| line.trim_start_matches('#').trim().split_once(' '));
    split.map(|(number, title)| (number.trim_end_matches('.'), title)).collect()
}

/// The number that `text` begins with: digits, and digits behind a dot.
fn number(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// A text as one line, without what begins the lines of comments.
fn unwrapped(text: &str) -> String {
    let bare = |line: &str| line.trim().trim_start_matches(['/', '!', '#']).trim().to_owned();
    text.lines().map(bare).collect::<Vec<_>>().join(" ")
}

/// What is wrong with the reference whose rest, behind the file's name, is `rest`; a bare name refers to the whole.
fn fault(rest: &str, headings: &BTreeMap<&str, &str>) -> Option<String> {
    let rest = rest.trim_start_matches(['`', ',', ' ']);
    if rest.starts_with("section") {
        return Some("write § and the number".to_owned());
    }
    let number = number(rest.strip_prefix('§')?);
    let Some(title) = headings.get(number) else { return Some(format!("there is no §{number}")) };
    let quoted = rest[number.len() + '§'.len_utf8()..].strip_prefix(" \"")?.split('"').next()?;
    (quoted != *title).then(|| format!("§{number} is {title:?}, not {quoted:?}"))
}

#[test]
fn every_section_of_the_theory_that_is_referred_to_exists() {
    let (theory, name) = (theory(), "docs/theory.md");
    let headings = headings(&theory);
    assert_eq!((headings.get("1.4"), headings.len() > 20), (Some(&"What follows"), true), "{headings:?}");
    let files = texts_of(&["src", "bin", "tests", "benches", "scripts", "docs"]);
    let mut count = 0;
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| !file.ends_with("book.rs")) {
        let text = unwrapped(text);
        for rest in text.split(name).skip(1) {
            count += 1;
            faults.extend(fault(rest, &headings).map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    assert!(count > 50, "{count} references");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let own = theory.split('§').skip(1).map(number);
    let missing: Vec<&str> = own.filter(|number| !headings.contains_key(number)).collect();
    assert!(missing.is_empty(), "the theory refers to its own {missing:?}");
}

#[test]
fn a_reference_to_the_wrong_section_is_found() {
    let headings = BTreeMap::from([("1", "Clocks"), ("1.4", "What follows")]);
    let fault = |rest| fault(rest, &headings);
    assert_eq!(
        [fault("; and more"), fault(" §1.4: so"), fault(" §1.4 \"What follows\")"), fault("` §1.")],
        [const { None }; 4]
    );
    for wrong in [" §1.5", " §2", " §1.4 \"What came before\"", ", section 1"] {
        assert!(fault(wrong).is_some(), "{wrong}");
    }
    assert_eq!(unwrapped("/// as in docs/theory.md\n    /// §1.4.\n"), "as in docs/theory.md §1.4.");
}

/// What is quoted behind "Test: " or "Tests: ", up to the sentence's end, and whatever else looks like a test's name.
fn named(theory: &str) -> Vec<&str> {
    let word = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let like_one = theory.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() >= 3);
    let lists = ["Test: ", "Tests: "].into_iter().flat_map(|mark| theory.split(mark).skip(1));
    let listed = lists.flat_map(|list| {
        let parts: Vec<&str> = list.split('`').collect();
        let ends = |between: &str| between.split_whitespace().any(|word| word.ends_with('.'));
        let pairs = parts.chunks_exact(2).take_while(move |pair| !ends(pair[0])).map(|pair| pair[1]);
        pairs.collect::<Vec<&str>>()
    });
    like_one.chain(listed).filter(word).collect()
}

/// Whether `name` is a function with the attribute of a test.
fn is_a_test(name: &str, text: &str) -> bool {
    let head = format!("fn {name}(");
    text.match_indices(&head)
        .any(|(at, _)| text[..at].rsplit(['}', ';']).next().is_some_and(|own| own.contains("#[test]")))
}

/// The theory names the test that checks each law: a name that is no test any more is a law that nobody checks.
#[test]
fn every_test_that_the_theory_names_exists() {
    let theory = theory();
    let named = named(&theory);
    assert!(named.len() > 200, "{} tests are named", named.len());
    let files = texts_of(&["src", "tests"]);
    let missing: Vec<&&str> =
        named.iter().filter(|name| !files.iter().any(|(_, text)| is_a_test(name, text))).collect();
    assert!(missing.is_empty(), "no test has the name {missing:?}");
}
