//! Spans, numbers and lines as people read them in a terminal.

use std::fmt::Write;

use crate::analysis::audit::ClaimRow;
use crate::analysis::events::{Event, Kind, Subject};
use crate::ids::NodeId;
use crate::time::Nanos;

/// Lines are broken so that none is longer.
pub const WIDTH: usize = 100;

/// One line of cells, each with its width; a negative width aligns to the left.
pub fn line(cells: &[(&str, i32)]) -> String {
    let mut text = String::new();
    for (cell, width) in cells {
        let size = width.unsigned_abs() as usize;
        // Writing to a string cannot fail.
        let _ = if *width < 0 { write!(text, "{cell:<size$}") } else { write!(text, "{cell:>size$}") };
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Text after a label, broken at spaces; the label's width indents what follows. Control characters, by which a hostile
/// journal could command the terminal, are left out.
pub fn wrapped(label: &str, text: &str) -> String {
    let harmless: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let text: String = harmless.chars().filter(|c| !c.is_control()).collect();
    let indent = " ".repeat(label.len());
    let (mut lines, mut current) = (String::new(), label.to_owned());
    for word in text.split_whitespace() {
        let empty = current.trim_end().len() <= label.trim_end().len();
        if !empty && current.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += current.trim_end();
            lines.push('\n');
            current.clone_from(&indent);
        } else if !empty {
            current.push(' ');
        }
        current += word;
    }
    lines + current.trim_end() + "\n"
}

/// A span in four digits or fewer, for columns.
pub fn short(span: Nanos) -> String {
    let size = span.0.unsigned_abs();
    let (divisor, unit) = match size {
        0..1_000 => return format!("{}ns", span.0),
        1_000..1_000_000 => (1e3, "us"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let value = span.0 as f64 / divisor;
    let decimals = if value.abs() < 10.0 { 2 } else { 1 };
    format!("{value:.decimals$}{unit}")
}

/// A count with its noun.
pub fn plural(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A whole number with a mark after each three digits.
pub fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

/// Whom an event happened to.
pub fn event_subject(event: &Event) -> String {
    match (event.subject, event.kind) {
        (Subject::Node(node), _) => format!("node {node}"),
        (Subject::Arc(arc), Kind::Route) => arc.to_string(),
        (Subject::Arc(arc), _) => format!("node {} or {}", arc.from, arc.to),
    }
}

/// How a source's claims fared, in a word or two.
pub fn verdict_of(row: &ClaimRow) -> &'static str {
    match row.audit {
        None => "not judged",
        Some(audit) if audit.refuted > 0 => "REFUTED",
        Some(_) => "CONSISTENT",
    }
}

/// How large an event was.
pub fn event_size(event: &Event) -> String {
    match (event.size, event.rate) {
        (Some(size), _) => short(size),
        (None, Some(rate)) => format!("{:.1} ppm", rate.as_ppm()),
        (None, None) => String::new(),
    }
}

/// Names of nodes, with commas between.
pub fn nodes(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_cannot_command_the_terminal() {
        let text = wrapped("note ", "node\u{1b}[2J\u{9b}1m\tnamed\u{7}\r\nso");
        assert_eq!(text, "note node[2J1m named so\n");
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!((short(Nanos(-40)), short(Nanos(1_234_567))), ("-40ns".to_owned(), "1.23ms".to_owned()));
        assert_eq!((thousands(1_234_567.4), thousands(12.0)), ("1,234,567".to_owned(), "12".to_owned()));
    }
}
