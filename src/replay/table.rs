//! What a replay found, as CSV and for people.

use std::fmt::Write;

use super::{Format, Judged, Pair, Recording};
use crate::time::{Nanos, Ppb};
use crate::yardstick::measure::{Size, second_half};

const HEADER: &str = "algorithm,pair,samples,error_rms_ns,error_p99_ns,error_max_ns,bias_ns,coverage\n";

/// Every number; fields without one are empty. A daemon's claims have a row with their count alone: they are no errors.
pub fn csv(recording: &Recording, judged: &[Judged]) -> String {
    let mut text = HEADER.to_owned();
    for Judged { pair, samples, outcomes, .. } in judged {
        for outcome in outcomes {
            let ns = |field: fn(&Size) -> f64| outcome.errors.map(|size| nanos(field(&size))).unwrap_or_default();
            let figures =
                [ns(|size| size.rms), ns(|size| size.p99), ns(|size| size.max), ns(|size| size.mean)].join(",");
            let coverage = outcome.coverage.map(|share| format!("{share:.5}")).unwrap_or_default();
            let _ = writeln!(text, "{},{pair},{samples},{figures},{coverage}", outcome.algorithm);
        }
    }
    for (pair, offsets) in &recording.claims {
        let daemon = recording.format.daemon().unwrap_or_default();
        let _ = writeln!(text, "{daemon},{pair},{},,,,,", offsets.len());
    }
    text
}

fn nanos(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e9)
}

/// The same for people, and what is to be known about it.
pub fn text(recording: &Recording, judged: &[Judged], kappa: Ppb) -> String {
    let mut text = format!("{}: {}\n", recording.format, counted(recording.rows(), "row"));
    judged.iter().for_each(|judged| text.push_str(&pair(judged)));
    recording.claims.iter().for_each(|(pair, offsets)| text.push_str(&claims(recording, pair, offsets)));
    notes(recording, judged, kappa).iter().for_each(|note| {
        let _ = writeln!(text, "note  {note}");
    });
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn line(cells: [String; 6]) -> String {
    let [first, rest @ ..] = cells;
    let rest: String = rest.iter().map(|cell| format!("{cell:>12}")).collect();
    format!("  {first:<12}{}\n", rest.trim_end())
}

/// Root mean square, quantile, largest and mean, each with its unit.
fn spans(size: Option<Size>) -> [String; 4] {
    let Some(Size { rms, p99, max, mean }) = size else { return [(); 4].map(|()| "–".to_owned()) };
    [rms, p99, max, mean].map(|seconds| Nanos((seconds * 1e9).round() as i64).to_string())
}

fn pair(judged: &Judged) -> String {
    let Judged { pair, samples, poll, .. } = judged;
    let samples = counted(*samples, "exchange");
    if judged.judged == 0 {
        return format!("\n{pair}: {samples}, poll {poll}; no truth, no errors\n");
    }
    let mut text = format!("\n{pair}: {samples}, poll {poll}; errors after {} of them\n", judged.judged);
    text += &line(["algorithm", "rms", "p99", "max", "bias", "coverage"].map(str::to_owned));
    for outcome in &judged.outcomes {
        let [rms, p99, max, bias] = spans(outcome.errors);
        let coverage = outcome.coverage.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", share * 100.0));
        text += &line([outcome.algorithm.to_owned(), rms, p99, max, bias, coverage]);
    }
    text
}

fn claims(recording: &Recording, pair: &Pair, offsets: &[Nanos]) -> String {
    let daemon = recording.format.daemon().unwrap_or_default();
    let [rms, p99, max, mean] = spans(Some(Size::of(second_half(offsets).iter().copied())));
    let offset = "its own offset";
    let claims = counted(offsets.len(), "claim");
    format!("\n{pair}: {claims} of {daemon}; {offset} rms {rms}, p99 {p99}, max {max}, mean {mean}\n")
}

fn notes(recording: &Recording, judged: &[Judged], kappa: Ppb) -> Vec<String> {
    let mut notes = Vec::new();
    if !recording.claims.is_empty() {
        notes.push(
            "claims are what the daemon says of itself (reference − local), over their second half: no errors".into(),
        );
    }
    if !judged.is_empty() {
        let truth = if judged.iter().all(|judged| judged.judged == 0) {
            "no truth_offset_ns in the second half: errors and coverage are not known"
        } else {
            "errors are over the second half of a pair's exchanges, where truth is given; bias above zero: clock ahead"
        };
        notes.push(truth.to_owned());
        if matches!(recording.format, Format::ChronyMeasurements | Format::ChronyRawMeasurements) {
            notes.push(
                "exchanges are made of offset and delay: both ways equally long, t1 known to a second".to_owned(),
            );
        }
        notes.push(format!(
            "certificate and interval assume both rates within {} ppm of one (--kappa-ppm)",
            kappa.as_ppm()
        ));
    }
    for judged in judged.iter().filter(|judged| judged.contradicted > 0) {
        let count = counted(judged.contradicted, "exchange");
        notes.push(format!(
            "{}: the stamps contradict that after {count}: certificate and coverage mean little",
            judged.pair
        ));
    }
    if recording.unsorted > 0 {
        notes.push(format!("{} not in the order of t1: sorted", counted(recording.unsorted as usize, "row")));
    }
    notes.extend(left_out(recording));
    notes
}

fn left_out(recording: &Recording) -> Vec<String> {
    let left_out = &recording.left_out;
    let named = left_out.first.iter().map(|(line, why)| format!("line {line} left out: {why}"));
    let rest = left_out.count - left_out.first.len() as u64;
    let rest = (rest > 0).then(|| format!("{rest} more left out, {} in all", counted(left_out.count as usize, "line")));
    named.chain(rest).collect()
}
