//! Stability of a clock over τ: the table that people read, and `stability.csv`.

use csv::Writer;

use super::text::line;
use crate::stability::mask::Mask;
use crate::stability::{Curves, Row, Statistic};

const COLUMNS: [&str; 10] =
    ["statistic", "tau_s", "m", "terms", "value", "low_95", "high_95", "degrees_of_freedom", "noise", "mask_limit"];

/// Seven significant digits.
pub fn number(value: f64) -> String {
    format!("{value:.6e}")
}

/// A span as it was meant, not as binary fractions have it.
fn seconds(tau: f64) -> String {
    let text = format!("{tau:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One row for each τ, then what the mask says.
pub fn table(curves: &Curves, mask: Option<Mask>) -> String {
    let width = 14;
    let names = Statistic::ALL.map(|statistic| statistic.name().to_uppercase().replace("_S", " s"));
    let heads = names.iter().map(|name| (name.as_str(), width));
    let mut text = line(&[("tau s", 9)].into_iter().chain(heads).chain([("noise", width + 2)]).collect::<Vec<_>>());
    for rows in curves.rows.chunk_by(|a, b| a.m == b.m) {
        let cell = |statistic: Statistic| rows.iter().find(|row| row.statistic == statistic);
        let values =
            Statistic::ALL.map(|one| cell(one).map_or_else(|| "-".to_owned(), |row| number(row.estimate.value)));
        let tau = seconds(rows[0].tau_s);
        let noise = rows[0].noise.map_or("-", |noise| noise.name());
        let cells = values.iter().map(|value| (value.as_str(), width));
        text += &line(&[(tau.as_str(), 9)].into_iter().chain(cells).chain([(noise, width + 2)]).collect::<Vec<_>>());
    }
    text + &mask.map_or_else(String::new, |mask| judged(curves, mask))
}

fn judged(curves: &Curves, mask: Mask) -> String {
    let told = |row: &Row| {
        let limit = row.statistic.limit(mask, row.tau_s).unwrap_or(f64::NAN);
        format!(
            "  {} at {} s: {} > {}\n",
            row.statistic.name(),
            seconds(row.tau_s),
            number(row.estimate.value),
            number(limit)
        )
    };
    let beyond: String = curves.beyond(mask).map(told).collect();
    if beyond.is_empty() {
        format!("\nwithin {mask} at every tau above\n")
    } else {
        format!("\nbeyond {mask}:\n{beyond}")
    }
}

/// `stability.csv`: one row for each statistic and τ. Deviations are dimensionless unless their name has a unit.
pub fn csv(curves: &Curves, mask: Option<Mask>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    let header = COLUMNS.map(str::to_owned).to_vec();
    for row in [header].into_iter().chain(curves.rows.iter().map(|row| record(row, mask))) {
        // A vector takes every byte, and all rows have the columns of the header.
        writer.write_record(&row).expect("rows of one length into memory");
    }
    writer.into_inner().expect("memory")
}

fn record(row: &Row, mask: Option<Mask>) -> Vec<String> {
    let known = |value: Option<f64>| value.map_or_else(String::new, number);
    vec![
        row.statistic.name().to_owned(),
        seconds(row.tau_s),
        row.m.to_string(),
        row.estimate.terms.to_string(),
        number(row.estimate.value),
        known(row.interval.map(|interval| interval.0)),
        known(row.interval.map(|interval| interval.1)),
        row.degrees.map_or_else(String::new, |degrees| format!("{degrees:.2}")),
        row.noise.map_or_else(String::new, |noise| noise.name().to_owned()),
        known(mask.and_then(|mask| row.statistic.limit(mask, row.tau_s))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::testing::{nbs14, thousand};

    #[test]
    fn the_table_has_the_published_digits() {
        let text = table(&Curves::of(&thousand()), None);
        let row = text.lines().find(|line| line.trim_start().starts_with("10 ")).unwrap();
        for printed in ["9.965736e-2", "9.159953e-2", "6.172376e-2", "3.563623e-1", "1.052754e-1", "9.581083e-2"] {
            assert!(row.contains(printed), "{row}");
        }
        assert!(table(&Curves::of(&nbs14()), None).contains("9.122945e1"));
    }

    #[test]
    fn the_file_has_a_row_for_each_statistic_and_tau() {
        let curves = Curves::of(&thousand());
        let text = String::from_utf8(csv(&curves, Some(Mask::Prc))).unwrap();
        assert_eq!(text.lines().count(), curves.rows.len() + 1);
        assert!(text.contains("oadev,10,10,981,9.159953e-2,"), "{text}");
        assert!(table(&curves, Some(Mask::Prc)).contains("beyond g811-prc:\n  tdev_s at 1 s"));
    }
}
