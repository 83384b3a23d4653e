//! Journal files: any bytes, and frames with right checksums around columns that were changed. Whatever is read can be
//! analysed and reported.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skewbench::analysis::{AgentRun, Unreadable, summarise};
use skewbench::journal::{Journals, run_id};
use skewbench::report::{csv, terminal};
use skewbench_fuzz::frames::Loose;
use skewbench_fuzz::{Bytes, seeds};

fuzz_target!(init: seeds::write("journal"), |data: &[u8]| {
    let mut bytes = Bytes(data);
    if bytes.coin() {
        let mut file = Vec::new();
        while !bytes.is_empty() {
            file.extend(Loose::draw(&mut bytes).seal());
        }
        read(&file);
    } else {
        read(bytes.0);
    }
});

fn read(file: &[u8]) {
    let journals = Journals::read([file]);
    let runs: Vec<AgentRun> = journals
        .iter()
        .map(|journal| AgentRun {
            header: journal.header.clone(),
            entries: journal.entries().collect(),
            covers_until: journal.covers_until,
            unreadable: Unreadable { gaps: journal.gaps.len() as u64, ..Unreadable::default() },
        })
        .collect();
    let mut summary = summarise(&run_id(&journals), &runs);
    summary.measure_loops(&runs);
    let _ = (csv::summary_csv(&summary), csv::arcs_csv(&summary), csv::ordering_csv(&summary));
    let _ = terminal::report(&summary);
}
