//! Whether Lamport's clocks kept the bound that stamps certify: by stamps alone, and why (docs/theory.md §10).
//!
//! Both sides come from the same journals, yet neither is inferred from the other. The bound stands on kappa as declared,
//! credits as configured, and on tau and xi that round trips prove; the certificate on kappa, on the same minimum delays, and
//! on the order of stamps. What is estimated from a calibration (residual kappa, jitter, rates) enters neither; a rate that the
//! calibration proves beyond kappa takes every verdict back.

use super::parameters::{CertifiedBound, Label, Parameter, Symbol};
use super::summary::Verdict;
use super::target::{Distance, Evidence, Judged, Limit, Safety, judge};
use crate::ids::Algorithm;
use crate::time::Ppb;

/// A verdict and what it stands on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ruling {
    /// Within if the clocks cannot have been further apart than the bound, violated if they must have been.
    pub verdict: Verdict,
    /// Why.
    pub grounds: Grounds,
    /// What was certified of the clocks.
    pub evidence: Evidence,
}

/// Why a verdict is what it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Grounds {
    /// There is no bound: no xi gives premises that stamps prove within the run.
    #[default]
    NoBound,
    /// Not every node ran the clock that the bound is about.
    NotRun,
    /// Two clocks differ so much in rate that kappa is at least the first, and the second was declared.
    Refuted(Ppb, Ppb),
    /// This bound was held against this judgement of the certified eps.
    Held(CertifiedBound, Judged),
}

impl Ruling {
    /// Holds what is certified of Lamport's clocks against the bound. A limit is judged as any other target is
    /// ([`judge`]): a contradiction or a missing node is never within.
    pub fn of(evidence: Evidence, bound: Option<&CertifiedBound>, parameters: &[Parameter]) -> Self {
        let (verdict, grounds) = rule(&evidence, bound, parameters);
        Self { verdict, grounds, evidence }
    }
}

fn rule(evidence: &Evidence, bound: Option<&CertifiedBound>, parameters: &[Parameter]) -> (Verdict, Grounds) {
    let unknown = |grounds| (Verdict::Unknown, grounds);
    if evidence.nodes.len() >= 2 && evidence.clock(Algorithm::Lamport).is_none() {
        return unknown(Grounds::NotRun);
    }
    let Some(bound) = bound else { return unknown(Grounds::NoBound) };
    let declared = bound.premises.kappa;
    if let Some(least) = least_kappa(parameters).filter(|least| *least > declared) {
        return unknown(Grounds::Refuted(least, declared));
    }
    let limit = Limit { span: bound.bounds.safe, distance: Distance::Mutual, what: "" };
    let judged = judge(evidence, Algorithm::Lamport, limit);
    let verdict = match judged.safety {
        Safety::Safe => Verdict::Within,
        Safety::Unsafe => Verdict::Violated,
        Safety::Unknown => Verdict::Unknown,
    };
    (verdict, Grounds::Held(*bound, judged))
}

/// The kappa that relative rates prove, whatever was declared.
fn least_kappa(parameters: &[Parameter]) -> Option<Ppb> {
    let proved = parameters.iter().filter(|row| row.symbol == Symbol::Kappa && row.label == Label::Certified);
    proved.filter_map(|row| row.low).max().map(Ppb)
}
