//! The verdict of runs whose true time nobody knows, against the truth that their journals would declare.

use skewbench::analysis::parameters::{Label, Of, Symbol, Window};
use skewbench::analysis::ruling::Grounds;
use skewbench::analysis::run::AgentRun;
use skewbench::analysis::target::{Assumed, Doubt, Evidence};
use skewbench::analysis::{Summary, Verdict, summarise};
use skewbench::ids::Algorithm;
use skewbench::report::{csv, html, json, ruling, terminal};
use skewbench::time::{Nanos, Ppb};

use crate::simulated::runs;

const QUIET: &str = "duration = \"12s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 3 }\n\
                     [links]\ndelay = \"200us\"\njitter = { kind = \"uniform\", limit = \"100us\" }\n\
                     [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 20.0\n";

/// The same run as between real hosts.
fn without_truth(runs: &[AgentRun]) -> Vec<AgentRun> {
    let mut runs = runs.to_vec();
    runs.iter_mut().for_each(|run| run.header.oscillator = None);
    runs
}

fn certified(runs: &[AgentRun]) -> Summary {
    let mut summary = summarise("run", runs);
    summary.certify(runs);
    summary
}

fn reason(summary: &Summary) -> String {
    ruling::told(&summary.proved.as_ref().expect("a certificate").ruling)
}

/// Asserts that every output gives the verdict, and the one reason.
fn assert_told(summary: &Summary) {
    let (word, code) = (summary.verdict.name(), summary.verdict.exit_code());
    let (why, text) = (reason(summary), terminal::report(summary));
    assert!(why.starts_with(word), "{why}");
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("verdict  {word}\n")) && flat(&text).contains(&flat(&why)), "{text}");
    let rows = String::from_utf8(csv::summary_csv(summary)).expect("text");
    let row = rows.lines().find(|row| row.contains(",lamport,")).expect("a row");
    assert!(row.contains(&format!(",{word},")), "{row}");
    let report: serde_json::Value = serde_json::from_slice(&json::report_json(summary)).expect("JSON");
    assert_eq!((&report["verdict"], &report["exit_code"]), (&word.into(), &code.into()));
    assert!(report["certificate"]["reason"].as_str().is_some_and(|reason| reason.starts_with(word)));
    let page = String::from_utf8(html::report_html(summary)).expect("text");
    assert!(page.contains(&format!("</span> {word}</span>")) && page.contains("By stamps alone"), "{why}");
}

#[test]
fn a_quiet_run_without_truth_is_within_the_bound_that_its_stamps_certify() {
    let summary = certified(&without_truth(&runs(QUIET, 3)));
    assert_eq!(summary.verdict, Verdict::Within, "{}", reason(&summary));
    assert_told(&summary);
    let bound = summary.certified_bound.expect("a bound");
    let rows = String::from_utf8(csv::summary_csv(&summary)).expect("text");
    assert!(rows.contains(&format!(",{},", bound.bounds.safe.0)), "the bound is in the table: {rows}");
    let why = reason(&summary);
    assert!(why.contains("(declared), d 1, tau 1") && why.contains("(by round trips), mu 0ns"), "{why}");
    let said = terminal::sentence(&summary);
    assert!(said.contains("(certified), the bound promises"), "{said}");
    let page = String::from_utf8(html::report_html(&summary)).expect("text");
    assert!(
        page.contains("this is the bound that stamps certify") && page.contains("class=\"bound\""),
        "drawn and told"
    );
}

/// Clocks that refuse each other's claims do not follow the rule, and stay as far apart as they began.
#[test]
fn clocks_that_do_not_follow_the_rule_violate_the_bound_without_any_truth() {
    let summary = certified(&without_truth(&runs(&format!("plausible = \"1ms\"\n{QUIET}"), 3)));
    assert_eq!(summary.verdict, Verdict::Violated, "{}", reason(&summary));
    assert_told(&summary);
    let why = reason(&summary);
    assert!(why.contains("were at least") && why.contains("One of these premises did not hold"), "{why}");
    let lifted = "messages did not lift its lamport clock";
    assert!(summary.notes.iter().any(|note| note.contains(lifted)), "{:?}", summary.notes);
}

/// Asserts that a run is UNKNOWN, for a reason and with a mend that contain these words.
fn assert_unknown(runs: &[AgentRun], why: &str, mend: &str) -> Summary {
    let summary = certified(&without_truth(runs));
    let told = reason(&summary);
    assert!(summary.verdict == Verdict::Unknown && told.contains(why), "{told}");
    assert!(told.split("It would take: ").nth(1).is_some_and(|by| by.contains(mend)), "{told}");
    assert_told(&summary);
    summary
}

#[test]
fn what_stamps_cannot_tell_is_unknown_with_its_reason_and_its_mend() {
    let sound = runs(QUIET, 3);
    assert_unknown(&sound[..2], "of nodes 2 nothing usable is known", "the journals of nodes 2");
    assert_unknown(&sound[..1], "stamps certify no bound", "the journals of nodes 1, 2");
    let step = "[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"8s\"\nby = \"5ms\"\n";
    let stepped = assert_unknown(&runs(&format!("{QUIET}{step}"), 3), "an assumption is false", "a larger kappa_ppm");
    assert!(stepped.proved.is_some_and(|proved| proved.certificate.contradictory_windows > 0));
    // Rates that no window sees, but the whole run does.
    let mut refuted = runs(&QUIET.replace("20.0", "200.0").replace("12s", "30s"), 3);
    refuted.iter_mut().for_each(|run| run.header.kappa_ppb = Ppb::from_ppm(40.0));
    let refuted = assert_unknown(&refuted, "in rate that kappa is", "a kappa_ppm that holds");
    assert!(refuted.proved.is_some_and(|proved| matches!(proved.ruling.grounds, Grounds::Refuted(..))));
    // Messages of one direction say nothing of the other.
    let deaf = format!("{QUIET}[[event]]\nkind = \"partition\"\nat = \"5s\"\nuntil = \"9s\"\nnodes = [2]\n");
    assert_unknown(&runs(&deaf, 3), "no messages bound how far apart", "a shorter tau or fewer losses");
}

#[test]
fn a_false_premise_is_never_within() {
    // A distance that light could not cross in time: the bound would be smaller than it is.
    let far = QUIET.replace("[oscillators]", "distance = \"90km\"\n[oscillators]");
    let summary = assert_unknown(&runs(&far, 3), "an assumption is false", "a smaller mu or distance");
    let Grounds::Held(_, judged) = &summary.proved.expect("a certificate").ruling.grounds else { panic!("a bound") };
    assert!(matches!(judged.doubt, Some(Doubt::Contradiction(..))));
}

#[test]
fn with_truth_the_certificate_changes_no_verdict() {
    for text in [QUIET.to_owned(), format!("plausible = \"1ms\"\n{QUIET}")] {
        let runs = runs(&text, 3);
        let before = summarise("run", &runs);
        let after = certified(&runs);
        assert_ne!(before.verdict, Verdict::Unknown);
        assert_eq!((before.verdict, &before.promise, &before.rows), (after.verdict, &after.promise, &after.rows));
        assert_eq!(terminal::sentence(&before), terminal::sentence(&after));
    }
    // A missing journal leaves it unknown, whatever stamps prove.
    let part = &runs(QUIET, 3)[..2];
    assert_eq!(certified(part).verdict, Verdict::Unknown);
}

#[test]
fn polls_of_seconds_leave_no_window_empty_and_check_has_the_same_windows() {
    let slow = QUIET.replace("100ms", "2s").replace("12s", "60s");
    let runs = without_truth(&runs(&slow, 3));
    let summary = certified(&runs);
    let evidence = Evidence::of(&runs, &summary, Assumed::default(), |_| ());
    let proved = summary.proved.as_ref().expect("a certificate");
    assert_eq!((proved.grid, proved.window), (evidence.grid, evidence.window));
    assert_eq!(proved.window, Nanos::from_seconds(8));
    for (certified, clock) in proved.certificate.algorithms.iter().zip(&evidence.clocks) {
        assert!(certified.eps_high.is_some() && clock.high.is_some(), "{certified:?} {clock:?}");
    }
}

#[test]
fn a_distance_narrows_what_is_proved_and_moves_no_clock() {
    let with = runs(&QUIET.replace("[oscillators]", "distance = \"57km\"\n[oscillators]"), 3);
    let without = runs(QUIET, 3);
    assert!(with.iter().zip(&without).all(|(one, other)| one.entries[1..] == other.entries[1..]), "no clock moves");
    let [near, far] = [&without, &with].map(|runs| certified(&without_truth(runs)));
    let light = 190_131;
    let of = |summary: &Summary, symbol, label| {
        let rows = summary.parameters.iter().filter(move |row| row.symbol == symbol && row.label == label);
        rows.filter(|row| row.window == Window::Whole && matches!(row.of, Of::Arc(_))).copied().collect::<Vec<_>>()
    };
    let minima = |label| of(&far, Symbol::Mu, label).iter().map(|row| row.value).collect::<Vec<_>>();
    assert_eq!(minima(Label::Certified), [Some(light); 6]);
    assert_eq!(minima(Label::Estimated), [Some(285_197); 6]);
    assert_eq!(minima(Label::Assumed), [Some(0); 6], "no credit");
    assert_eq!(of(&near, Symbol::Mu, Label::Certified), []);
    for (near, far) in of(&near, Symbol::Nu, Label::Certified).iter().zip(of(&far, Symbol::Nu, Label::Certified)) {
        assert_eq!((far.low, far.high), (Some(light), near.high.map(|high| high - light)), "{far:?}");
    }
    let [near_bound, far_bound] = [&near, &far].map(|summary| summary.certified_bound.expect("a bound").bounds.safe);
    assert!(far_bound < near_bound - Nanos(light - 1_000), "{far_bound} {near_bound}");
    let truth = summarise("run", &with);
    for certified in &far.proved.as_ref().expect("a certificate").certificate.algorithms {
        let wide = near.proved.as_ref().and_then(|proved| proved.of(certified.algorithm)?.eps_high).expect("bounded");
        let high = certified.eps_high.expect("bounded");
        assert!(high + Nanos::from_micros(150) < wide, "{}: {high} {wide}", certified.algorithm);
        let eps = truth.eps(certified.algorithm).expect("truth");
        // The end of the run, after the last instant of the grid, is not covered.
        assert!(certified.eps_low <= eps && eps <= high + Nanos::from_micros(10), "{}: {eps}", certified.algorithm);
    }
    assert_eq!(far.verdict, Verdict::Within, "{}", reason(&far));
}

/// On networks of every kind, no verdict contradicts what a bystander knows.
#[test]
fn no_verdict_contradicts_the_truth() {
    let mut within = 0;
    for (seed, links) in [
        "jitter = { kind = \"exponential\", mean = \"200us\" }\nloss_share = 0.1\n",
        "asymmetry = \"800us\"\njitter = { kind = \"exponential\", mean = \"20us\" }\n",
        "jitter = { kind = \"gamma\", mean = \"100us\", shape = 2.0 }\nmu = \"199us\"\n",
        "jitter = { kind = \"uniform\", limit = \"300us\" }\nloss_share = 0.3\ndistance = \"59km\"\n",
    ]
    .into_iter()
    .cycle()
    .take(12)
    .enumerate()
    {
        let shape = ["full", "line", "ring"][seed % 3];
        let text = format!(
            "duration = \"8s\"\ntau = \"100ms\"\ntopology = {{ shape = \"{shape}\", nodes = 3 }}\n\
             [links]\ndelay = \"200us\"\n{links}[oscillators]\noffset_within = \"50ms\"\ndrift_within_ppm = 50\n"
        );
        let runs = runs(&text, seed as u64);
        let (truth, found) = (summarise("run", &runs), certified(&without_truth(&runs)));
        let bound = found.certified_bound.expect("a bound").bounds.safe;
        let eps = truth.eps(Algorithm::Lamport).expect("a window");
        assert!(eps <= bound && found.verdict != Verdict::Violated, "{}", reason(&found));
        let proved = found.proved.as_ref().and_then(|proved| proved.of(Algorithm::Lamport)).expect("a certificate");
        assert!(proved.eps_low <= eps + Nanos(2), "{proved:?} {eps}");
        within += u32::from(found.verdict == Verdict::Within);
    }
    assert!(within >= 6, "{within}");
}
