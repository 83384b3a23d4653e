//! What loops of links reveal of asymmetry, held against the delays that a scenario declares.

use skewbench::analysis::loops::{Loop, Loops};
use skewbench::analysis::summarise;
use skewbench::report::loops::sentence;
use skewbench::report::text::short;
use skewbench::sim::Scenario;

use crate::simulated::journals;

/// A mesh whose local clocks are hours apart, drift and wander; `links` says what its links do.
fn world(shape: &str, links: &str) -> String {
    format!(
        "duration = \"20s\"\ntau = \"100ms\"\nclocks = [\"lamport\"]\ntopology = {{ {shape} }}\n[oscillators]\n\
         offset_within = \"7200s\"\ndrift_within_ppm = 80\nwander_ppb_per_sqrt_s = 5.0\nwander_limit_ppm = 1\n\
         [links]\n{links}"
    )
}

/// The loops of a run as they are found without any truth.
fn loops(text: &str, seed: u64) -> Loops {
    let mut runs = journals(&Scenario::parse(text).expect("a scenario"), seed);
    runs.iter_mut().for_each(|run| run.header.oscillator = None);
    let mut summary = summarise("run", &runs);
    summary.measure_loops(&runs);
    summary.loops
}

const TRIANGLE: &str = "shape = \"full\", nodes = 3";
const JITTERY: &str = "delay = \"200us\"\njitter = { kind = \"exponential\", mean = \"20us\" }\n";

fn only(loops: &Loops) -> &Loop {
    assert_eq!((loops.rows.len(), loops.independent), (1, 1), "{loops:?}");
    &loops.rows[0]
}

/// 1->0->2->1: the way from 0 to 2 takes longer, or shorter, than the way back by what is declared.
#[test]
fn the_asymmetry_of_a_triangle_is_found_within_its_uncertainty() {
    for (seed, extra) in [(1, 400), (2, 100), (3, 30), (4, -150)] {
        let own = format!("[[link]]\nfrom = 0\nto = 2\ndelay = \"{}us\"\n", 200 + extra);
        let found = loops(&world(TRIANGLE, &format!("{JITTERY}{own}")), seed);
        let row = only(&found);
        assert_eq!(row.name(), "1->0->2->1");
        let truth = extra as f64 * 1e3;
        assert!(row.low_ns <= truth && truth <= row.high_ns, "{truth}: {row:?}");
        assert!(row.high_ns - row.low_ns < 32e3 && row.is_asymmetric(), "{truth}: {row:?}");
        // Each of three links gets a third of the surplus, which is half of the asymmetry.
        assert!((row.correction_ns + row.surplus_ns() / 3.0).abs() < 1.0, "{row:?}");
    }
}

/// No flag without asymmetry, with jitter of one direction only, or with one that is a difference of nodes: every way up
/// takes 150 us longer a step, so that round the loop it adds up to nothing.
#[test]
fn symmetric_loops_are_not_flagged() {
    let one_sided =
        "delay = \"200us\"\n[[link]]\nfrom = 0\nto = 2\njitter = { kind = \"exponential\", mean = \"100us\" }\n";
    let potential = format!(
        "{JITTERY}[[link]]\nfrom = 0\nto = 1\ndelay = \"350us\"\n[[link]]\nfrom = 1\nto = 2\ndelay = \"350us\"\n\
         [[link]]\nfrom = 0\nto = 2\ndelay = \"500us\"\n"
    );
    for links in [JITTERY, one_sided, &potential] {
        for seed in 0..4 {
            let found = loops(&world(TRIANGLE, links), seed);
            assert!(!only(&found).is_asymmetric(), "{links} seed {seed}: {found:?}");
            assert!(sentence(&found, short).starts_with("none is seen round 1 loop"), "{}", sentence(&found, short));
        }
    }
}

#[test]
fn a_ring_is_one_loop_and_two_hosts_show_nothing() {
    let links = format!("{JITTERY}asymmetry = \"300us\"\n");
    let ring = loops(&world("shape = \"ring\", nodes = 4", &links), 5);
    // 2->1->0->3->2: two ways down, then a way up and a way down of the ring 0-1-2-3-0.
    let row = only(&ring);
    assert_eq!(row.name(), "2->1->0->3->2");
    let truth = 300e3 * (-1.0 - 1.0 + 1.0 - 1.0);
    assert!(row.low_ns <= truth && truth <= row.high_ns && row.is_asymmetric(), "{row:?}");
    let two = loops(&world("shape = \"full\", nodes = 2", &links), 5);
    assert_eq!(two, Loops::default());
    assert!(sentence(&two, short).contains("cannot be seen from its two ends"));
}

#[test]
fn a_mesh_tells_which_loops_an_asymmetric_link_is_part_of() {
    let own = "[[link]]\nfrom = 1\nto = 3\ndelay = \"500us\"\n";
    let found = loops(&world("shape = \"full\", nodes = 4", &format!("{JITTERY}{own}")), 9);
    let seen: Vec<(String, bool)> = found.rows.iter().map(|row| (row.name(), row.is_asymmetric())).collect();
    let expected = [("1->0->2->1", false), ("1->0->3->1", true), ("2->0->3->2", false)];
    assert_eq!(seen, expected.map(|(name, seen)| (name.to_owned(), seen)));
    assert!(found.rows[1].high_ns < 0.0, "against the order of the nodes: {found:?}");
    assert!(sentence(&found, short).starts_with("round 1->3->0->1 "), "{}", sentence(&found, short));
}
