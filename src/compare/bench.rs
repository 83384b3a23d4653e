//! `bench.csv`, as scripts/bench-csv writes it: `name,ns,low,high,ratio_to_clock_read`.

use std::collections::BTreeSet;

use super::columns::{BENCH_NS, BENCH_NS_ALONE, BENCH_RATIO};
use super::conditions::{ClockRead, Conditions};
use super::{Kind, Run, Value, Within};

/// The columns of the file.
pub const COLUMNS: [&str; 5] = ["name", "ns", "low", "high", "ratio_to_clock_read"];
/// The bench to which the others are put in proportion.
pub const CLOCK_READ: &str = "clock_read";

/// One bench: its estimate in ns, between two limits.
#[derive(Clone, PartialEq, Debug)]
struct Estimate {
    name: String,
    ns: f64,
    low: f64,
    high: f64,
}

/// The benches of a file. The ratio's limits are those of the quotient: low over the clock read's high, and high over
/// its low.
///
/// # Errors
/// Names the line, the column, the value and the mend.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Run, String> {
    let estimates = estimates(bytes).map_err(|why| format!("{name}: {why}"))?;
    let clock = estimates.iter().find(|bench| bench.name == CLOCK_READ);
    let clock_read = if clock.is_some() { ClockRead::Known } else { ClockRead::Missing };
    let values = estimates.iter().flat_map(|bench| values(bench, clock)).collect();
    Ok(Run { name: name.to_owned(), conditions: Conditions::Bench { clock_read }, values })
}

fn values(bench: &Estimate, clock: Option<&Estimate>) -> Vec<Value> {
    let value = |column, value, low, high| {
        let within = Within::Limits { low, high };
        Value { kind: Kind::Bench, subject: bench.name.clone(), column, value, within }
    };
    let Some(clock) = clock else { return vec![value(BENCH_NS_ALONE, bench.ns, bench.low, bench.high)] };
    let mut found = vec![value(BENCH_NS, bench.ns, bench.low, bench.high)];
    if bench.name != CLOCK_READ {
        found.push(value(BENCH_RATIO, bench.ns / clock.ns, bench.low / clock.high, bench.high / clock.low));
    }
    found
}

fn estimates(bytes: &[u8]) -> Result<Vec<Estimate>, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    if header != COLUMNS {
        return Err(format!(
            "the header is `{}`, not `{}`: give a run's folder, or a file of scripts/bench-csv",
            shown(&header.join(",")),
            COLUMNS.join(",")
        ));
    }
    let (mut found, mut names) = (Vec::new(), BTreeSet::new());
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let bench = estimate(&record.map_err(unreadable)?).map_err(|why| format!("line {line}: {why}"))?;
        if !names.insert(bench.name.clone()) {
            return Err(format!("line {line}: name `{}` is given twice: keep one", shown(&bench.name)));
        }
        found.push(bench);
    }
    Ok(found)
}

fn unreadable(why: csv::Error) -> String {
    format!("{why}: write it again with scripts/bench-csv")
}

fn estimate(record: &csv::StringRecord) -> Result<Estimate, String> {
    let number = |index: usize| match record[index].parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("{} `{}` is no positive number of ns", COLUMNS[index], shown(&record[index]))),
    };
    let (ns, low, high) = (number(1)?, number(2)?, number(3)?);
    if !(low <= ns && ns <= high) {
        return Err(format!("ns {ns} is not between low {low} and high {high}: write it again with scripts/bench-csv"));
    }
    Ok(Estimate { name: record[0].to_owned(), ns, low, high })
}

/// At most the beginning of a text that may be anything.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "name,ns,low,high,ratio_to_clock_read\n";

    #[test]
    fn benches_are_put_in_proportion_to_the_clock_read() {
        let run = parse("a", format!("{HEADER}clock_read,20,19,25,1\nhlc_tick,30,28,38,1.5\n").as_bytes()).unwrap();
        assert_eq!(run.conditions, Conditions::Bench { clock_read: ClockRead::Known });
        let found: Vec<_> = run.values.iter().map(|v| (v.subject.as_str(), v.column, v.value)).collect();
        let expected = [("clock_read", BENCH_NS, 20.0), ("hlc_tick", BENCH_NS, 30.0), ("hlc_tick", BENCH_RATIO, 1.5)];
        assert_eq!(found, expected);
        assert_eq!(run.values[2].within, Within::Limits { low: 28.0 / 25.0, high: 2.0 });
    }

    #[test]
    fn without_a_clock_read_the_time_itself_is_judged() {
        let run = parse("a", format!("{HEADER}hlc_tick,30,28,38,\n").as_bytes()).unwrap();
        assert_eq!(run.conditions, Conditions::Bench { clock_read: ClockRead::Missing });
        assert_eq!(run.values[0].column, BENCH_NS_ALONE);
    }

    #[test]
    fn a_bad_file_is_refused_by_line_column_and_value() {
        for (text, words) in [
            ("a,b\n1,2\n".to_owned(), ["header", "a,b"]),
            (format!("{HEADER}x,fast,1,2,3\n"), ["line 2", "ns `fast`"]),
            (format!("{HEADER}x,1,1,1,\ny,5,6,7,\n"), ["line 3", "low 6"]),
            (format!("{HEADER}x,1,1,1,\nx,1,1,1,\n"), ["line 3", "twice"]),
            (format!("{HEADER}x,1,NaN,1,\n"), ["line 2", "low `NaN`"]),
            (format!("{HEADER}x,1\n"), ["x.csv", "scripts/bench-csv"]),
        ] {
            let error = parse("x.csv", text.as_bytes()).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = parse("x", &bytes);
            let _ = parse("x", &[HEADER.as_bytes(), &bytes].concat());
        }
    }
}
