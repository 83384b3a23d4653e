use super::*;
use crate::clock::{Change, Clock, Corridor, Free, Lamport, Message, Ntp, Reading, Regression, ntp};
use crate::ids::Algorithm;
use crate::probe::Exchange;
use crate::time::Ppb;
use crate::yardstick::condition::{cells, node, strange};
use crate::yardstick::drive::{drive, exchanges};
use crate::yardstick::measure::{self, Size};
use crate::yardstick::{Condition, SERVER};

const KAPPA: Ppb = Ppb(100_000);

fn recording(name: &str, text: &str) -> Recording {
    read(name, text, None).expect("a format")
}

fn stamps(recording: &Recording, from: &str, to: &str) -> Vec<[i64; 4]> {
    let samples = &recording.exchanges[&pair(from, to).expect("names")];
    samples.iter().map(|sample| sample.stamps.map(Time::as_nanos)).collect()
}

/// A world of the yardstick as somebody would write it down.
fn written(condition: &Condition, client: usize, seed: u64) -> String {
    let mut text = "from,to,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns\n".to_owned();
    for pending in exchanges(condition, client, seed) {
        let [t1, t2, t3, t4] = pending.exchange.stamps().map(Time::as_nanos);
        let truth = pending.arrives.as_nanos() - t4;
        text += &format!("client,server,{t1},{t2},{t3},{t4},{truth}\n");
    }
    text
}

/// A clock that notes what it shows, and how far off it says that it may be, after each exchange.
struct Watched(Box<dyn Clock>, Option<(Time<Local>, crate::clock::ErrorBound)>, Vec<(Nanos, Option<Nanos>)>);

impl Clock for Watched {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn reading(&self) -> &Reading {
        self.0.reading()
    }

    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        self.0.on_slot(at)
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.0.on_message(message)
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let change = self.0.on_exchange(at, exchange);
        if let Some((change, bound)) = change.and_then(|change| Some((change, change.bound?))) {
            self.1 = Some((change.reading.line.start, bound));
        }
        let bound = self.1.map(|(from, bound)| bound.initial + bound.growth.over(at - from));
        self.2.push((crate::affine::offset(self.reading().at(at), at), bound));
        change
    }
}

/// What the yardstick's own driver makes of a clock, looked at just after each exchange: errors, and the share within the
/// clock's bound.
fn driven(condition: &Condition, client: usize, seed: u64, clock: Box<dyn Clock>) -> (Size, Option<f64>) {
    let mut watched = Watched(clock, None, Vec::new());
    drive(condition, client, seed, &mut watched);
    let happened = exchanges(condition, client, seed);
    assert_eq!(happened.len(), watched.2.len());
    let truths = happened.iter().map(|pending| pending.arrives.as_nanos() - pending.exchange.t4.user.as_nanos());
    let errors: Vec<_> =
        truths.zip(&watched.2).map(|(truth, (ahead, bound))| (*ahead - Nanos(truth), *bound)).collect();
    let steady = measure::second_half(&errors);
    let bounded = steady.iter().any(|(_, bound)| bound.is_some());
    let held = steady.iter().filter(|(error, bound)| bound.is_some_and(|bound| error.abs() <= bound)).count();
    (Size::of(steady.iter().map(|(error, _)| *error)), bounded.then(|| held as f64 / steady.len() as f64))
}

#[test]
fn stamps_of_the_yardstick_give_the_errors_of_the_yardstick() {
    let worlds = [(cells().remove(1), 0), (cells().remove(4), 1), (strange().remove(8), 2), (strange().remove(14), 3)];
    for (condition, client) in worlds {
        let condition = Condition { duration: condition.poll.times(120), ..condition };
        let recording = recording("stamps.csv", &written(&condition, client, 7));
        let judged = judge(&recording, KAPPA, |_| ()).remove(0);
        // The only thing that a clock is told beside the stamps: here it is the median on the client's clock.
        let settings = ntp::Settings { node: node(client), reference: SERVER, poll: judged.poll };
        assert!((judged.poll - condition.poll).abs() < condition.poll.over(10_000), "{}", judged.poll);
        let clocks: [(&str, Box<dyn Clock>); 5] = [
            ("free", Box::new(Free)),
            ("lamport", Box::new(Lamport::new(&crate::clock::testing::settings(1, 1)))),
            ("ntp", Box::new(Ntp::new(settings))),
            ("regression", Box::new(Regression::new(SERVER))),
            ("corridor", Box::new(Corridor::new(SERVER))),
        ];
        for (name, clock) in clocks {
            let (errors, coverage) = driven(&condition, client, 7, clock);
            let found = judged.outcomes.iter().find(|outcome| outcome.algorithm == name).expect("a row");
            assert_eq!((found.errors, found.coverage), (Some(errors), coverage), "{name} in {}", condition.name);
        }
        let proved = judged.outcomes.last().expect("a certificate");
        assert_eq!((proved.algorithm, proved.coverage, judged.contradicted), ("certificate", Some(1.0), 0));
        let free = judged.outcomes[0].errors.expect("truth").max;
        assert!(proved.errors.is_some_and(|errors| errors.max < free / 2.0), "{proved:?}");
    }
}

/// So many exchanges a second apart with ways of 1 ms each, the reference ahead by so much.
fn steady(count: i64, ahead: i64) -> String {
    let mut text = "to,from,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns,remark\n".to_owned();
    for second in 0..count {
        let t1 = 1_000_000_000 * second;
        let there = t1 + 1_000_000 + ahead;
        text += &format!("\"b\",a,{t1},{there},{},{},{ahead},x\n", there + 5_000, t1 + 2_005_000);
    }
    text
}

#[test]
fn a_reference_ahead_and_one_behind() {
    for ahead in [40_000_000, -40_000_000] {
        let judged = judge(&recording("x", &steady(100, ahead)), KAPPA, |_| ()).remove(0);
        let bias = |name: &str| {
            let found = judged.outcomes.iter().find(|outcome| outcome.algorithm == name).expect("a row");
            let Size { rms, p99, max, mean } = found.errors.expect("truth");
            assert!((rms - mean.abs()).abs() < 1e-7 && max >= p99, "the error is the same after each exchange: {name}");
            (mean * 1e9).round() as i64
        };
        assert_eq!((judged.samples, judged.judged, judged.poll), (100, 50, Nanos::from_seconds(1)));
        assert_eq!(bias("free"), -ahead, "a clock that is never corrected is behind a reference that is ahead");
        assert_eq!(bias("lamport"), if ahead > 0 { -1_000_000 } else { -ahead }, "it is late by the way back");
        for name in ["ntp", "regression", "corridor", "certificate"] {
            assert!(bias(name).abs() < 1_000, "{name}: {}", bias(name));
        }
        let row = table::csv(&recording("x", &steady(100, ahead)), std::slice::from_ref(&judged));
        let free = format!("\nfree,a-b,100,40000000.0,40000000.0,40000000.0,{}.0,\n", -ahead);
        assert!(row.contains(&free), "{row}");
    }
}

#[test]
fn rows_in_any_order_give_the_same() {
    let text = steady(60, 7_000);
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    let (sorted, reversed) = (recording("x", &text), recording("x", &lines.join("\n")));
    assert_eq!((sorted.unsorted, reversed.unsorted), (0, 59));
    assert_eq!(judge(&sorted, KAPPA, |_| ()), judge(&reversed, KAPPA, |_| ()));
}

#[test]
fn what_cannot_be_used_is_named_by_its_line() {
    let text = "\u{feff}from,to,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns\r\n\
                a,b,0,10,20,30,\r\n\
                a,b,x,10,20,30,\r\n\
                a,b,31,10,20,30,\r\n\
                \r\n\
                # a remark\r\n\
                a,b,0,21,20,30,\r\n\
                a,a,0,10,20,30,\r\n\
                ,b,0,10,20,30,\r\n\
                a,b,0,10,20\r\n\
                a,b,0,10,20,9223372036854775807,\r\n\
                1,two,-5,10,20,30,1.5\r\n\
                1,two,-5,10,20,30,-7\r\n\
                \"open,b,0,10,20,30,\r\n";
    let recording = recording("x", text);
    assert_eq!(recording.rows(), 3);
    assert_eq!(recording.left_out.count, 8);
    let lines: Vec<usize> = recording.left_out.first.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 7, 8, 9]);
    assert!(recording.left_out.first[0].1.contains("t1_ns `x`"), "{:?}", recording.left_out);
    assert!(recording.left_out.first[1].1.contains("t4 is 1ns before t1"), "{:?}", recording.left_out);
    let told = table::text(&recording, &judge(&recording, KAPPA, |_| ()), KAPPA);
    assert!(told.contains("line 3 left out") && told.contains("3 more left out, 8 lines in all"), "{told}");
    let samples = &recording.exchanges[&pair("1", "two").expect("names")];
    assert_eq!(samples[0].truth, Some(Nanos(-7)));
    assert!(read("x.csv", "from,to,t1_ns,t2_ns\n", None).unwrap_err().contains("t3_ns, t4_ns"));
    assert!(read("x", "what is this", None).unwrap_err().contains("--format"));
}

/// The example lines of chrony.conf(5).
#[test]
fn logs_of_chronyd() {
    let line = "2016-11-09 05:40:50 203.0.113.15    N  2 111 111 1111  10 10 1.0 \
                -4.966e-03  2.296e-01  1.577e-05  1.615e-01  7.446e-03 CB00717B 4B D K\n";
    let failed = line.replace("111 111 1111", "111 110 1111");
    let text = format!("{}\n   Date (UTC) Time     IP Address   L\n{}\n{line}{failed}", "=".repeat(80), "=".repeat(80));
    let found = recording("any", &text);
    assert_eq!((found.format, found.left_out.count), (Format::ChronyMeasurements, 1));
    let at = 1_478_670_050_000_000_000;
    let there = at + 114_800_000 - 4_966_000;
    assert_eq!(stamps(&found, "local", "203.0.113.15"), [[at, there, there, at + 229_600_000]]);
    let exchange = crate::yardstick::follow::exchange([at, there, there, at + 229_600_000].map(Time::from_nanos));
    assert_eq!((exchange.sample().offset, exchange.sample().delay), (Nanos(-4_966_000), Nanos(229_600_000)));

    let tracking = "2017-08-22 13:22:36 203.0.113.15     2     -3.541      0.075 -8.621e-06 N \
                    2  2.940e-03 -2.084e-04  1.534e-02  3.472e-04  8.304e-03\n";
    let found = recording("any", tracking);
    assert_eq!(found.format, Format::ChronyTracking);
    let fast = &found.claims[&pair("local", "203.0.113.15").expect("names")];
    assert_eq!(fast, &[Nanos(8_621)], "chronyd says how far the local clock is fast");
    assert!(table::csv(&found, &[]).ends_with("\nchrony,local-203.0.113.15,1,,,,,\n"));
    assert!(table::text(&found, &[], KAPPA).contains("rms 8.621us"));
}

/// The example lines of ntpd's "Monitoring Commands and Options".
#[test]
fn statistics_of_ntpd() {
    let received = "56285 54575.160 128.4.1.1 192.168.1.5 3565350574.400229473 3565350574.442385200 \
                    3565350574.442436000 3565350575.154505763 0 4 4 1 8 -21 0.000000 0.000320 .PPS.\n";
    let sent = received.replace(" 0 4 4 1 ", " 0 4 3 1 ");
    let older = received.split(" 0 4 4").next().expect("the stamps");
    let clock = received.replace("128.4.1.1", "127.127.20.0");
    let found = recording("any", &format!("{received}{sent}{older}\n{clock}"));
    assert_eq!((found.format, found.left_out.count), (Format::NtpdRawstats, 2));
    let unix =
        [1_356_361_774_400_229_473, 1_356_361_774_442_385_200, 1_356_361_774_442_436_000, 1_356_361_775_154_505_763];
    assert_eq!(stamps(&found, "192.168.1.5", "128.4.1.1"), [unix, unix]);

    let found = recording("any", "48773 10847.650 127.127.4.1 9714 -0.001605376 0.000000000 0.001424877 0.000958674\n");
    assert_eq!(found.format, Format::NtpdPeerstats);
    assert_eq!(found.claims[&pair("local", "127.127.4.1").expect("names")], [Nanos(-1_605_376)]);
    let found = recording("any", "50935 75440.031 0.000006019 13.778190 0.000351733 0.013380 6\n");
    assert_eq!(found.format, Format::NtpdLoopstats);
    assert_eq!(found.claims[&pair("local", "sources").expect("names")], [Nanos(6_019)]);
}

/// NTP's seconds begin anew on 2036-02-07 06:28:16 UTC, day 64730.
#[test]
fn stamps_on_both_sides_of_an_era() {
    let line = "64730 23296.500 10.0.0.1 10.0.0.2 4294967295.999999999 0.000000001 0.000000002 0.400000000\n";
    let found = recording("rawstats", line);
    let new_era = 2_085_978_496_000_000_000;
    let expected = [new_era - 1, new_era + 1, new_era + 2, new_era + 400_000_000];
    assert_eq!(stamps(&found, "10.0.0.2", "10.0.0.1"), [expected]);
    let untaken = "64730 23296.500 10.0.0.1 10.0.0.2 0.000000000 0.000000001 0.000000002 0.400000000\n";
    assert_eq!(recording("rawstats", untaken).left_out.first[0].1, "a stamp is zero: it was never taken");
    let beyond = "64730 23296.5 10.0.0.1 10.0.0.2 4294967296.0 0.1 0.1 0.4\n";
    assert_eq!(recording("rawstats", beyond).left_out.count, 1);
}

#[test]
fn names_tell_what_a_file_is() {
    for (name, format) in [
        ("/var/log/chrony/measurements.log", Format::ChronyMeasurements),
        ("/measurements/tracking.log.1", Format::ChronyTracking),
        ("rawstats.20240101", Format::NtpdRawstats),
        ("stamps.csv", Format::Csv),
    ] {
        assert_eq!(format::detect(name, "?\n"), Some(format));
    }
    assert_eq!(Format::ALL.map(|format| format.name().parse()), Format::ALL.map(Ok));
}

#[test]
fn no_stamps_make_it_panic() {
    let ends = [-FARTHEST.0, -1, 0, 1, 1_000_000_000, FARTHEST.0];
    let mut text = "from,to,t1_ns,t2_ns,t3_ns,t4_ns,truth_offset_ns\n".to_owned();
    for k in 0..ends.len().pow(4) {
        let end = |place: u32| ends[k / ends.len().pow(place) % ends.len()];
        text += &format!("a,b,{},{},{},{},{}\n", end(0), end(1), end(2), end(3), end((k % 4) as u32));
    }
    let recording = recording("x.csv", &text);
    assert!(recording.rows() > 300 && recording.left_out.count > 300);
    for kappa in [Ppb(0), KAPPA, crate::certify::scale::MOST_KAPPA] {
        let judged = judge(&recording, kappa, |_| ());
        assert_eq!(judged[0].outcomes.len(), Algorithm::ALL.len(), "no system clock, but a certificate");
    }
}
