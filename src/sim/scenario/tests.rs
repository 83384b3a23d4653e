use super::*;

const LEAST: &str = "duration = \"1s\"\ntau = \"10ms\"\ntopology = { shape = \"full\", nodes = 3 }\n";

fn refusal(more: &str) -> String {
    Scenario::parse(&format!("{LEAST}{more}")).expect_err(more).to_string()
}

#[test]
fn a_scenario_needs_little() {
    let scenario = Scenario::parse(LEAST).unwrap();
    assert_eq!((scenario.tau, scenario.topology.nodes()), (Nanos::from_millis(10), 3));
    assert_eq!(scenario.links, Link::default());
}

#[test]
fn a_bad_value_is_refused_by_key_value_and_mend() {
    for (text, words) in [
        ("reference = 3", ["reference", "3", "nodes are 0 to 2"]),
        ("[links]\ndelay = \"5\"", ["delay", "`5`", "100ms"]),
        ("[links]\ndelay = \"0s\"", ["links.delay", "0s", "from 1ns"]),
        ("[links]\ndelay = \"1ms\"\nloss_share = 1.5", ["links.loss_share", "1.5", "such as 0.01"]),
        ("[links]\ndelay = \"1ms\"\nlos_share = 0.5", ["los_share", "unknown field", "loss_share"]),
        (
            "[links]\ndelay = \"1ms\"\njitter = { kind = \"pareto\", scale = \"1ms\", alpha = 0.0 }",
            ["jitter.alpha", "0", "from 0.05"],
        ),
        ("[links]\ndelay = \"1ms\"\njitter = { kind = \"cauchy\" }", ["cauchy", "unknown variant", "log-normal"]),
        (
            "[links]\ndelay = \"1ms\"\nbursts = { every = \"1s\", lasting = \"2s\", extra = \"1ms\" }",
            ["bursts.lasting", "2s", "bursts.every, 1s"],
        ),
        ("[links]\ndelay = \"1ms\"\ndistance = \"120\"", ["distance", "`120`", "such as 120km"]),
        ("[links]\ndelay = \"1ms\"\ndistance = 120", ["distance", "integer `120`", "such as \"120km\""]),
        ("[oscillators]\ndrift_within_ppm = -3.0", ["oscillators.drift_within_ppm", "-3", "from 0"]),
        ("[[oscillator]]\nnode = 9", ["oscillator[0].node", "9", "0 to 2"]),
        (
            "[[event]]\nkind = \"crash\"\nnode = 1\nat = \"5s\"\nrestart = \"4s\"",
            ["event[0].restart", "4s", "after 5s"],
        ),
        ("[[event]]\nkind = \"melt\"", ["melt", "unknown variant", "stuck-clock"]),
        ("[order]\nworkload = \"tennis\"", ["tennis", "no workload", "byzantine"]),
        ("[order]\nworkload = []", ["workload", "no workload is named", "\"all\""]),
        ("[order]\nworkload = \"mutex\"\nbatch = 3", ["batch", "unknown field", "declared_eps"]),
        ("[order]\nworkload = \"mutex\"\nclock = \"sundial\"", ["sundial", "no clock", "huygens"]),
        ("[order]\nworkload = \"mutex\"\nclock = \"huygens\"", ["order.clock", "huygens", "name it in clocks"]),
        ("[order]\nworkload = \"mutex\"\nrate_per_s = 0.0", ["order.rate_per_s", "0", "from 0.1"]),
        ("[order]\nworkload = \"mutex\"\nduration = \"2s\"", ["order.duration", "2s", "begins at 500ms"]),
        ("[order]\nworkload = \"mutex\"\nduration = \"2\"", ["duration", "`2`", "100ms"]),
        ("[order]\nworkload = \"mutex\"\ndeclared_eps = \"-1ms\"", ["order.declared_eps", "-1ms", "from 0s to 10s"]),
        ("[order]\nworkload = \"mutex\"\npremise = \"bent\"", ["bent", "unknown variant", "broken"]),
        ("[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"5s\"\nby = \"-4s\"", ["event[0].by", "-4s", "from 1ns"]),
    ] {
        let error = refusal(text);
        for word in words {
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let of = |shape: &str| format!("duration = \"1s\"\ntau = \"10ms\"\ntopology = {{ {shape} }}\n");
    for (shape, words) in [
        ("shape = \"full\", nodes = 1", ["nodes", "2 to 1024"]),
        ("shape = \"grid\", rows = 100000, columns = 100000", ["nodes", "2 to 1024"]),
        ("shape = \"random-regular\", nodes = 5, degree = 3", ["degree", "even"]),
        ("shape = \"random-regular\", nodes = 5, degree = 4294967295", ["degree", "1 to 4"]),
        ("shape = \"edges\", nodes = 3, edges = [[0, 7]]", ["edges", "0 to 2"]),
        ("shape = \"blob\"", ["blob", "random-regular"]),
    ] {
        let error = Scenario::parse(&of(shape)).expect_err(shape).to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{shape}: {error}"));
    }
}

#[test]
fn time_that_cannot_be_is_refused() {
    for (duration, tau, words) in [
        ("1s", "200ms", ["tau", "100ms"]),
        ("1s", "0s", ["tau", "from 1us"]),
        ("100000s", "1s", ["duration", "86400s"]),
        ("86400s", "1us", ["tau", "too many"]),
    ] {
        let text =
            format!("duration = \"{duration}\"\ntau = \"{tau}\"\ntopology = {{ shape = \"full\", nodes = 3 }}\n");
        let error = Scenario::parse(&text).expect_err(tau).to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
    }
}

#[test]
fn what_cannot_be_ordered_in_a_world_is_refused() {
    let refused = |text: &str| {
        let scenario = Scenario::parse(text).expect(text);
        crate::sim::run(&scenario, 1, |_| ()).expect_err(text).to_string()
    };
    let ring = LEAST.replace("\"full\", nodes = 3", "\"ring\", nodes = 4");
    let order = "[order]\nworkload = \"mutex\"\n";
    for (text, words) in [
        (format!("{ring}{order}"), ["0->2", "no arc", "\"full\""]),
        (format!("{LEAST}{order}declared_delay = \"1us\"\n"), ["order.declared_delay", "1us", "choose more"]),
        (
            format!("{}{order}rate_per_s = 10000\n", LEAST.replace("\"1s\"", "\"80s\"")),
            ["order.rate_per_s", "10000", "choose less"],
        ),
    ] {
        let error = refused(&text);
        words.iter().for_each(|word| assert!(error.contains(word), "{text}: {error}"));
    }
    let many = LEAST.replace("nodes = 3", "nodes = 17");
    let error = Scenario::parse(&format!("{many}{order}")).expect_err("too many").to_string();
    assert!(error.contains("2 to 16 nodes"), "{error}");
    let streamed = crate::sim::streamed::World::new(&Scenario::parse(&format!("{LEAST}{order}")).unwrap(), 1);
    assert!(streamed.expect_err("no clocks are kept").to_string().contains("run without --streamed"));
}
