//! What this host can do for clock measurement, what each lack costs, and the mend. It only looks.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::time::TimeSpec;
use serde::Serialize;

use super::clock::raw_now;
use super::facts;
use super::pairing::{Paired, Pairing, pair};
use super::socket::ProbeSocket;
use crate::ids::NodeId;
use crate::time::Nanos;

/// Packets sent to try the stamps.
const PACKETS: u64 = 50;
/// Sleeps that are timed, and how long each is.
const SLEEPS: u32 = 200;
const SLEEP: Nanos = Nanos::from_millis(1);
/// Clock reads that are timed.
const READS: u32 = 10_000;

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As good as it gets.
    Good,
    /// It works, and costs accuracy.
    Costly,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it is to be taken.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What it costs, if it costs anything.
    pub cost: String,
    /// What to do about it, if anything can be done.
    pub mend: String,
}

impl Finding {
    fn good(subject: &str, found: String) -> Self {
        Self { subject: subject.to_owned(), health: Health::Good, found, cost: String::new(), mend: String::new() }
    }

    fn costly(subject: &str, found: String, cost: &str, mend: &str) -> Self {
        let (cost, mend) = (cost.to_owned(), mend.to_owned());
        Self { health: Health::Costly, cost, mend, ..Self::good(subject, found) }
    }

    fn unknown(subject: &str, found: String, mend: &str) -> Self {
        Self { health: Health::Unknown, mend: mend.to_owned(), ..Self::good(subject, found) }
    }
}

/// Looks at everything. It takes about half a second and sends only to itself.
pub fn examine() -> Vec<Finding> {
    let mut findings = vec![loopback_stamps()];
    findings.extend(interfaces());
    findings.extend([
        timer_slack(),
        wake_ups(),
        cores(),
        clock_source(),
        clock_read(),
        receive_buffer(),
        open_files(),
        steal(),
    ]);
    findings
}

fn percentile(sorted: &[i64], share: f64) -> Nanos {
    let index = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    Nanos(sorted.get(index).copied().unwrap_or(0))
}

fn loopback_stamps() -> Finding {
    let subject = "kernel stamps on loopback";
    match try_stamps() {
        Ok(Some((both, error))) if both + 2 >= PACKETS => Finding::good(
            subject,
            format!("{both} of {PACKETS} packets stamped at both ends, paired with the raw clock within {error}"),
        ),
        Ok(Some((both, error))) => Finding::costly(
            subject,
            format!("{both} of {PACKETS} packets stamped at both ends, paired within {error}"),
            "packets without stamps are measured from user space: 5 us instead of 0.1 us, and far more under load",
            "look for a virtual network that drops SO_TIMESTAMPING",
        ),
        Ok(None) => Finding::costly(
            subject,
            "refused by the kernel".to_owned(),
            "offsets are measured from user space: 5 us instead of 0.1 us, and far more under load",
            "run outside a sandbox that filters setsockopt(SO_TIMESTAMPING)",
        ),
        Err(why) => Finding::unknown(subject, why.to_string(), "allow UDP on 127.0.0.1"),
    }
}

/// Sends packets to itself: how many had stamps at both ends, and the median pairing error.
fn try_stamps() -> std::io::Result<Option<(u64, Nanos)>> {
    let mut socket = ProbeSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = socket.local_address()?;
    if !socket.kernel_stamps() {
        return Ok(None);
    }
    // The kernel switches receive stamps on in the background: give it time.
    let warm = raw_now() + Nanos::from_millis(500);
    let mut sequence = 0;
    let mut next = |socket: &mut ProbeSocket| {
        sequence += 1;
        try_packet(socket, address, sequence)
    };
    while raw_now() < warm && next(&mut socket)?.is_none() {}
    let packets = (0..PACKETS).map(|_| next(&mut socket)).collect::<std::io::Result<Vec<_>>>()?;
    let mut errors: Vec<i64> = packets.into_iter().flatten().map(|error| error.0).collect();
    errors.sort_unstable();
    Ok(Some((errors.len() as u64, percentile(&errors, 0.5))))
}

/// Sends one packet to itself: the pairing error of its stamps, if it was stamped at both ends.
fn try_packet(socket: &mut ProbeSocket, address: SocketAddr, sequence: u64) -> std::io::Result<Option<Nanos>> {
    let before = Pairing::now();
    socket.send(&[0; 64], address, NodeId(0), sequence, before)?;
    let deadline = raw_now() + Nanos::from_millis(5);
    let (mut left, mut arrived): (Option<Paired>, Option<Paired>) = (None, None);
    let mut received = false;
    while raw_now() < deadline && (left.is_none() || !received) {
        let after = Pairing::now();
        left = left.or_else(|| socket.departure().and_then(|departure| pair(departure.stamp, &before, &after)));
        if let Some(datagram) = socket.receive() {
            received = true;
            arrived = datagram.stamp.and_then(|stamp| pair(stamp, &before, &after));
        }
    }
    Ok(left.zip(arrived).map(|(left, arrived)| left.error.max(arrived.error)))
}

/// Every network interface but loopback, as `ethtool -T` tells.
fn interfaces() -> Vec<Finding> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "lo");
    names.sort();
    names.iter().map(|name| interface(name)).collect()
}

fn interface(name: &str) -> Finding {
    let subject = format!("stamps of interface {name}");
    let Ok(output) = Command::new("ethtool").args(["-T", name]).output() else {
        return Finding::unknown(&subject, "ethtool is not installed".to_owned(), "apt-get install ethtool");
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    stamps_told(&subject, &text)
}

/// What the output of `ethtool -T` says.
fn stamps_told(subject: &str, text: &str) -> Finding {
    let has = |word: &str| text.lines().any(|line| line.trim().starts_with(word));
    let (transmit, receive) = (has("software-transmit"), has("software-receive"));
    let hardware = has("hardware-transmit") && has("hardware-receive");
    let found = format!(
        "software transmit {}, receive {}; hardware {}",
        yes(transmit),
        yes(receive),
        if hardware { "yes (not used: software stamps serve)" } else { "no" }
    );
    match (transmit, receive) {
        (true, true) => Finding::good(subject, found),
        _ if text.is_empty() => Finding::unknown(subject, "the driver does not tell".to_owned(), ""),
        _ => Finding::costly(
            subject,
            found,
            "exchanges over it count as user-space stamped: 5 us instead of 0.1 us",
            "use another driver (virtio-net and most physical cards stamp in software)",
        ),
    }
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn timer_slack() -> Finding {
    let slack = Nanos(facts::gather(true).timer_slack_ns);
    let subject = "timer slack";
    if (Nanos(1)..=Nanos(1_000)).contains(&slack) {
        Finding::good(subject, format!("{slack} obtained"))
    } else {
        Finding::costly(
            subject,
            format!("{slack} obtained"),
            "sleeps end up to that much late before the spin takes over",
            "allow prctl(PR_SET_TIMERSLACK)",
        )
    }
}

/// How late sleeps end: what the spin before each slot has to cover.
fn wake_ups() -> Finding {
    let timed = std::thread::spawn(|| {
        let _ = nix::sys::prctl::set_timerslack(1);
        let mut late: Vec<i64> = (0..SLEEPS).map(|_| late_wake_up().0).collect();
        late.sort_unstable();
        (percentile(&late, 0.5), percentile(&late, 0.99))
    });
    let subject = "wake-up lateness";
    match timed.join() {
        Ok((median, p99)) if p99 <= Nanos::from_micros(150) => {
            Finding::good(subject, format!("p50 {median}, p99 {p99}: covered by the 150 us spin before each slot"))
        }
        Ok((median, p99)) => Finding::costly(
            subject,
            format!("p50 {median}, p99 {p99}"),
            "more than a hundredth of the slots are late by what exceeds 150 us",
            "free a core for the agent, or switch off deep idle states",
        ),
        Err(_) => Finding::unknown(subject, "could not be timed".to_owned(), ""),
    }
}

fn late_wake_up() -> Nanos {
    let until = raw_now() + SLEEP;
    let _ = nix::poll::ppoll(&mut [], Some(TimeSpec::new(0, SLEEP.0)), None);
    raw_now() - until
}

fn cores() -> Finding {
    let cores = facts::cores();
    let subject = "cores";
    if cores >= 4 {
        Finding::good(subject, format!("{cores}"))
    } else {
        Finding::costly(
            subject,
            format!("{cores}"),
            "a lab of three agents and a collector shares them: longer delays and later sends, which the report shows",
            "run one agent a host, or a lab on a host with at least one core an agent",
        )
    }
}

fn clock_source() -> Finding {
    let source = facts::gather(true).clock_source;
    let subject = "clock source";
    if ["tsc", "arch_sys_counter", "kvm-clock"].contains(&source.as_str()) {
        Finding::good(subject, source)
    } else {
        Finding::costly(
            subject,
            source,
            "every clock read is a system call or slow: stamps pair within microseconds, not tens of nanoseconds",
            "see /sys/devices/system/clocksource/clocksource0/available_clocksource",
        )
    }
}

fn clock_read() -> Finding {
    let start = raw_now();
    for _ in 0..READS {
        std::hint::black_box(raw_now());
    }
    let each = (raw_now() - start).over(i64::from(READS));
    let subject = "reading CLOCK_MONOTONIC_RAW";
    if each <= Nanos(100) {
        Finding::good(subject, format!("{each} a read"))
    } else {
        Finding::costly(
            subject,
            format!("{each} a read"),
            "stamps pair no better than that",
            "use a clock source that user space can read",
        )
    }
}

fn receive_buffer() -> Finding {
    let most: u64 =
        fs::read_to_string("/proc/sys/net/core/rmem_max").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let subject = "receive buffer";
    if most >= 1 << 20 {
        Finding::good(subject, format!("up to {most} bytes"))
    } else {
        Finding::costly(
            subject,
            format!("up to {most} bytes; 1048576 are asked for"),
            "a stall of the agent under many probes loses some of them, which is counted as loss",
            "sysctl -w net.core.rmem_max=1048576",
        )
    }
}

fn open_files() -> Finding {
    let subject = "open files";
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= 1_024 => Finding::good(subject, format!("up to {soft}")),
        Ok((soft, _)) => {
            Finding::costly(subject, format!("up to {soft}"), "a collector takes fewer agents", "ulimit -n 4096")
        }
        Err(why) => Finding::unknown(subject, why.to_string(), ""),
    }
}

/// Time that the hypervisor took away since boot.
fn steal() -> Finding {
    let subject = "stolen time";
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let times: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    let (total, stolen) = (times.iter().take(8).sum::<f64>(), times.get(7).copied().unwrap_or(0.0));
    if total <= 0.0 {
        return Finding::unknown(subject, "/proc/stat does not tell".to_owned(), "");
    }
    let share = 100.0 * stolen / total;
    if share < 0.1 {
        return Finding::good(subject, format!("{share:.2} % since boot"));
    }
    Finding::costly(
        subject,
        format!("{share:.2} % since boot"),
        "a guest that is not running answers late: delays have tails that no setting here removes",
        "use a host or an instance type with dedicated cores",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_looked_at_here() {
        let findings = examine();
        assert!(findings.len() >= 9);
        for finding in &findings {
            assert!(!finding.subject.is_empty() && !finding.found.is_empty(), "{finding:?}");
            assert_eq!(finding.health == Health::Costly, !finding.cost.is_empty(), "{finding:?}");
        }
    }

    #[test]
    fn the_output_of_ethtool_is_understood() {
        let both = "Time stamping parameters for eth0:\nCapabilities:\n\tsoftware-transmit\n\tsoftware-receive\n\tsoftware-system-clock\n";
        assert_eq!(stamps_told("x", both).health, Health::Good);
        let half = "Capabilities:\n\tsoftware-receive\n\tsoftware-system-clock\nPTP Hardware Clock: none\n";
        assert_eq!(stamps_told("x", half).health, Health::Costly);
        assert_eq!(stamps_told("x", "").health, Health::Unknown);
    }
}
