//! Three agents on real connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::affine::Line;
use crate::clock::Reading;
use crate::host::clock::LocalClock;
use crate::host::published::Published;
use crate::ids::Algorithm;
use crate::order::digest::compare;
use crate::order::link::{LinkState, Loss, PlannedCut};
use crate::order::report::{Load, StampSource};
use crate::time::{Synced, Time};
use crate::topology::Impairment;

const MS: i64 = 1_000_000;

/// What to vary of the three agents.
#[derive(Clone, Copy)]
struct Lab {
    keys: [u8; 3],
    impairment: Option<Impairment>,
    /// How far each agent's synchronised clocks are ahead, in ns.
    ahead_ns: [i64; 3],
    mending: Nanos,
}

const LAB: Lab =
    Lab { keys: [1; 3], impairment: None, ahead_ns: [0, 20_000, -30_000], mending: Nanos::from_millis(1_000) };

fn clocks(ahead: i64) -> Clocks {
    let published = Published::default();
    let line = Line { value: Time::<Synced>::from_nanos(ahead), ..Line::IDENTITY };
    for algorithm in [Algorithm::Lamport, Algorithm::Ntp] {
        published.publish(algorithm, &Reading { line, then: None });
    }
    Clocks { local: LocalClock::undisciplined(Nanos::ZERO), published: Arc::new(published) }
}

fn phase(index: u16, source: StampSource, load: Load, duration_ns: i64) -> Phase {
    Phase { index, source, load, payload_bytes: 64, batch: 64, duration_ns }
}

/// Runs three agents, each on its own thread and runtime, and returns what `run` made of each mesh.
fn agents<T: Send>(lab: Lab, run: impl AsyncFn(u32, anyhow::Result<Mesh>, Clocks) -> T + Sync) -> Vec<T> {
    let listeners: Vec<std::net::TcpListener> =
        (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let (run, addresses) = (&run, &addresses);
    std::thread::scope(|scope| {
        let agent = |(me, listener): (u32, std::net::TcpListener)| {
            let others = (0..3).filter(move |id| *id != me);
            let peers = others.map(|id| PeerAddress {
                id: NodeId(id),
                address: addresses[id as usize],
                impairment: lab.impairment,
            });
            let config = MeshConfig {
                me: NodeId(me),
                peers: peers.collect(),
                key: Key::new([lab.keys[me as usize]; 32]),
                mending: lab.mending,
                ..small_config()
            };
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    listener.set_nonblocking(true).unwrap();
                    let mesh = Mesh::connect(config, TcpListener::from_std(listener).unwrap()).await;
                    run(me, mesh, clocks(lab.ahead_ns[me as usize])).await
                })
            })
        };
        let running: Vec<_> = (0..).zip(listeners).map(agent).collect();
        running.into_iter().map(|agent| agent.join().unwrap()).collect()
    })
}

fn run_phases(lab: Lab, phases: &[Phase]) -> Vec<Vec<PhaseReport>> {
    agents(lab, async |_, mesh, mut clocks| {
        let mut mesh = mesh.unwrap();
        let mut reports = Vec::new();
        for phase in phases {
            reports.push(mesh.run_phase(*phase, &mut clocks).await.unwrap());
        }
        reports
    })
}

/// The reports of all agents, phase by phase.
fn by_phase(agents: Vec<Vec<PhaseReport>>) -> Vec<Vec<PhaseReport>> {
    (0..agents[0].len()).map(|index| agents.iter().map(|reports| reports[index].clone()).collect()).collect()
}

fn assert_agreement(reports: &[PhaseReport]) {
    for report in reports {
        assert!(report.drained, "{report:?}");
        assert!(report.delivered > 0 && report.delivered_in_time <= report.delivered, "{report:?}");
        assert_eq!(report.checkpoints.last().unwrap().commands, report.delivered);
        assert_eq!(report.checkpoints, reports[0].checkpoints);
        assert_eq!(compare(&report.checkpoints, &reports[0].checkpoints).differ_at, None);
        assert_eq!(report.acknowledged, Some(report.issued), "everybody has everything");
        for (holding, other) in report.holdings.iter().flat_map(|h| reports.iter().map(move |other| (h, other))) {
            let own = &other.holdings[0];
            assert!(own.source != holding.source || own.received == holding.delivered, "{holding:?} {own:?}");
        }
        assert_eq!(report.latency.iter().map(|(_, count)| count).sum::<u64>(), report.issued);
    }
    assert_eq!(reports[0].delivered, reports.iter().map(|report| report.issued).sum::<u64>());
}

#[test]
fn three_agents_deliver_the_same_order_by_every_source() {
    let sources = StampSource::ORDERING.into_iter();
    let loads = [Load::Saturated, Load::Open { commands_per_s: 5_000 }];
    let phases: Vec<Phase> = sources
        .flat_map(|source| loads.map(|load| (source, load)))
        .zip(0..)
        .map(|((source, load), index)| phase(index, source, load, 150 * MS))
        .collect();
    for reports in by_phase(run_phases(LAB, &phases)) {
        assert_agreement(&reports);
        if reports[0].phase.load != Load::Saturated {
            assert!(reports.iter().all(|report| report.issued == 750));
        }
    }
}

#[test]
fn without_order_everything_is_delivered_everywhere_too() {
    for reports in run_phases(LAB, &[phase(0, StampSource::Floor, Load::Saturated, 100 * MS)]) {
        assert!(reports[0].drained && reports[0].delivered > reports[0].issued, "{:?}", reports[0]);
    }
}

#[test]
fn a_declared_delay_holds_commands_back_and_changes_no_order() {
    let impairment = Impairment { delay: Nanos(5 * MS), jitter: Nanos(2 * MS), loss: 0.5, ..Impairment::default() };
    let lab = Lab { impairment: Some(impairment), ..LAB };
    let open = phase(0, StampSource::Hlc, Load::Open { commands_per_s: 2_000 }, 200 * MS);
    for reports in by_phase(run_phases(lab, &[open, phase(1, StampSource::Hlc, Load::Saturated, 200 * MS)])) {
        assert_agreement(&reports);
        // Only the last commands of the agent that ends last can be faster: the others are done before.
        let median = reports.iter().map(|report| quantile_us(&report.latency, 0.5)).fold(f64::MAX, f64::min);
        assert!(median >= 4_950.0, "one way at least, less the skew: {median} us");
    }
}

#[test]
fn messages_of_a_phase_that_has_not_started_here_wait() {
    let phases = [0, 1].map(|index| phase(index, StampSource::Hlc, Load::Saturated, 150 * MS));
    let agents = agents(LAB, async |me, mesh, mut clocks| {
        let mut mesh = mesh.unwrap();
        let mut reports = Vec::new();
        for phase in phases {
            tokio::time::sleep(Duration::from_millis(u64::from(me) * 40)).await;
            reports.push(mesh.run_phase(phase, &mut clocks).await.unwrap());
        }
        reports
    });
    by_phase(agents).iter().for_each(|reports| assert_agreement(reports));
}

/// A phase that is cut short here must not disturb the next one.
#[test]
fn a_phase_can_be_dropped_and_the_next_one_run() {
    let cut = phase(0, StampSource::LamportLogical, Load::Saturated, 100 * MS);
    let reports = agents(LAB, async |_, mesh, mut clocks| {
        let mut mesh = mesh.unwrap();
        let late = tokio::time::timeout(Duration::from_millis(50), mesh.run_phase(cut, &mut clocks)).await;
        assert!(late.is_err());
        mesh.run_phase(Phase { index: 1, ..cut }, &mut clocks).await.unwrap()
    });
    assert_agreement(&reports);
}

#[test]
fn a_dead_peer_stops_the_order_but_never_hangs_it() {
    let saturated = phase(0, StampSource::Ntp, Load::Saturated, 400 * MS);
    let began = std::time::Instant::now();
    let reports = agents(LAB, async |me, mesh, mut clocks| {
        let mut mesh = mesh.unwrap();
        let run = mesh.run_phase(saturated, &mut clocks);
        if me == 2 {
            return tokio::time::timeout(Duration::from_millis(100), run).await.ok().map(Result::unwrap);
        }
        let report = run.await.unwrap();
        assert_eq!(mesh.connected().filter(|id| *id == NodeId(2)).count(), 0);
        let next = mesh.run_phase(phase(1, StampSource::Ntp, Load::Saturated, 50 * MS), &mut clocks).await.unwrap();
        assert!(!next.drained);
        Some(report)
    });
    assert!(began.elapsed() < Duration::from_secs(60), "nobody hangs");
    assert!(reports[2].is_none(), "it was dropped");
    let [Some(a), Some(b)] = &reports[..2] else { panic!("the others report") };
    assert!(!a.drained && !b.drained);
    assert!(a.delivered > 0 && compare(&a.checkpoints, &b.checkpoints).differ_at.is_none());
}

/// Cuts of the connection between two agents, each so long, so many milliseconds after the beginning.
fn cuts(between: [u32; 2], at_ms: &[i64], length: Nanos) -> Vec<PlannedCut> {
    let cut = |at: &i64| PlannedCut { ends: between.map(NodeId), after: Nanos::from_millis(*at), length };
    at_ms.iter().map(cut).collect()
}

/// Runs one phase in which connections are cut. Nobody leaves before all are done.
fn run_cut(lab: Lab, phase: Phase, cuts: &[PlannedCut]) -> Vec<PhaseReport> {
    let done = std::sync::Barrier::new(3);
    agents(lab, async |_, mesh, mut clocks| {
        let mut mesh = mesh.unwrap();
        mesh.plan_cuts(cuts);
        let report = mesh.run_phase(phase, &mut clocks).await.unwrap();
        // Whoever is done still mends what the others need.
        let _ = tokio::time::timeout(Duration::from_millis(300), mesh.idle()).await;
        done.wait();
        report
    })
}

/// How often a connection was cut and mended while `from` ran the phase. Whoever is done need not wait for the last time.
fn mended(reports: &[PhaseReport], from: usize, to: u32) -> u64 {
    let link = reports[from].links.iter().find(|link| link.peer == NodeId(to)).unwrap();
    assert!(!matches!(link.state, LinkState::Lost(_)), "{link:?}");
    assert!(link.state == LinkState::Mending || (link.mended == 0) == (link.cut_ns == 0), "{link:?}");
    link.mended
}

#[test]
fn a_connection_that_is_cut_is_mended_and_no_command_is_lost_or_delivered_twice() {
    let length = Nanos::from_millis(30);
    for (index, source) in (0..).zip([StampSource::Hlc, StampSource::LamportLogical]) {
        let reports = run_cut(LAB, phase(index, source, Load::Saturated, 250 * MS), &cuts([0, 1], &[60], length));
        assert_agreement(&reports);
        assert_eq!([mended(&reports, 0, 1), mended(&reports, 0, 2)], [1, 0]);
        // Whoever begins long after the other end may not see it.
        assert!(mended(&reports, 1, 0) <= 1);
        let cut = reports[0].links[0].cut_ns;
        assert!(cut >= 30 * MS, "{cut} ns");
    }
}

#[test]
fn many_cuts_of_all_connections_change_nothing_but_the_time_that_it_takes() {
    let load = Load::Open { commands_per_s: 20_000 };
    for load in [load, Load::Saturated] {
        let all = [([0, 1], [20, 80, 130, 200]), ([1, 2], [40, 90, 150, 210]), ([0, 2], [60, 95, 160, 240])];
        let length = Nanos::from_millis(4);
        let all: Vec<PlannedCut> = all.iter().flat_map(|(ends, at)| cuts(*ends, at, length)).collect();
        let reports = run_cut(LAB, phase(0, StampSource::Ntp, load, 250 * MS), &all);
        assert_agreement(&reports);
        assert!(mended(&reports, 0, 1) + mended(&reports, 1, 2) + mended(&reports, 0, 2) >= 6, "{reports:?}");
    }
}

#[test]
fn a_cut_that_outlasts_patience_loses_the_peer_and_says_so() {
    let lab = Lab { mending: Nanos::from_millis(100), ..LAB };
    let saturated = phase(0, StampSource::Ntp, Load::Saturated, 300 * MS);
    let reports = run_cut(lab, saturated, &cuts([1, 2], &[50], Nanos::from_millis(2_000)));
    let state = |from: usize, to: usize| reports[from].links[to].state;
    let lost = LinkState::Lost(Loss::Unmended);
    assert_eq!([state(1, 1), state(2, 1), state(0, 0), state(0, 1)], [lost, lost, LinkState::Up, LinkState::Up]);
    for (report, me) in reports.iter().zip(0..) {
        assert!(!report.drained || me == 0, "{report:?}");
        // What is acknowledged everybody has, whatever was lost.
        let acknowledged = report.acknowledged.unwrap();
        assert!(acknowledged <= report.issued);
        let held = |other: &PhaseReport| other.holdings.iter().find(|h| h.source == NodeId(me)).unwrap().received;
        assert!(reports.iter().all(|other| held(other) >= acknowledged), "{me}: {reports:?}");
    }
    let last = reports.iter().map(|report| &report.checkpoints);
    assert!(last.clone().all(|points| compare(points, &reports[0].checkpoints).differ_at.is_none()));
}

/// One of two agents is started again while the other one waits for it.
#[test]
fn a_process_that_was_started_again_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    [0, 1].iter().for_each(|again| runtime.block_on(start_again(*again)));
}

async fn start_again(again: u32) {
    let any = || TcpListener::bind("127.0.0.1:0");
    let listeners = [any().await.unwrap(), any().await.unwrap()];
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let config = |me: u32| {
        let peer = PeerAddress { id: NodeId(1 - me), address: addresses[1 - me as usize], impairment: None };
        MeshConfig { me: NodeId(me), peers: vec![peer], mending: Nanos::from_seconds(20), ..small_config() }
    };
    let [first, second] = listeners;
    let (first, second) = tokio::join!(Mesh::connect(config(0), first), Mesh::connect(config(1), second));
    let (mut first, mut second) = (first.unwrap(), second.unwrap());
    let said = phase(0, StampSource::Floor, Load::Open { commands_per_s: 1_000 }, 20 * MS);
    let mut clocks = [clocks(0), clocks(0)];
    let [one, two] = &mut clocks;
    let (one, two) = tokio::join!(first.run_phase(said, one), second.run_phase(said, two));
    assert_eq!((one.unwrap().acknowledged, two.unwrap().acknowledged), (Some(20), Some(20)));
    let (dead, mut near) = if again == 0 { (first, second) } else { (second, first) };
    drop(dead);
    let listener = TcpListener::bind(addresses[again as usize]).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(3), near.idle());
    let (born_again, _) = tokio::join!(Mesh::connect(config(again), listener), waiting);
    assert!(born_again.is_err(), "it meets nobody");
    assert_eq!(near.links()[0].state, LinkState::Lost(Loss::Restarted));
}

fn small_config() -> MeshConfig {
    MeshConfig {
        me: NodeId(0),
        peers: Vec::new(),
        cluster: 7,
        key: Key::new([1; 32]),
        seed: 3,
        plausible: Nanos::from_seconds(1),
        raw_clock: RawClock::Shared,
        patience: Nanos::from_millis(1_500),
        mending: MENDING,
        changes: None,
    }
}

#[test]
fn another_key_is_refused() {
    let lab = Lab { keys: [1, 2, 1], ..LAB };
    let errors = agents(lab, async |_, mesh, _| mesh.err().map(|why| format!("{why:#}")));
    assert!(errors.iter().all(Option::is_some), "nobody joins such a mesh: {errors:?}");
    // Whoever is told first gives up, and the others may then only find it gone.
    assert!(errors.iter().flatten().any(|error| error.contains("key")), "{errors:?}");
}

#[test]
fn a_phase_that_cannot_be_sent_is_refused() {
    agents(LAB, async |_, mesh, mut clocks| {
        let unsendable = Phase { batch: 0, ..phase(0, StampSource::Hlc, Load::Saturated, MS) };
        assert!(mesh.unwrap().run_phase(unsendable, &mut clocks).await.is_err());
    });
}

/// Value in us below which a share of the latencies lies.
fn quantile_us(latency: &[(u64, u64)], share: f64) -> f64 {
    let total: u64 = latency.iter().map(|(_, count)| count).sum();
    let wanted = (share * total as f64).ceil() as u64;
    let mut below = 0;
    let found = latency.iter().find(|(_, count)| {
        below += count;
        below >= wanted
    });
    found.map_or(0.0, |(value, _)| *value as f64 / 1e3)
}
