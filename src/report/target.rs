//! Clocks held against a target: as people read it, and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::text::{line, nodes, short, wrapped};
use crate::analysis::target::{Distance, Doubt, Event, Evidence, Judged, Limit, Profile, Safety, Source, judge};
use crate::ids::{Algorithm, NodeId};
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
        for judged in self.all() {
            text += &self.because(&judged, self.limit());
        }
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
        let which = nodes(&evidence.nodes);
        match evidence.judged {
            None => format!("nothing of {:.1} s with nodes {which}", evidence.length_s),
            Some((from, to)) => format!(
                "{from:.1} s to {to:.1} s of {:.1} s in which nodes {which} all measured; what came before and after is not \
                 covered",
                evidence.length_s
            ),
        }
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

    fn because(&self, judged: &Judged, limit: Limit) -> String {
        let label = format!("{:<9}", judged.algorithm.name());
        match (&judged.event, &judged.doubt) {
            (Some(event), _) => wrapped(&label, &self.told(event, limit)),
            (None, Some(doubt)) => {
                wrapped(&label, &format!("{}. It would take: {}", self.reason(doubt), self.settled_by(doubt, limit)))
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

    fn reason(&self, doubt: &Doubt) -> String {
        let evidence = self.evidence;
        let of = |(own, other): &(NodeId, NodeId)| format!("nodes {own} and {other}");
        match doubt {
            Doubt::Alone => format!("{} nodes can be compared, two are needed", evidence.nodes.len()),
            Doubt::NotEverywhere(without) => format!("nodes {} did not write this clock down", nodes(without)),
            Doubt::Contradiction(said, windows) => format!("an assumption is false, in {windows} windows. {said}"),
            Doubt::Disagreement(truth, low) => format!(
                "the journals declare a true eps of {truth}, yet their messages prove {low}: one of the two is wrong"
            ),
            Doubt::TooShort => format!("the run of {:.1} s ended before anything was judged", evidence.length_s),
            Doubt::Unbounded(pair, at_s) => format!(
                "at some instants, the first at {at_s:.1} s, no messages bound how far apart all clocks were ({} among them)",
                of(pair)
            ),
            Doubt::Missing(missing) => {
                format!("those that were compared kept to it, but of nodes {} nothing usable is known", nodes(missing))
            }
            Doubt::RoundTrip(pair, half) => format!(
                "half of the shortest way between {} and back is {half} at its best, and with these messages nothing can \
                 be certified below that",
                of(pair)
            ),
            Doubt::Grid => "between the instants of the grid it may have been exceeded, at them it was not".to_owned(),
            Doubt::Between => "the limit lies between what is certain and what is possible".to_owned(),
            Doubt::NoUtc => "clocks that agree may all be wrong together".to_owned(),
        }
    }

    /// What would settle a doubt.
    fn settled_by(&self, doubt: &Doubt, limit: Limit) -> String {
        let evidence = self.evidence;
        match doubt {
            Doubt::Alone => "journals of two nodes or more that exchange messages".to_owned(),
            Doubt::NotEverywhere(_) => "agents that write it down on every host".to_owned(),
            Doubt::Contradiction(..) => {
                "true assumptions: a larger --kappa-ppm if a clock may be that far off, a smaller \
                                         --min-delay, or a run without the node that is wrong"
                    .to_owned()
            }
            Doubt::Disagreement(..) => "journals that nobody changed (skewbench verify), or --without-truth".to_owned(),
            Doubt::TooShort => "a longer run, or a shorter --warm-up".to_owned(),
            Doubt::Unbounded(..) => format!(
                "shorter polls or fewer losses, so that every window of {} joins all nodes, or a coarser --grid, whose \
                 windows are wider",
                evidence.window
            ),
            Doubt::Missing(missing) => format!("the journals of nodes {}", nodes(missing)),
            Doubt::RoundTrip(_, half) => format!(
                "a known least one-way delay (--min-delay, from {} on), or a faster path: stamps nearer the wire do not \
                 help, since clocks are read before the send and after the receipt",
                *half - limit.span
            ),
            Doubt::Grid => format!("a finer grid, such as --grid {}", evidence.grid.over(4).max(Nanos(1))),
            Doubt::Between => format!(
                "polls shorter than {}, a smaller kappa that there is evidence for (--kappa-ppm), a known least one-way \
                 delay (--min-delay), or a finer --grid",
                evidence.tau
            ),
            Doubt::NoUtc => "a clock among them whose own distance from UTC is known, and documented".to_owned(),
        }
    }

    /// What the deciding clock comes to against the other limits.
    fn further(&self) -> String {
        let told = |limit: &Limit| {
            let judged = judge(self.evidence, self.question.clock, *limit);
            let margin = judged.margin.map_or_else(String::new, |margin| format!(", margin {margin}"));
            let because = self.because(&judged, *limit);
            let because = because.get(9..).unwrap_or_default();
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

    fn kappa(&self) -> String {
        let origin = match self.evidence.assumed.kappa {
            Some(_) => "--kappa-ppm",
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

    /// The same for programs. Spans are in ns, instants in seconds since all nodes measured; what is not known is null.
    pub fn json(&self) -> String {
        let evidence = self.evidence;
        let limits = self.question.limits.iter().map(|limit| {
            let judged = judge(evidence, self.question.clock, *limit);
            let distance = if limit.distance == Distance::Utc { "utc" } else { "mutual" };
            json!({ "span_ns": limit.span.0, "distance": distance, "what": limit.what, "verdict": judged.safety.name(),
                    "margin_ns": judged.margin.map(|margin| margin.0) })
        });
        let kappa: BTreeMap<String, f64> =
            evidence.kappa.iter().map(|(node, kappa)| (node.to_string(), kappa.as_ppm())).collect();
        let profile = self.question.profile.map(|profile| {
            json!({ "name": profile.name, "source": profile.source, "url": profile.url, "meaning": profile.meaning })
        });
        let value = json!({
            "verdict": self.safety().name(),
            "exit_code": self.safety().exit_code(),
            "clock": self.question.clock.name(),
            "sentence": self.sentence(),
            "profile": profile,
            "limits": limits.collect::<Vec<_>>(),
            "judged_s": evidence.judged.map(|(from, to)| [from, to]),
            "nodes": evidence.nodes,
            "missing_nodes": evidence.missing,
            "clocks": self.all().iter().map(|judged| self.row(judged)).collect::<Vec<_>>(),
            "assumptions": {
                "kappa_ppm": kappa,
                "kappa_is_from": if evidence.assumed.kappa.is_some() { "flag" } else { "journals" },
                "least_delay_ns": evidence.assumed.least_delay.0,
                "grid_ns": evidence.grid.0,
                "window_ns": evidence.window.0,
            },
            "truth_decides": evidence.knows_truth(),
            "contradiction": evidence.contradiction.as_ref().map(|(said, _)| said),
            "contradictory_windows": evidence.contradiction.as_ref().map_or(0, |(_, windows)| *windows),
            "notes": evidence.notes,
        });
        format!("{value:#}\n")
    }

    fn row(&self, judged: &Judged) -> Value {
        let clock = self.evidence.clock(judged.algorithm);
        let event = judged.event.map(|event| {
            json!({ "nodes": [event.pair.0, event.pair.1], "at_s": event.at_s, "low_ns": event.low.0,
                    "high_ns": event.high.map(|high| high.0) })
        });
        json!({
            "clock": judged.algorithm.name(),
            "verdict": judged.safety.name(),
            "eps_certified_ns_low": clock.map(|clock| clock.low.0),
            "eps_certified_ns_high": clock.and_then(|clock| clock.high).map(|high| high.0),
            "eps_true_ns_max": clock.and_then(|clock| clock.truth).map(|truth| truth.low.0),
            "margin_ns": judged.margin.map(|margin| margin.0),
            "event": event,
            "reason": judged.doubt.as_ref().map(|doubt| self.reason(doubt)),
            "settled_by": judged.doubt.as_ref().map(|doubt| self.settled_by(doubt, self.limit())),
        })
    }
}

/// The reason in a few words.
fn remark(judged: &Judged) -> &'static str {
    match (&judged.event, &judged.doubt) {
        (Some(_), _) => "exceeded",
        (None, Some(doubt)) => remark_of(doubt),
        (None, None) => "",
    }
}

fn remark_of(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Alone => "fewer than two nodes",
        Doubt::NotEverywhere(_) => "some nodes lack it",
        Doubt::Contradiction(..) => "an assumption is false",
        Doubt::Disagreement(..) => "declared truth is refuted",
        Doubt::TooShort => "the run is too short",
        Doubt::Unbounded(..) => "some instants are unbounded",
        Doubt::Missing(_) => "a node is missing",
        Doubt::RoundTrip(..) => "half a round trip is above it",
        Doubt::Grid => "the grid is too coarse",
        Doubt::Between => "between certain and possible",
        Doubt::NoUtc => "UTC was not measured",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::target::Clock;

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
        let question = Question { limits: &MUTUAL, profile: None, clock: Algorithm::Free, chosen: None };
        let answer = Answer::new(question, &evidence);
        let pair = (NodeId(3), NodeId(4));
        for (doubt, reason, settled) in [
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
            assert!(answer.reason(&doubt).contains(reason), "{doubt:?}: {}", answer.reason(&doubt));
            let by = answer.settled_by(&doubt, MUTUAL[0]);
            assert!(by.contains(settled), "{doubt:?}: {by}");
        }
    }

    #[test]
    fn what_is_assumed_and_what_is_not_covered_is_said() {
        let text = said(&evidence(), &MUTUAL, None);
        for part in [
            "target 4ms between any two clocks",
            "3.0 s to 9.0 s of 9.0 s in which nodes 0, 1 all measured; what came before and after is not covered",
            "free UNKNOWN [3.00ms, 5.00ms] - - between certain and possible",
            "every node's local clock keeps to 50 ppm (as their journals state); no message takes less than no time",
            "verdict UNKNOWN Whether the free clocks are safe for 4ms is UNKNOWN: between certain and possible.",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let mut assumed = evidence();
        (assumed.assumed.kappa, assumed.assumed.least_delay) = (Some(Ppb(1_000)), Nanos::from_micros(50));
        let text = said(&assumed, &MUTUAL, None);
        assert!(text.contains("(--kappa-ppm); no message takes less than 50us (--min-delay: your word"), "{text}");
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
