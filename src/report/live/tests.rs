//! What a person sees, on terminals of several sizes.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::analysis::ordering::OrderRow;
use crate::analysis::summarise;
use crate::analysis::testing::{MS, end, mesh};
use crate::order::report::{Load, Phase, StampSource};

fn summary() -> Summary {
    let mut runs = mesh(&[0, 30_000, -20_000]);
    runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
    summarise("run-1", &runs)
}

fn past(summary: &Summary) -> Past {
    let mut past = Past::default();
    past.add(summary);
    past
}

fn status() -> Status {
    Status {
        title: "skewbench lab".to_owned(),
        stage: "measuring clocks".to_owned(),
        in_stage: Nanos::from_seconds(5),
        stage_length: Some(Nanos::from_seconds(10)),
        elapsed: Nanos::from_seconds(65),
        ..Status::default()
    }
}

fn backend(view: &View<'_>, width: u16, height: u16) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal.backend().clone()
}

fn screen(view: &View<'_>, width: u16, height: u16) -> Vec<String> {
    let backend = backend(view, width, height);
    let rows = backend.buffer().content().chunks(usize::from(width.max(1)));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

/// The line that begins with `word`.
fn line<'a>(screen: &'a [String], word: &str) -> &'a str {
    screen.iter().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word} in\n{}", screen.join("\n")))
}

#[test]
fn it_shows_facts_clocks_chart_and_arcs() {
    let (summary, status) = (summary(), status());
    let past = past(&summary);
    let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Colours };
    let screen = screen(&view, 110, 36);
    assert_eq!(
        screen[0],
        "skewbench lab  measuring clocks  ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 5 of 10 s  elapsed 1:05",
        "{}",
        screen.join("\n")
    );
    assert!(
        screen[1].starts_with("3 of 3 nodes, full, diameter 1, tau ") && screen[1].contains("seed 7"),
        "{}",
        screen[1]
    );
    let lamport: Vec<&str> = line(&screen, "━ lamport").split_whitespace().collect();
    assert_eq!(lamport[2..8], ["50.0us", "50.0us", "160.0us", "31", "%", "WITHIN"]);
    assert!(line(&screen, "━ free").split_whitespace().nth(4) == Some("-"), "only lamport's clock has this bound");
    assert!(
        screen.iter().any(|line| line.contains('⠉') || line.contains('⣀') || line.contains('⠤')),
        "a line is drawn"
    );
    assert!(
        line(&screen, "100us").contains('│') && screen.iter().any(|line| line.ends_with("now")),
        "axes are labelled"
    );
    let arc: Vec<&str> = line(&screen, "0->1").split_whitespace().collect();
    let sent = summary.arcs[0].sent.to_string();
    assert_eq!(arc[..3], ["0->1", &sent, "0"]);
    assert_eq!(screen.last().map(String::as_str), Some("q or Ctrl-C: stop and report"));
}

#[test]
fn what_has_gone_wrong_stays_in_sight() {
    let (mut summary, mut status) = (summary(), status());
    summary.verdict = Verdict::Violated;
    let mut past = past(&summary);
    summary.verdict = Verdict::Within;
    summary.notes.push("premise failed: arc 0->1".to_owned());
    past.add(&summary);
    status.silent = vec![(NodeId(2), Nanos::from_seconds(12))];
    status.phase = Running::Stopping;
    summary.arcs[1].sent += 7;
    let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Colours };
    let screen = screen(&view, 80, 24);
    assert!(line(&screen, "━ lamport").contains("VIOLATED"), "a broken bound is not forgotten");
    assert_eq!(screen[2..4], ["node 2: silent for 12 s", "premise failed: arc 0->1"]);
    assert_eq!(line(&screen, "0->2").split_whitespace().nth(2), Some("7"));
    assert!(line(&screen, "stopping").contains("reported"));
}

#[test]
fn phases_that_are_over_are_listed() {
    let (mut summary, status) = (summary(), status());
    let load = Load::Open { commands_per_s: 5 };
    let phase = Phase { index: 1, source: StampSource::Ntp, load, payload_bytes: 64, batch: 64, duration_ns: 1 };
    summary.ordering = vec![OrderRow {
        phase,
        agents: 3,
        commands: 9,
        commands_per_s: 1_234_567.0,
        latency: Some([1_000, 2_000_000, 3_000_000]),
        cpu_ns_per_command: None,
        floor_ns_per_command: None,
        inversions: None,
        digest: None,
        agree: true,
        unfinished: 0,
        eps: None,
        floor_commands_per_s: Some(2_469_134.0),
        issued: 6_100_000,
        acknowledged: Some(6_100_000),
        missing: 0,
        repeated: 0,
        stamping: None,
    }];
    let past = past(&summary);
    let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Plain };
    let screen = screen(&view, 90, 30);
    let row: Vec<&str> = line(&screen, "ntp").split_whitespace().collect();
    assert_eq!(row, ["ntp", "half", "1,234,567", "0.50", "1.00us", "2.00ms", "yes"]);
}

#[test]
fn without_colours_letters_tell_the_lines_apart() {
    let (summary, status) = (summary(), status());
    let past = past(&summary);
    let view = |palette| View { status: &status, summary: &summary, past: &past, palette };
    let coloured = |palette| {
        let backend = backend(&view(palette), 90, 30);
        backend.buffer().content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(Palette::Colours) && !coloured(Palette::Plain));
    let screen = screen(&view(Palette::Plain), 90, 30);
    assert!(line(&screen, "l lamport").contains("WITHIN"));
    assert!(screen.iter().any(|line| line.contains("llll")), "{}", screen.join("\n"));
}

#[test]
fn every_size_is_drawn_and_small_ones_say_the_most_important() {
    let status = status();
    for summary in [summary(), Summary::default()] {
        let past = past(&summary);
        for (width, height) in [(0, 0), (1, 1), (10, 3), (44, 10), (50, 12), (80, 24), (300, 100)] {
            let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Colours };
            screen(&view, width, height);
        }
    }
    let summary = summary();
    let past = past(&summary);
    let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Colours };
    assert_eq!(screen(&view, 40, 3)[0], "lamport 50.0us/160.0us WITHIN");
    let narrow = screen(&view, 50, 14);
    assert!(line(&narrow, "━ lamport").ends_with("31 %"), "columns on the right are left out whole: {narrow:?}");
}

#[test]
fn before_the_first_journal_it_says_what_it_waits_for() {
    let (summary, past, status) = (Summary::default(), Past::default(), status());
    let view = View { status: &status, summary: &summary, past: &past, palette: Palette::Colours };
    assert_eq!(screen(&view, 80, 24)[1], "waiting for the first journals");
}
