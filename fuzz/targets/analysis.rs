//! Journals that any agent could have written, with hostile numbers in every field: they survive the journal, and the
//! analysis survives them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skewbench::analysis::{AgentRun, Unreadable, summarise};
use skewbench::journal::{Journals, Writer};
use skewbench::report::{csv, terminal};
use skewbench_fuzz::{Bytes, runs, seeds};

/// Entries of one journal.
const MOST: usize = 120;

fuzz_target!(init: seeds::write("analysis"), |data: &[u8]| {
    let mut bytes = Bytes(data);
    let count = 1 + u32::from(bytes.pick(4));
    let runs: Vec<AgentRun> = (0..count).map(|node| run(&mut bytes, node)).collect();
    let mut summary = summarise("fuzzed", &runs);
    summary.measure_loops(&runs);
    let _ = (csv::summary_csv(&summary), csv::arcs_csv(&summary), csv::ordering_csv(&summary));
    let _ = terminal::report(&summary);
    // What is large takes long: the fuzzer decides whether it is worth while.
    if !bytes.coin() {
        return;
    }
    let _ = csv::epsilon_csv(&summary);
    let backwards: Vec<AgentRun> = runs.into_iter().rev().collect();
    assert!(summarise("fuzzed", &backwards).verdict == summary.verdict, "the order of journals is of no account");
});

fn run(bytes: &mut Bytes<'_>, node: u32) -> AgentRun {
    let (header, entries, covers_until) = runs::journal(bytes, node, MOST);
    let mut writer = Writer::new(header.clone());
    let mut file = Vec::new();
    writer.extend(entries.iter().cloned());
    writer.cut(covers_until, &mut file);
    let journals = Journals::read([&file[..]]);
    let journal = journals.iter().next().expect("what was written is read");
    assert!(journal.entries().eq(entries.iter().cloned()) && journal.header == header, "the journal keeps everything");
    AgentRun { header, entries, covers_until, unreadable: Unreadable::default() }
}
