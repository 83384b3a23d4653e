//! Comparisons of hand-made runs.

use proptest::prelude::*;

use super::*;
use crate::compare::bootstrap::resample;
use crate::compare::columns::{BENCH_NS_ALONE, BENCH_RATIO, SUMMARY};
use crate::compare::conditions::{ClockRead, Conditions};

fn value(column: Column, value: f64, within: Within) -> Value {
    Value { kind: Kind::Bench, subject: "x".into(), column, value, within }
}

fn run(values: Vec<Value>) -> Run {
    Run { name: "a".into(), conditions: Conditions::Bench { clock_read: ClockRead::Known }, values }
}

fn one(base: Value, head: Value) -> Row {
    compare(&[run(vec![base])], &[run(vec![head])]).remove(0)
}

/// A run whose largest eps is that of a wave of this height, drawn again in ten blocks.
fn wave(height: f64, stream: u64) -> Run {
    let series: Vec<f64> = (0..200).map(|at| height * (2.0 + (f64::from(at) / 3.0).sin())).collect();
    let [median, _, largest] = resample(&series, 20, stream);
    let at = |index: usize, value: f64, all| self::value(SUMMARY[index].column, value, Within::Resampled(all));
    run(vec![at(0, 2.0 * height, median), at(2, 3.0 * height, largest)])
}

fn repeats(column: Column, values: &[f64]) -> Vec<Run> {
    values.iter().map(|number| run(vec![value(column, *number, Within::Nothing)])).collect()
}

#[test]
fn equal_runs_are_the_same_and_a_doubled_eps_is_worse() {
    let rows = compare(&[wave(1_000.0, 1)], &[wave(1_000.0, 2)]);
    assert!(rows.iter().all(|row| row.judgement == Judgement::Same), "{rows:?}");
    assert_eq!(outcome(&rows), Outcome::NotWorse);
    let rows = compare(&[wave(1_000.0, 1)], &[wave(2_000.0, 2)]);
    assert!(rows.iter().all(|row| row.judgement == Judgement::Worse && row.ratio() == Some(2.0)), "{rows:?}");
    assert_eq!((outcome(&rows), rows[0].spread_kind), (Outcome::Worse, SpreadKind::Bootstrap));
    let rows = compare(&[wave(2_000.0, 1)], &[wave(1_000.0, 2)]);
    assert!(rows.iter().all(|row| row.judgement == Judgement::Better), "{rows:?}");
}

#[test]
fn three_runs_a_side_are_held_against_the_spread_between_them() {
    let column = BENCH_RATIO;
    let rows = compare(&repeats(column, &[1.0, 1.1, 0.9]), &repeats(column, &[2.0, 2.1, 1.9]));
    assert_eq!((rows[0].spread_kind, rows[0].judgement), (SpreadKind::Between, Judgement::Worse));
    let rows = compare(&repeats(column, &[1.0, 1.9, 0.2]), &repeats(column, &[2.0, 2.9, 0.8]));
    assert_eq!(rows[0].judgement, Judgement::Same);
    let rows = compare(&repeats(column, &[1.0, 1.1]), &repeats(column, &[2.0, 2.1, 1.9]));
    assert_eq!((rows[0].spread_kind, rows[0].judgement), (SpreadKind::Nothing, Judgement::NoSpread));
    assert_eq!(outcome(&rows), Outcome::Undecided);
}

#[test]
fn limits_that_overlap_are_the_same() {
    let bench = |low, ns, high| value(BENCH_NS_ALONE, ns, Within::Limits { low, high });
    assert_eq!(one(bench(9.0, 10.0, 11.0), bench(10.5, 12.0, 13.0)).judgement, Judgement::Same);
    assert_eq!(one(bench(9.0, 10.0, 11.0), bench(11.5, 12.0, 13.0)).judgement, Judgement::Worse);
    assert_eq!(one(bench(9.0, 10.0, 11.0), bench(7.0, 8.0, 8.5)).judgement, Judgement::Better);
}

#[test]
fn the_column_says_which_direction_is_better() {
    let verdict = |better, base, head| {
        let column = Column { better, ..BENCH_RATIO };
        one(value(column, base, Within::Exact), value(column, head, Within::Exact)).judgement
    };
    assert_eq!(verdict(Better::Lower, 1.0, 2.0), Judgement::Worse);
    assert_eq!(verdict(Better::Higher, 1.0, 2.0), Judgement::Better);
    assert_eq!(verdict(Better::Higher, 2.0, 1.0), Judgement::Worse);
    assert_eq!(verdict(Better::Neither, 2.0, 1.0), Judgement::Differs);
    assert_eq!(verdict(Better::Lower, 1.0, 1.0), Judgement::Same);
}

#[test]
fn a_value_of_one_side_only_is_missing_and_worse_is_never_guessed() {
    let rows = compare(&[run(vec![value(BENCH_RATIO, 1.0, Within::Exact)])], &[run(vec![])]);
    assert_eq!((rows[0].judgement, rows[0].head), (Judgement::Missing, None));
    assert_eq!(outcome(&rows), Outcome::Undecided);
    assert_eq!(outcome(&[]), Outcome::NotWorse);
}

#[test]
fn differences_that_cannot_be_measured_are_none() {
    let eps = SUMMARY[0].column;
    let row = one(value(eps, 10.0, Within::Exact), value(eps, 12.0, Within::Exact));
    assert_eq!(row.judgement, Judgement::Same);
}

proptest! {
    /// Whatever is compared, turning the sides round turns the verdict round.
    #[test]
    fn sides_turn_verdicts_round(base in prop::collection::vec(0.0..10.0_f64, 3..6), head in prop::collection::vec(0.0..10.0_f64, 3..6)) {
        let column = BENCH_RATIO;
        let there = compare(&repeats(column, &base), &repeats(column, &head))[0].judgement;
        let back = compare(&repeats(column, &head), &repeats(column, &base))[0].judgement;
        let turned = match there {
            Judgement::Worse => Judgement::Better,
            Judgement::Better => Judgement::Worse,
            other => other,
        };
        prop_assert_eq!(back, turned);
    }

    /// A run is never worse than itself.
    #[test]
    fn no_run_is_worse_than_itself(values in prop::collection::vec(-1e9..1e9_f64, 1..5)) {
        let rows = compare(&repeats(BENCH_RATIO, &values), &repeats(BENCH_RATIO, &values));
        prop_assert_eq!(rows[0].judgement, Judgement::Same);
    }
}
