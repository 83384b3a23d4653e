//! `sweep.csv`: one row for each finished point, in the order of the grid. What is unknown is empty; units are in the
//! column names. The same scenario, grid and seeds give the same bytes, whatever the number of threads or interruptions.

use std::fmt::Display;

use csv::Writer;

use super::Sweep;
use super::point::{Part, Point, Spread};
use crate::ids::Algorithm;
use crate::time::Nanos;

/// The file.
pub fn file(sweep: &Sweep) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    for row in [header(sweep)].into_iter().chain(sweep.points.iter().map(|point| row(sweep, point))) {
        // A vector takes every byte, and all rows have the columns of the header.
        writer.write_record(&row).expect("rows of one length into memory");
    }
    writer.into_inner().expect("memory")
}

fn header(sweep: &Sweep) -> Vec<String> {
    let mut names: Vec<String> = sweep.grid.axes.iter().map(|axis| axis.key.column()).collect();
    let spread = |name: String| [format!("{name}_median"), format!("{name}_worst")];
    names.extend(["scenario", "first_seed", "seeds", "run_s", "n", "d"].map(str::to_owned));
    for algorithm in Algorithm::OWN {
        names.extend(["max", "p99"].into_iter().flat_map(|what| spread(format!("{algorithm}_eps_{what}_ns"))));
    }
    for bound in ["seed", "safe", "tight", "paper"] {
        names.extend(spread(format!("bound_{bound}_ns")));
    }
    for premise in ["tau_eff_ns", "xi_ns", "mu_premise_ns", "kappa_premise_ppb"] {
        names.extend(spread(premise.to_owned()));
    }
    let rest = "drift_term_ns_median,xi_term_ns_median,credit_term_ns_median,dominant_term,knee_tau_ns,\
        tightness_median,tightness_worst,within,violated,unknown";
    names.extend(rest.split(',').map(str::to_owned));
    names
}

fn row(sweep: &Sweep, point: &Point) -> Vec<String> {
    let keys = sweep.grid.axes.iter().zip(sweep.grid.values(point.number));
    let mut fields: Vec<String> = keys.map(|(axis, value)| axis.key.number(value)).collect();
    fields.extend([
        sweep.scenario.clone(),
        sweep.first_seed.to_string(),
        point.seeds.to_string(),
        format!("{:.9}", point.duration.as_seconds()),
        point.nodes.to_string(),
        text(point.diameter),
    ]);
    for (max, p99) in point.eps_max.iter().zip(&point.eps_p99) {
        fields.extend([ns(max), ns(p99)].concat());
    }
    for span in [&point.seed_bound, &point.safe, &point.tight, &point.paper, &point.tau_eff, &point.xi, &point.mu] {
        fields.extend(ns(span));
    }
    fields.extend([point.kappa.median, point.kappa.worst].map(|kappa| text(kappa.map(|kappa| kappa.0))));
    fields.extend(Part::ALL.map(|part| text(point.part(part).map(|size| size.0))));
    fields.push(text(point.dominant().map(Part::name)));
    fields.push(text(point.knee.map(|knee| knee.0)));
    let share = |share: Option<f64>| share.map_or_else(String::new, |share| format!("{share:.6}"));
    fields.extend([share(point.tightness.median), share(point.tightness.worst)]);
    fields.extend(point.verdicts.map(|count| count.to_string()));
    fields
}

fn ns(spread: &Spread<Nanos>) -> [String; 2] {
    [spread.median, spread.worst].map(|span| text(span.map(|span| span.0)))
}

fn text(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Measured;
    use crate::sweep::testing::{run, sweep};

    #[test]
    fn a_row_has_the_keys_first_and_unknowns_empty() {
        let made = sweep(&["tau=1ms,2ms", "loss=0,0.1"], 3, |values, seed| {
            let made = run(Nanos(values[0] as i64), Nanos(1_000), Nanos(100 * seed as i64));
            if values[1] > 0.0 { Measured { premises: None, ..made } } else { made }
        });
        let text = String::from_utf8(file(&made)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(
            "tau_ns,loss_share,scenario,first_seed,seeds,run_s,n,d,free_eps_max_ns_median,free_eps_max_ns_worst,"
        ));
        assert_eq!(
            lines[1],
            "1000000,0,0123456789abcdef,1,3,10.000000000,2,1,200,300,200,300,200,300,200,300,200,300,200,300,200,300,\
             200,300,1101,1101,1101,1101,1101,1101,1100,1100,1000000,1000000,1000,1000,0,0,50000,50000,101,1000,0,d*xi,\
             10001000,0.181653,0.272480,3,0,0"
        );
        assert_eq!(lines[2].split(',').filter(|field| field.is_empty()).count(), 23, "{}", lines[2]);
        assert!(lines.iter().all(|line| line.split(',').count() == lines[0].split(',').count()) && lines.len() == 5);
    }
}
