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
        (
            "[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"500ms\"\nby = \"-4s\"",
            ["event[0].by", "-4s", "from 1ns"],
        ),
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
        ("shape = \"edges\", nodes = 3, edges = [[0, 1], [2, 2]]", ["edges[1] = [2, 2]", "no link to itself"]),
        ("shape = \"edges\", nodes = 3, edges = [[0, 1], [1, 2], [1, 0]]", ["edges[2] = [1, 0]", "linked already"]),
        ("shape = \"blob\"", ["blob", "random-regular"]),
    ] {
        let error = Scenario::parse(&of(shape)).expect_err(shape).to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{shape}: {error}"));
    }
}

#[test]
fn what_would_be_without_effect_is_refused() {
    let event = |text: &str| format!("[[event]]\nat = \"500ms\"\n{text}");
    for (text, words) in [
        ("[wan]\ndelay = \"1ms\"".to_owned(), "wan with topology.shape = full: no link of this shape is wide"),
        (
            "[[oscillator]]\nnode = 1\ndrift_ppm = 1.0\n[[oscillator]]\nnode = 1\noffset = \"1ms\"".to_owned(),
            "oscillator[1].node = 1: another [[oscillator]] is of this node",
        ),
        (
            "[[link]]\nfrom = 0\nto = 1\nmu = \"1us\"\n[[link]]\nfrom = 0\nto = 1\ndelay = \"1ms\"".to_owned(),
            "link[1].to = 1: another [[link]] is of 0->1",
        ),
        (
            event("kind = \"clock-step\"\nnode = 1\nby = \"1ms\"").replace("500ms", "1s"),
            "event[0].at = 1s: the run ends at 1s",
        ),
        (event("kind = \"two-faced-clock\"\nnode = 1\nlie = \"1ms\"\nto = []"), "event[0].to = []: nobody is lied to"),
        (
            event("kind = \"two-faced-clock\"\nnode = 1\nlie = \"1ms\"\nto = [0, 1]"),
            "event[0].to = [0, 1]: node 1 does not hear itself",
        ),
        (
            event("kind = \"partition\"\nuntil = \"600ms\"\nnodes = []"),
            "event[0].nodes = []: nobody is parted from the others",
        ),
        (
            event("kind = \"partition\"\nuntil = \"600ms\"\nnodes = [0, 1, 2, 1]"),
            "event[0].nodes = [0, 1, 2, 1]: nobody is left on the other side",
        ),
    ] {
        let why = refusal(&text);
        assert!(why.starts_with(words), "{text}: {why}");
        assert!(why.contains(": put both") || why.contains("choose") || why.contains("name"), "the mend: {why}");
    }
    // Both directions of a link have tables of their own, and some may be parted from the rest.
    for text in [
        "[[link]]\nfrom = 0\nto = 1\nmu = \"1us\"\n[[link]]\nfrom = 1\nto = 0\nmu = \"2us\"".to_owned(),
        event("kind = \"partition\"\nuntil = \"2s\"\nnodes = [0, 2, 2]"),
    ] {
        Scenario::parse(&format!("{LEAST}{text}")).expect(&text);
    }
}

#[test]
fn a_refusal_of_the_reader_names_the_key_in_any_table() {
    let event = |text: &str| format!("[[event]]\nkind = \"crash\"\nnode = 1\n{text}");
    let span = "expected a span of time with its unit in quotes, such as \"100ms\"";
    for (text, words) in [
        ("[links]\ndelay = 1".to_owned(), ["5 | delay = 1", span]),
        ("[stamps]\nnoise = 3.5".to_owned(), ["5 | noise = 3.5", span]),
        (event("at = 5"), ["event[0].at: invalid type: integer `5`", span]),
        (event("at = \"5\""), ["event[0].at: `5` is not a span of time", "such as 100ms"]),
        (event("at = \"5ms\"\n") + &event("at = \"6ms\"\nrestart = \"7\""), ["event[1].restart: `7`", "such as 100ms"]),
        (event("").replace("crash", "melt"), ["5 | kind = \"melt\"", "stuck-clock"]),
        (
            "[links]\njitter = { kind = \"exponential\", mean = \"1\" }".to_owned(),
            ["links.jitter.mean: `1` is not a span", "such as 100ms"],
        ),
        // The complaint quotes what two keys have: it names neither.
        (event("at = 1"), ["4 | [[event]]", span]),
    ] {
        let why = refusal(&text);
        assert!(words.iter().all(|word| why.contains(word)), "{text}: {why}");
    }
    let shape = "duration = \"1s\"\ntau = \"10ms\"\ntopology = { shape = \"full\", nodes = -3 }\n";
    let why = Scenario::parse(shape).unwrap_err().to_string();
    assert!(why.contains("topology.nodes: invalid value: integer `-3`"), "{why}");
}

#[test]
fn a_refusal_is_short_however_long_the_file_is() {
    let long = "x".repeat(300_000);
    for text in
        [long.clone(), format!("{LEAST}[links]\ndelay = \"{long}\""), format!("{LEAST}{long} = 1"), "[".repeat(9_999)]
    {
        let why = Scenario::parse(&text).unwrap_err().to_string();
        assert!(why.len() < 1_000 && why.starts_with("TOML parse error at line "), "{} bytes: {why:.999}", why.len());
    }
    let why = refusal(&format!("[links]\ndelay = \"{long}\""));
    assert!(why.contains("such as 100ms") && why.contains("line 5, column 9"), "the mend is still there: {why}");
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
