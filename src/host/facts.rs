//! Facts about this host, for the journal's header.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};

use crate::journal::HostFacts;

/// What can be said of this host. What the system does not tell is `unknown` or zero.
pub fn gather(kernel_stamps: bool) -> HostFacts {
    let line =
        |path: &str| fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned());
    HostFacts {
        cores: cores(),
        kernel: format!("Linux {}", line("/proc/sys/kernel/osrelease")),
        clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        kernel_boot_id: line("/proc/sys/kernel/random/boot_id"),
        timer_slack_ns: obtained_timer_slack(),
        kernel_stamps,
    }
}

/// Cores that this process may use; zero if the system does not tell.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32)
}

/// The timer slack that a thread gets that asks for the least, as the probe thread does.
fn obtained_timer_slack() -> i64 {
    let probe = || {
        nix::sys::prctl::set_timerslack(1)?;
        nix::sys::prctl::get_timerslack()
    };
    std::thread::spawn(probe).join().ok().and_then(Result::ok).map_or(0, i64::from)
}

/// The most memory that this process has had in use, in bytes; `None` if the system does not tell.
pub fn peak_memory_bytes() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok().map(|kibibytes| kibibytes * 1_024)
}

/// The processor time that this process has used, in seconds.
pub fn processor_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}
