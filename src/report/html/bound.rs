//! The bound: its four forms, and the premises that the run fulfilled.

use super::table::Table;
use super::words::{UNKNOWN, digits, escape, known, plain, span};
use crate::analysis::Summary;
use crate::analysis::optimum::Limit;
use crate::analysis::summary::Promise;
use crate::ids::Algorithm;
use crate::theory::{Bounds, TauCeiling, Term};
use crate::time::Nanos;

/// The section's body.
pub fn section(summary: &Summary) -> String {
    let Some(promise) = &summary.promise else {
        if let Some(bounds) = summary.bounds() {
            let words = "True time is unknown: this is the bound that stamps certify, whose premises are told below, under \
                         what stamps alone prove.";
            return format!("<p>{words}</p>\n{}", forms(&bounds));
        }
        return "<p class=\"absent\">No bound can be promised: no premises are known to hold in this run.</p>\n"
            .to_owned();
    };
    format!("<p>{}</p>\n{}{}{}", escape(&sentence(promise)), forms(&promise.bounds), premises(promise), limits(summary))
}

fn sentence(promise: &Promise) -> String {
    let advice = match promise.premises.dominant() {
        Term::Drift => "the drift of the clocks between two messages (2dκτ): a shorter τ makes it smaller",
        Term::Flight => "the drift of the clocks while messages are under way (2dκν)",
        Term::Jitter => "delays that nobody can predict (dξ): better stamps or a quieter network make it smaller",
        Term::Credit => "the credit that a message under way may be given (κμ)",
    };
    let used = promise.tightness.map_or_else(String::new, |share| {
        format!(" The clocks used {} % of the tight form.", plain((share * 1e3).round() / 1e1))
    });
    format!("Most of the bound is {advice}.{used}")
}

fn forms(bounds: &Bounds) -> String {
    let mut table =
        Table::of_words("The bound in its four forms; the verdict stands on the safe one.", "form|formula|value|valid");
    for (name, formula, value, valid) in [
        ("safe", "d(2κ(τ+ν)+ξ) + κμ", bounds.safe, "always"),
        ("tight", "2κd(τ+ν) + κμ + d·max(0, ξ−κν)", bounds.tight, "if every message has the same credit"),
        ("seed", "d(2κ(τ+ν)+ξ)", bounds.seed, "not in general where dξ < μ"),
        ("paper", "d(2κτ+ξ)", bounds.paper, "approximately, for delays far below τ"),
    ] {
        table.row("", [name, formula, &span(value), valid].map(str::to_owned).into());
    }
    table.finish()
}

/// What the best algorithm could have promised, beside what these did.
fn limits(summary: &Summary) -> String {
    let mut table = Table::of_words(
        "What no algorithm can promise to undercut, on delays like these and without drift; by luck one may.",
        "limit|value|lamport used|ntp used|what it is",
    );
    let share = |algorithm, least: Nanos| {
        let eps = summary.eps(algorithm).filter(|_| least > Nanos::ZERO);
        eps.map_or_else(|| UNKNOWN.to_owned(), |eps| format!("{} ×", digits(eps.0 as f64 / least.0 as f64)))
    };
    for (limit, least) in summary.optimum.limits() {
        let (name, what) = match limit {
            Limit::CompleteGraph => ("u(1 − 1/n)", "worst case of n nodes that are all linked, delays uncertain by u"),
            Limit::HalfDiameter => ("diamᵤ/2", "worst case of this graph, each link weighted by its u"),
            Limit::Execution => ("A_max", "this very execution, if delays are known to be at least μ and no more"),
        };
        let used = [Algorithm::Lamport, Algorithm::Ntp].map(|algorithm| share(algorithm, least));
        let [lamport, ntp] = used;
        table.row("", vec![name.to_owned(), span(least), lamport, ntp, what.to_owned()]);
    }
    if summary.optimum.limits().next().is_none() { String::new() } else { table.finish() }
}

fn premises(promise: &Promise) -> String {
    let premises = &promise.premises;
    let ceiling = match promise.tau_ceiling {
        Some(TauCeiling::AtMost(tau)) => span(tau),
        Some(other) => other.to_string(),
        None => UNKNOWN.to_owned(),
    };
    let items = [
        ("κ, drift of the worst clock", format!("{}\u{202f}ppm", premises.kappa.as_ppm())),
        ("d, diameter", premises.diameter.to_string()),
        ("τ, longest timely gap", span(premises.tau)),
        ("μ, largest credit", span(premises.mu)),
        ("ξ, unpredictable delay", span(premises.xi)),
        ("ν = μ + ξ", span(premises.nu())),
        ("longest τ without anomaly", ceiling),
        ("smallest delay seen", known(promise.smallest_delay)),
    ];
    let item = |(name, value): (&str, String)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    format!("<dl class=\"facts\">{}</dl>\n", items.map(item).concat())
}
