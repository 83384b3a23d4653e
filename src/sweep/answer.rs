//! What a sweep comes to, in a table and in words.

use super::Sweep;
use super::key::Key;
use super::knee::{self, Knee};
use super::line::{Line, lines};
use super::point::{Part, Point};
use crate::analysis::Verdict;
use crate::ids::Algorithm;
use crate::report::text::{line, plural, short, thousands, wrapped};
use crate::time::Nanos;

/// More points than this are not printed one by one.
const MOST_ROWS: usize = 48;
/// More lines than this are not told one by one.
const MOST_LINES: usize = 10;

/// More changes of the largest part than this are chance.
const MOST_SPANS: usize = 3;

/// How numbers and parts are written: plainly for a terminal, or with all letters for a page.
#[derive(Clone, Copy)]
pub struct Words {
    /// A span.
    pub span: fn(Nanos) -> String,
    /// A value of a key.
    pub value: fn(Key, f64) -> String,
    /// A part of the bound.
    pub part: fn(Part) -> &'static str,
    /// The distance of clocks.
    pub eps: &'static str,
    /// The formula of the knee.
    pub knee: &'static str,
}

/// For a terminal.
pub const PLAIN: Words =
    Words { span: short, value: Key::text, part: Part::name, eps: "eps", knee: "xi/(2*kappa) + nu + mu/(2d)" };

/// The closing table and the answer below it.
pub fn report(sweep: &Sweep) -> String {
    let mut text = String::from("\n");
    if sweep.points.len() > MOST_ROWS {
        text += &wrapped("", &format!("{} points: sweep.csv has the table", sweep.points.len()));
    } else {
        text += &table(sweep);
    }
    text + "\n" + &sentences(sweep)
}

fn table(sweep: &Sweep) -> String {
    let names: Vec<&str> = sweep.grid.axes.iter().map(|axis| axis.key.name()).collect();
    let columns = ["eps lamport", "worst", "eps ntp", "safe bound", "worst", "used", "largest part", "runs"];
    let mut text = row(&names.iter().copied().chain(columns).collect::<Vec<_>>());
    for point in &sweep.points {
        let keys = sweep.grid.axes.iter().zip(sweep.grid.values(point.number));
        let mut cells: Vec<String> = keys.map(|(axis, value)| axis.key.text(value)).collect();
        let (lamport, ntp) = (point.eps(Algorithm::Lamport), point.eps(Algorithm::Ntp));
        cells.extend([lamport.median, lamport.worst, ntp.median, point.safe.median, point.safe.worst].map(known));
        cells.push(point.tightness.median.map_or_else(|| "unknown".to_owned(), |share| format!("{:.0}%", share * 1e2)));
        cells.push(point.dominant().map_or("unknown", Part::name).to_owned());
        cells.push(verdicts(point));
        text += &row(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text + &wrapped(
        "",
        "Spans are medians of the seeds, and the worst of them; eps is the largest of the window, which for \
        ntp includes settling; used is eps of lamport over the tight bound.",
    )
}

/// The keys, then spans, then words.
fn row(cells: &[&str]) -> String {
    let keys = cells.len() - 8;
    let widths = (0..cells.len()).map(|cell| match cell.checked_sub(keys) {
        None => 10,
        Some(0) => 13,
        Some(3) => 12,
        Some(5) => 7,
        Some(6) => 19,
        Some(7) => 13,
        Some(_) => 10,
    });
    line(&cells.iter().copied().zip(widths).collect::<Vec<_>>())
}

fn known(span: Option<Nanos>) -> String {
    span.map_or_else(|| "unknown".to_owned(), short)
}

/// The worst verdict, and of how many seeds it is.
fn verdicts(point: &Point) -> String {
    let [_, violated, unknown] = point.verdicts;
    match (violated, unknown) {
        (0, 0) => Verdict::Within.name().to_owned(),
        (0, unknown) => format!("{unknown} {}", Verdict::Unknown.name()),
        (violated, _) => format!("{violated} {}", Verdict::Violated.name()),
    }
}

/// The answer: whether the bound held, and for each line what eps follows.
pub fn sentences(sweep: &Sweep) -> String {
    let mut text = wrapped("", &kept(sweep));
    for axis in 0..sweep.grid.axes.len() {
        let all = lines(sweep, axis);
        let long: Vec<&Line<'_>> = all.iter().filter(|line| line.points.len() > 1).collect();
        for line in long.iter().take(MOST_LINES) {
            text += &wrapped(&format!("{}  ", title(line, &PLAIN)), &told(line, &PLAIN));
        }
        if long.len() > MOST_LINES {
            text += &wrapped("", &format!("... and {} more lines along {}", long.len() - MOST_LINES, long[0].key));
        }
    }
    text
}

/// What differs along a line, and what does not.
pub fn title(line: &Line<'_>, words: &Words) -> String {
    let fixed = line.name(words.value);
    if fixed.is_empty() { line.key.to_string() } else { format!("{} at {fixed}", line.key) }
}

/// Whether the bound held, in one sentence.
pub fn kept(sweep: &Sweep) -> String {
    let (violated, unknown) = (sweep.points_with(Verdict::Violated), sweep.points_with(Verdict::Unknown));
    let (points, seeds) = (plural(sweep.points.len() as u32, "point"), plural(sweep.seeds, "seed"));
    if violated > 0 {
        format!(
            "At {violated} of {points} clocks exceeded the safe bound with at least one of {seeds}: a premise failed there."
        )
    } else if unknown > 0 {
        format!("At {unknown} of {points} at least one of {seeds} cannot tell; the bound held in all other runs.")
    } else {
        format!("The bound held in all runs: {points}, {seeds} each.")
    }
}

/// What happens along a line, in sentences.
pub fn told(line: &Line<'_>, words: &Words) -> String {
    [ends(line, words), parts(line, words), bends(line, words)].join("")
}

fn ends(line: &Line<'_>, words: &Words) -> String {
    let known = |(value, point): &(f64, &Point)| {
        Some(((words.value)(line.key, *value), point.eps(Algorithm::Lamport).median?, point.safe.median?))
    };
    let known: Vec<_> = line.points.iter().filter_map(known).collect();
    let ([first, ..], [.., last]) = (&known[..], &known[..]) else {
        return format!("Nothing is known of {} or of a bound. ", words.eps);
    };
    let unknown = line.points.len() - known.len();
    let unknown =
        if unknown == 0 { String::new() } else { format!("At {unknown} values eps or the bound is unknown. ") };
    let span = words.span;
    format!(
        "From {} to {}, {} of lamport goes from {} to {}, the safe bound from {} to {}. {unknown}",
        first.0,
        last.0,
        words.eps,
        span(first.1),
        span(last.1),
        span(first.2),
        span(last.2)
    )
}

/// Which part is the largest where.
fn parts(line: &Line<'_>, words: &Words) -> String {
    let known = line.points.iter().filter_map(|(value, point)| Some((*value, point.dominant()?)));
    let known: Vec<(f64, Part)> = known.collect();
    let spans: Vec<&[(f64, Part)]> = known.chunk_by(|a, b| a.1 == b.1).collect();
    let value = |value: f64| (words.value)(line.key, value);
    let one = |span: &&[(f64, Part)]| {
        let (first, last) = (span[0].0, span[span.len() - 1].0);
        let (part, range) = ((words.part)(span[0].1), format!("{} to {}", value(first), value(last)));
        if first == last { format!("{part} at {}", value(first)) } else { format!("{part} from {range}") }
    };
    match &spans[..] {
        [] => String::new(),
        [only] => format!("The largest part of the bound is {} throughout. ", (words.part)(only[0].1)),
        [first, .., last] if spans.len() > MOST_SPANS => {
            format!("The largest part of the bound is {}, then changes to and fro, and is {}. ", one(first), one(last))
        }
        many => format!("The largest part of the bound is {}. ", many.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

/// The knees along tau, and what probing below them buys.
fn bends(line: &Line<'_>, words: &Words) -> String {
    if line.key != Key::Tau {
        return String::new();
    }
    let value = |value: f64| (words.value)(line.key, knee::rough(value).round());
    let formula = |knee| {
        let formula = knee::formula(line, knee).map(|formula| format!(" ({} is {} there)", words.knee, value(formula)));
        formula.unwrap_or_default()
    };
    let promised = match knee::promised(line) {
        Knee::At(knee) => format!("The bound begins to follow tau at about {}{}. ", value(knee), formula(knee)),
        Knee::Below => "The bound follows tau all along: its knee is below. ".to_owned(),
        Knee::Above => "The bound does not follow tau here: its knee is above. ".to_owned(),
        Knee::Unclear => String::new(),
    };
    let eps = words.eps;
    let measured = match knee::measured(line, Algorithm::Lamport) {
        Knee::At(knee) => {
            format!("Measured {eps} begins to follow tau at about {}. {}", value(knee), bought(line, knee, words))
        }
        Knee::Below => format!("Measured {eps} follows tau all along: a shorter one pays. "),
        Knee::Above => format!(
            "Measured {eps} does not follow tau here: probing more often buys little. {}",
            bought(line, f64::INFINITY, words)
        ),
        Knee::Unclear => format!("Where measured {eps} begins to follow tau these points do not say. "),
    };
    promised + &measured
}

/// What the shortest tau brings over the last one before the knee.
fn bought(line: &Line<'_>, knee: f64, words: &Words) -> String {
    let eps = |(value, point): &(f64, &Point)| Some((*value, point.eps(Algorithm::Lamport).median?));
    let below: Vec<(f64, Nanos)> = line.points.iter().filter(|(value, _)| *value <= knee).filter_map(eps).collect();
    match below[..] {
        [first, .., last] if first.1 > Nanos::ZERO => format!(
            "Below, a shorter one buys little: {} times the probes, from tau = {} to {}, for an {} {} times smaller. ",
            thousands((last.0 / first.0).round()),
            (words.value)(line.key, last.0),
            (words.value)(line.key, first.0),
            words.eps,
            format_args!("{:.1}", last.1.0 as f64 / first.1.0 as f64)
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::{run, sweep};

    #[test]
    fn the_answer_names_the_knee_and_what_lies_below() {
        // xi = 30 us at 50 ppm: 300 ms. eps has a floor of 10 us and follows tau above 500 ms.
        let made = sweep(&["tau=1ms..10s"], 3, |values, _| {
            run(Nanos(values[0] as i64), Nanos(30_000), Nanos((10_000.0 + values[0] * 20e-6) as i64))
        });
        let text = sentences(&made).replace('\n', " ");
        for words in [
            "The bound held in all runs: 9 points, 3 seeds each.",
            "From 1ms to 10s, eps of lamport goes from 10.0us to 210.0us, the safe bound from 30.1us to 1.03ms.",
            "d*xi from 1ms to 100ms, 2d*kappa*(tau+nu) from 300ms to 10s.",
            "The bound begins to follow tau at about 300ms (xi/(2*kappa) + nu + mu/(2d) is 300ms there).",
            "follow tau at about 500ms.",
            "300 times the probes, from tau = 300ms to 1ms, for an eps 1.6 times smaller.",
        ] {
            let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(spaced.contains(words), "{words}: {spaced}");
        }
        assert!(report(&made).contains("safe bound") && report(&made).lines().count() > 10);
    }

    #[test]
    fn a_violation_is_said_first_and_an_unknown_is_no_number() {
        let made = sweep(&["loss=0.1,0.2"], 3, |values, seed| {
            let made = run(Nanos(1_000), Nanos(5), Nanos(5));
            match (values[0] > 0.1, seed) {
                (true, 1) => super::super::Measured { verdict: Verdict::Violated, ..made },
                (true, _) => super::super::Measured { verdict: Verdict::Unknown, premises: None, ..made },
                _ => made,
            }
        });
        let text = report(&made);
        assert!(
            text.contains("At 1 of 2 points clocks exceeded the safe bound with at least one of 3 seeds"),
            "{text}"
        );
        assert!(text.contains("1 VIOLATED") && text.contains("unknown"), "{text}");
        assert_eq!(made.verdict(), Verdict::Violated);
    }
}
