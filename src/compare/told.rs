//! How a comparison is told: a CSV for programs, a table for people.

use std::fmt::Write;

use csv::Writer;

use super::columns::Better;
use super::judge::{Judgement, Outcome, Row, outcome};
use super::spread::SpreadKind;

/// The columns of `compare.csv`.
///
/// `kind` is the table that the value is from; `base` and `head` name the runs; `algorithm` may be an algorithm, an
/// algorithm and its load, `all arcs` or a bench; `better` says which direction is (`lower`, `higher`, `neither`); values
/// are means over a side's runs; `ratio` is head over base and `difference` head less base, for which `spread_low` and
/// `spread_high` are limits made as `spread_kind` says; `forced` holds the reasons for which the comparison would have
/// been refused without `--force`.
pub const COLUMNS: [&str; 15] = [
    "kind",
    "base",
    "head",
    "algorithm",
    "column",
    "unit",
    "better",
    "base_value",
    "head_value",
    "ratio",
    "difference",
    "spread_low",
    "spread_high",
    "spread_kind",
    "verdict",
];
/// The last column.
pub const FORCED: &str = "forced";

/// One head beside its base.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// What the user calls the base.
    pub base: String,
    /// What the user calls the head.
    pub head: String,
    /// Why it would have been refused.
    pub forced: Vec<String>,
    /// Its values.
    pub rows: Vec<Row>,
}

/// `compare.csv`.
pub fn csv(comparisons: &[Comparison]) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    let header: Vec<String> = COLUMNS.iter().chain([&FORCED]).map(|name| (*name).to_owned()).collect();
    let rows = comparisons.iter().flat_map(|comparison| comparison.rows.iter().map(|row| fields(comparison, row)));
    for row in [header].into_iter().chain(rows) {
        // A vector takes every byte, and all rows have the header's length.
        writer.write_record(&row).expect("rows of one length into memory");
    }
    writer.into_inner().expect("memory")
}

fn fields(comparison: &Comparison, row: &Row) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, plain);
    vec![
        row.kind.name().to_owned(),
        comparison.base.clone(),
        comparison.head.clone(),
        row.subject.clone(),
        row.column.name.to_owned(),
        row.column.unit.to_owned(),
        row.column.better.name().to_owned(),
        number(row.base),
        number(row.head),
        row.ratio().map_or_else(String::new, |ratio| format!("{ratio:.6}")),
        number(row.difference()),
        number(row.spread.map(|spread| spread.0)),
        number(row.spread.map(|spread| spread.1)),
        row.spread_kind.name().to_owned(),
        row.judgement.name().to_owned(),
        comparison.forced.join("; "),
    ]
}

/// The same rows as JSON: a list of objects with the names of the CSV's columns, numbers as numbers, unknown as null.
pub fn json(comparisons: &[Comparison]) -> Vec<u8> {
    let rows = comparisons.iter().flat_map(|comparison| comparison.rows.iter().map(|row| object(comparison, row)));
    let mut bytes = serde_json::to_vec_pretty(&rows.collect::<Vec<_>>()).expect("strings and numbers into memory");
    bytes.push(b'\n');
    bytes
}

fn object(comparison: &Comparison, row: &Row) -> serde_json::Value {
    serde_json::json!({
        "kind": row.kind.name(),
        "base": comparison.base,
        "head": comparison.head,
        "algorithm": row.subject,
        "column": row.column.name,
        "unit": row.column.unit,
        "better": row.column.better.name(),
        "base_value": row.base,
        "head_value": row.head,
        "ratio": row.ratio(),
        "difference": row.difference(),
        "spread_low": row.spread.map(|spread| spread.0),
        "spread_high": row.spread.map(|spread| spread.1),
        "spread_kind": row.spread_kind.name(),
        "verdict": row.judgement.name(),
        "forced": comparison.forced.join("; "),
    })
}

/// To the thousandth, or to six digits where that is finer.
fn plain(value: f64) -> String {
    let rounded = if value.abs() >= 100.0 { format!("{value:.3}") } else { format!("{value:.6}") };
    let short = rounded.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// The table for people, and a sentence.
pub fn text(comparison: &Comparison) -> String {
    let mut text = format!("base  {}\nhead  {}\n", comparison.base, comparison.head);
    for reason in &comparison.forced {
        let _ = writeln!(text, "forced although not comparable: {reason}");
    }
    let _ = writeln!(text, "\n{:28} {:>12} {:>12} {:>7}  {:>24}", "", "base", "head", "ratio", "difference within");
    let mut last = "";
    for row in &comparison.rows {
        if row.subject != last {
            let _ = writeln!(text, "{}", row.subject);
        }
        last = &row.subject;
        text.push_str(&line(row));
    }
    text + "\n" + &sentence(&comparison.rows)
}

fn line(row: &Row) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), rounded);
    let ratio = row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
    let spread = match (row.spread_kind, row.spread) {
        (SpreadKind::Exact | SpreadKind::Nothing, _) | (_, None) => String::new(),
        (_, Some((low, high))) => format!("{:>10} .. {:>10}", rounded(low), rounded(high)),
    };
    let (base, head, verdict) = (number(row.base), number(row.head), row.judgement.name());
    format!("  {:26} {base:>12} {head:>12} {ratio:>7}  {spread:>24}  {verdict}\n", row.column.name)
}

/// Four digits or more.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// What the comparison comes to, and what its spread was made of.
pub fn sentence(rows: &[Row]) -> String {
    let judged = rows.iter().filter(|row| row.is_judged() && row.spread_kind != SpreadKind::Exact).count();
    let open = |row: &&Row| row.judgement == Judgement::NoSpread && row.column.better != Better::Neither;
    let without = rows.iter().filter(open).count();
    let mut text = match outcome(rows) {
        Outcome::Worse => format!("HEAD is worse beyond the spread: {}.\n", listed(rows, Judgement::Worse)),
        Outcome::NotWorse if judged == 0 => "HEAD equals BASE.\n".to_owned(),
        Outcome::NotWorse => format!("HEAD is not worse beyond the spread in any of {judged} judged values.\n"),
        Outcome::Undecided => {
            "Undecided: values differ and none has a spread. Give three or more runs a side, or longer runs.\n"
                .to_owned()
        }
    };
    let better = listed(rows, Judgement::Better);
    if !better.is_empty() {
        let _ = writeln!(text, "Better beyond the spread: {better}.");
    }
    if without > 0 {
        let _ =
            writeln!(text, "{without} values differ without a spread and are not judged; three runs a side give one.");
    }
    let missing = rows.iter().filter(|row| row.judgement == Judgement::Missing).count();
    if missing > 0 {
        let _ = writeln!(text, "{missing} values are known of one side only.");
    }
    text + basis(rows)
}

fn listed(rows: &[Row], wanted: Judgement) -> String {
    let name = |row: &Row| {
        let ratio = row.ratio().map_or_else(String::new, |ratio| format!(" x{ratio:.3}"));
        format!("{} {}{ratio}", row.subject, row.column.name)
    };
    rows.iter().filter(|row| row.judgement == wanted).map(name).collect::<Vec<_>>().join(", ")
}

fn basis(rows: &[Row]) -> &'static str {
    let any = |kind| rows.iter().any(|row| row.is_judged() && row.spread_kind == kind);
    if any(SpreadKind::Between) {
        "Spread: between runs (Welch), 95 % for all judged values of a HEAD together.\n"
    } else if any(SpreadKind::Bootstrap) {
        "Spread: block bootstrap over time within each run, 95 % for all judged values of a HEAD together. What differs only from\n\
         run to run is not in it: three or more runs a side show that.\n"
    } else if any(SpreadKind::Limits) {
        "Spread: the benches' own 95 % limits must not overlap. What differs from run to run is not in them.\n"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain() {
        assert_eq!(
            [0.0, -0.0, 1.5, 123_456_789.25, 0.000_123_4].map(plain),
            ["0", "0", "1.5", "123456789.25", "0.000123"]
        );
        assert_eq!([0.0, 3_932_576.2, 1.234, 0.000_1].map(rounded), ["0", "3932576", "1.23", "0.0001"]);
    }

    #[test]
    fn a_file_without_rows_has_its_columns() {
        let text = String::from_utf8(csv(&[])).unwrap();
        assert_eq!(text.trim_end(), format!("{},{FORCED}", COLUMNS.join(",")));
        assert_eq!(sentence(&[]), "HEAD equals BASE.\n");
    }
}
