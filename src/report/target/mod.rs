//! Clocks held against a target: as people read it, and as JSON.

mod json;
mod words;

use std::collections::BTreeSet;

pub(super) use self::words::reason;
use self::words::{remark, remark_of, settled_by};
use super::text::{line, nodes, short, wrapped};
use crate::analysis::target::{Distance, Event, Evidence, Judged, Limit, Profile, Safety, Source, judge};
use crate::ids::{Algorithm, NodeId};
use crate::length::Length;
use crate::time::{Nanos, Ppb};

/// What clocks are held against, and which of them decides.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The limits; the first decides.
    pub limits: &'a [Limit],
    /// Who sets them, if it is not a person.
    pub profile: Option<&'a Profile>,
    /// The clock whose verdict counts.
    pub clock: Algorithm,
    /// Why it is that one, where nobody named it.
    pub chosen: Option<&'static str>,
}

/// The answer: what every clock came to.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    question: Question<'a>,
    evidence: &'a Evidence,
    judged: Judged,
}

impl<'a> Answer<'a> {
    /// The answer to a question. A question has at least one limit.
    pub fn new(question: Question<'a>, evidence: &'a Evidence) -> Self {
        let judged = judge(evidence, question.clock, question.limits[0]);
        Self { question, evidence, judged }
    }

    /// The verdict.
    pub fn safety(&self) -> Safety {
        self.judged.safety
    }

    /// Everything, the one sentence last and in a paragraph of its own.
    pub fn text(&self) -> String {
        let mut text = self.head() + "\n" + &self.table();
        text += &self.reasons();
        text += &self.further();
        text += "\n";
        text += &self.assumptions();
        for note in &self.evidence.notes {
            text += &wrapped("note     ", note);
        }
        text + &format!("verdict  {}\n\n", self.safety().name()) + &wrapped("", &self.sentence())
    }

    fn limit(&self) -> Limit {
        self.question.limits[0]
    }

    fn all(&self) -> Vec<Judged> {
        self.evidence.clocks.iter().map(|clock| judge(self.evidence, clock.algorithm, self.limit())).collect()
    }

    fn head(&self) -> String {
        let limit = self.limit();
        let between = match limit.distance {
            Distance::Mutual => "between any two clocks",
            Distance::Utc => "between each clock and UTC",
        };
        let mut text = match self.question.profile {
            None => wrapped("target   ", &format!("{} {between}", limit.span)),
            Some(profile) => {
                let told = format!("{} {between}, profile {}: {}", limit.span, profile.name, limit.what);
                wrapped("target   ", &told) + &wrapped("source   ", &format!("{}: {}", profile.source, profile.url))
            }
        };
        if let Some(meaning) = self.question.profile.map(|profile| profile.meaning).filter(|text| !text.is_empty()) {
            text += &wrapped("meaning  ", meaning);
        }
        text + &wrapped("judged   ", &self.span())
    }

    fn span(&self) -> String {
        let evidence = self.evidence;
        let part = |(from, to): (f64, f64)| format!("{from:.1} s to {to:.1} s");
        let truth = evidence.truth_s.map(|span| format!("true eps {} of the run", part(span)));
        let certified = evidence.judged.map(|span| format!("certified {}", part(span)));
        let spans: Vec<String> = truth.into_iter().chain(certified).collect();
        let (which, length) = (nodes(&evidence.nodes), evidence.length_s);
        if spans.is_empty() {
            return format!("nothing of {length:.1} s in which nodes {which} all measured");
        }
        format!(
            "{}, of {length:.1} s in which nodes {which} all measured; what came before and after is not covered",
            spans.join("; ")
        )
    }

    fn table(&self) -> String {
        let heads = [("clock", -9), ("verdict", -9), ("eps certified", -20), ("true eps", 10), ("margin", 10)];
        let mut text = line(&heads);
        for (judged, clock) in self.all().iter().zip(&self.evidence.clocks) {
            let high = clock.high.map_or_else(|| "?".to_owned(), short);
            let certified = format!("[{}, {high}]", short(clock.low));
            let truth = clock.truth.map_or_else(|| "-".to_owned(), |truth| short(truth.low));
            let margin = judged.margin.map_or_else(|| "-".to_owned(), short);
            let cells = [(judged.algorithm.name(), -9), (judged.safety.name(), -9), (certified.as_str(), -20)];
            let rest = [(truth.as_str(), 10), (margin.as_str(), 10), ("  ", 2), (remark(judged), 0)];
            text += &line(&cells.into_iter().chain(rest).collect::<Vec<_>>());
        }
        text
    }

    /// Why clocks are not SAFE; those for the same reason together.
    fn reasons(&self) -> String {
        let mut told: Vec<(String, Vec<&str>)> = Vec::new();
        for judged in self.all() {
            let because = self.because(&judged, self.limit());
            match told.iter_mut().find(|(known, _)| *known == because) {
                Some((_, names)) => names.push(judged.algorithm.name()),
                None => told.push((because, vec![judged.algorithm.name()])),
            }
        }
        told.retain(|(because, _)| !because.is_empty());
        told.into_iter()
            .map(|(because, names)| wrapped("         ", &format!("{}: {because}", names.join(", "))))
            .collect()
    }

    fn because(&self, judged: &Judged, limit: Limit) -> String {
        match (&judged.event, &judged.doubt) {
            (Some(event), _) => self.told(event, limit),
            (None, Some(doubt)) => {
                let (why, settled) = (reason(self.evidence, doubt), settled_by(self.evidence, doubt, limit));
                format!("{why}. It would take: {settled}")
            }
            (None, None) => String::new(),
        }
    }

    fn told(&self, event: &Event, limit: Limit) -> String {
        let (own, other) = event.pair;
        let seen = match event.high {
            Some(high) if high == event.low => format!("{high} apart, the largest true eps,"),
            Some(high) => format!("at least {} apart (all pairs at most {high})", event.low),
            None => format!("at least {} apart", event.low),
        };
        let more = match limit.distance {
            Distance::Mutual => format!("more than {}", limit.span),
            Distance::Utc => format!("more than twice {}: one of them is further than that from UTC", limit.span),
        };
        format!("nodes {own} and {other} were {seen} {} of the run: {more}", self.when(event))
    }

    fn when(&self, event: &Event) -> String {
        if event.high == Some(event.low) {
            return format!("at {:.3} s", event.at_s);
        }
        format!("between {:.1} s and {:.1} s", event.at_s, event.at_s + self.evidence.grid.as_seconds())
    }

    /// What the deciding clock comes to against the other limits.
    fn further(&self) -> String {
        let told = |limit: &Limit| {
            let judged = judge(self.evidence, self.question.clock, *limit);
            let margin = judged.margin.map_or_else(String::new, |margin| format!(", margin {margin}"));
            let because = self.because(&judged, *limit);
            let (clock, safety) = (self.question.clock, judged.safety.name());
            wrapped(
                "also     ",
                &format!("{clock} against {} ({}): {safety}{margin}. {because}", limit.span, limit.what),
            )
        };
        self.question.limits[1..].iter().map(told).collect()
    }

    fn assumptions(&self) -> String {
        let evidence = self.evidence;
        let mut said = vec![self.kappa()];
        said.push(match evidence.assumed.least_delay {
            Nanos::ZERO => "no message takes less than no time".to_owned(),
            least => format!("no message takes less than {least} (--min-delay: your word, not measured)"),
        });
        said.extend(self.distances());
        if evidence.clock(Algorithm::System).is_some() {
            said.push("the system clock runs evenly between two readings of it".to_owned());
        }
        said.push(format!("certified every {} from windows of {}", evidence.grid, evidence.window));
        let mut text = wrapped("assumed  ", &said.join("; "));
        if evidence.knows_truth() {
            text += &wrapped(
                "truth    ",
                "the agents of this lab or simulation declare their clocks, so that true eps is known, and it decides; what \
                 is certified from messages alone stands beside it",
            );
        } else if evidence.assumed.source == Source::MessagesAlone {
            text += &wrapped("truth    ", "not used (--without-truth): judged by messages alone");
        }
        if let Some((said, windows)) = evidence.contradiction.as_ref().filter(|_| evidence.knows_truth()) {
            text += &wrapped("note     ", &format!("certificates assume what is false in {windows} windows: {said}"));
        }
        text + &self.question.chosen.map_or_else(String::new, |why| wrapped("clock    ", why))
    }

    /// Between which nodes no message is faster than light.
    fn distances(&self) -> Option<String> {
        let by_hand = &self.evidence.assumed.distances;
        let told = |(pair, length): (&(NodeId, NodeId), &Length)| {
            let by_hand = by_hand.contains_key(pair);
            let origin = if by_hand { "--distance: your word, not measured" } else { "as their journals state" };
            let light = length.in_vacuum();
            format!("nodes {} and {} are {length} apart, {light} for light ({origin})", pair.0, pair.1)
        };
        let all: Vec<String> = self.evidence.distances.iter().map(told).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn kappa(&self) -> String {
        let origin = match self.evidence.assumed.kappa {
            Some(_) => "--kappa-ppm: your word, not measured",
            None => "as their journals state",
        };
        let different: BTreeSet<Ppb> = self.evidence.kappa.values().copied().collect();
        let told: Vec<String> = match different.first().filter(|_| different.len() == 1) {
            Some(kappa) => vec![format!("every node's local clock keeps to {} ppm", kappa.as_ppm())],
            None => {
                let each = |(node, kappa): (&NodeId, &Ppb)| format!("node {node} {} ppm", kappa.as_ppm());
                vec![format!(
                    "local clocks keep to: {}",
                    self.evidence.kappa.iter().map(each).collect::<Vec<_>>().join(", ")
                )]
            }
        };
        format!("{} ({origin})", told.concat())
    }

    fn sentence(&self) -> String {
        let (clock, limit) = (self.question.clock, self.limit());
        let Some(known) = self.evidence.clock(clock) else {
            return format!("Nothing is known of the {clock} clocks.");
        };
        let how = if known.truth.is_some() { "true eps" } else { "certified" };
        let most = known.truth.map(|truth| truth.low).or(known.high);
        match (&self.judged.event, &self.judged.doubt, most, self.judged.margin) {
            (Some(event), ..) => {
                format!("The {clock} clocks are UNSAFE for {}: {}.", limit.span, self.told(event, limit))
            }
            (_, Some(doubt), ..) => {
                format!("Whether the {clock} clocks are safe for {} is UNKNOWN: {}.", limit.span, remark_of(doubt))
            }
            (_, _, Some(most), Some(margin)) => format!(
                "The {clock} clocks are SAFE for {}: never more than {most} apart ({how}) while judged, margin {margin}.",
                limit.span
            ),
            _ => format!("Nothing is known of the {clock} clocks."),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::analysis::target::{Clock, Doubt};

    const MUTUAL: [Limit; 1] = [Limit { span: Nanos::from_millis(4), distance: Distance::Mutual, what: "" }];

    fn evidence() -> Evidence {
        let event = Event {
            pair: (NodeId(0), NodeId(1)),
            at_s: 7.0,
            low: Nanos::from_millis(3),
            high: Some(Nanos::from_millis(5)),
        };
        let clock = Clock {
            algorithm: Algorithm::Free,
            without: Vec::new(),
            low: event.low,
            high: event.high,
            grid: Nanos::ZERO,
            certain: Some(event),
            unbounded: None,
            truth: None,
        };
        Evidence {
            nodes: vec![NodeId(0), NodeId(1)],
            clocks: vec![clock],
            judged: Some((3.0, 9.0)),
            length_s: 9.0,
            grid: Nanos::from_seconds(1),
            kappa: [(NodeId(0), Ppb(50_000)), (NodeId(1), Ppb(50_000))].into(),
            ..Evidence::default()
        }
    }

    fn said(evidence: &Evidence, limits: &[Limit], profile: Option<&Profile>) -> String {
        let question = Question { limits, profile, clock: Algorithm::Free, chosen: None };
        let text = Answer::new(question, evidence).text();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_doubt_is_told_with_what_would_settle_it() {
        let evidence = evidence();
        let pair = (NodeId(3), NodeId(4));
        for (doubt, told, settled) in [
            (Doubt::Alone, "two are needed", "exchange messages"),
            (Doubt::NotEverywhere(vec![NodeId(4)]), "nodes 4 did not", "every host"),
            (Doubt::Contradiction("P".to_owned(), 2), "false, in 2 windows. P", "--kappa-ppm"),
            (Doubt::Disagreement(Nanos(1), Nanos(2)), "true eps of 1ns", "skewbench verify"),
            (Doubt::TooShort, "9.0 s ended", "longer run"),
            (Doubt::Unbounded(pair, 4.0), "nodes 3 and 4 among", "shorter polls"),
            (Doubt::Missing(vec![NodeId(7)]), "of nodes 7", "journals of nodes 7"),
            (Doubt::RoundTrip(pair, Nanos::from_millis(6)), "is 6ms at its best", "from 2ms on"),
            (Doubt::Grid, "instants of the grid", "--grid 250ms"),
            (Doubt::Between, "between what is certain", "--kappa-ppm"),
            (Doubt::NoUtc, "wrong together", "UTC is known"),
        ] {
            let why = reason(&evidence, &doubt);
            assert!(why.contains(told), "{doubt:?}: {why}");
            let by = settled_by(&evidence, &doubt, MUTUAL[0]);
            assert!(by.contains(settled), "{doubt:?}: {by}");
        }
    }

    #[test]
    fn what_is_assumed_and_what_is_not_covered_is_said() {
        let text = said(&evidence(), &MUTUAL, None);
        for part in [
            "target 4ms between any two clocks",
            "certified 3.0 s to 9.0 s, of 9.0 s in which nodes 0, 1 all measured; what came before and after is not covered",
            "free UNKNOWN [3.00ms, 5.00ms] - - between certain and possible",
            "every node's local clock keeps to 50 ppm (as their journals state); no message takes less than no time",
            "verdict UNKNOWN Whether the free clocks are safe for 4ms is UNKNOWN: between certain and possible.",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let mut assumed = evidence();
        (assumed.assumed.kappa, assumed.assumed.least_delay) = (Some(Ppb(1_000)), Nanos::from_micros(50));
        let text = said(&assumed, &MUTUAL, None);
        assert!(
            text.contains(
                "(--kappa-ppm: your word, not measured); no message takes less than 50us (--min-delay: your word"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_second_limit_is_told_and_utc_is_not_claimed() {
        let profile = |name: &str| -> Profile { name.parse().unwrap() };
        let cockroach = profile("cockroachdb");
        let text = said(&evidence(), cockroach.limits, Some(&cockroach));
        assert!(text.contains("The free clocks are SAFE for 400ms: never more than 5ms apart (certified)"), "{text}");
        assert!(text.contains("free against 500ms (the default --max-offset: beyond it"), "{text}");
        assert!(text.contains("SAFE, margin 495ms") && text.contains("https://www.cockroachlabs.com"), "{text}");
        let rule = profile("rts25");
        let text = said(&evidence(), rule.limits, Some(&rule));
        assert!(text.contains("one of them is further than that from UTC"), "{text}");
        let mut near = evidence();
        (near.clocks[0].low, near.clocks[0].high, near.clocks[0].certain) =
            (Nanos::ZERO, Some(Nanos::from_micros(5)), None);
        let text = said(&near, rule.limits, Some(&rule));
        assert!(text.contains("verdict UNKNOWN") && text.contains("only mutual distance was measured"), "{text}");
        assert!(text.contains("which is not what the rule asks): SAFE, margin 995us"), "{text}");
    }

    #[test]
    fn programs_get_every_number() {
        let evidence = evidence();
        let limits = [Limit { span: Nanos::from_millis(1), ..MUTUAL[0] }];
        let question = Question { limits: &limits, profile: None, clock: Algorithm::Free, chosen: None };
        let value: Value = serde_json::from_str(&Answer::new(question, &evidence).json()).unwrap();
        assert_eq!((&value["verdict"], &value["exit_code"]), (&json!("UNSAFE"), &json!(1)));
        let row = &value["clocks"][0];
        assert_eq!(
            (&row["eps_certified_ns_low"], &row["eps_certified_ns_high"]),
            (&json!(3_000_000), &json!(5_000_000))
        );
        let event = json!({ "nodes": [0, 1], "at_s": 7.0, "low_ns": 3_000_000, "high_ns": 5_000_000 });
        assert_eq!((&row["event"], &row["eps_true_ns_max"]), (&event, &Value::Null));
        assert_eq!(value["assumptions"]["kappa_ppm"], json!({ "0": 50.0, "1": 50.0 }));
    }
}
