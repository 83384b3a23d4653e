//! `skewbench replay`: every clock on timestamps that somebody else took.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use skewbench::certify::scale::MOST_KAPPA;
use skewbench::host::program::{self, Malformed};
use skewbench::replay::{self, Format, table};
use skewbench::time::Ppb;

use crate::progress::Progress;
use crate::{folder, out};

const MORE: &str = "\
A CSV file has a header with the columns
  from,to,t1_ns,t2_ns,t3_ns,t4_ns      and, if truth is known, truth_offset_ns
one row an exchange, in any order: `from` asks at t1 and has the reply at t4 on its own clock, `to` gets the request at \
t2 and replies at t3 on its own. Names are numbers or words, stamps whole nanoseconds since any epoch. truth_offset_ns is \
how far the clock of `to` is ahead of that of `from` at t4.

`to` is the reference, `from` runs the clocks. error = what the clock shows - its local clock - truth, just after each \
exchange, over the second half of a pair's exchanges. coverage is the share of those after which the error was within \
the clock's own bound; for `certificate`, the share with the truth inside the proved interval, whose middle is its \
estimate. lamport and largest are never set back, so that they follow a reference only if that is ahead; \
welch-lynch and convergence average with it, as a mesh of two. srikanth-toueg sets its clock by rounds on which two agree: \
a reference takes part in none, so that clock and bound of it say little here.

Logs:
  rawstats       all four stamps
  measurements   offset and delay: exchanges with two equal ways, t1 known to a second, are made of them
  tracking, peerstats, loopstats
                 what the daemon says of itself, shown as such: no exchanges, so no clock runs
The clock in a log is the one that the daemon corrects: `free` is then that clock.

Examples:
  skewbench replay stamps.csv --out replayed
  skewbench replay /var/log/ntpsec/rawstats
  skewbench replay /var/log/chrony/measurements.log --kappa-ppm 20";

/// Lead every clock through timestamps that you bring, or that chronyd or ntpd wrote down
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Args {
    /// CSV of exchanges, or a log
    file: PathBuf,
    /// What FILE is: csv, chrony-measurements, chrony-rawmeasurements, chrony-tracking, ntpd-rawstats, ntpd-peerstats,
    /// ntpd-loopstats [default: what its header, its name or its first line tells]
    #[arg(long)]
    format: Option<Format>,
    /// Limit on how far the rate of either clock is from one, which certificate and interval assume
    #[arg(long, value_name = "PPM", default_value = "100", value_parser = kappa)]
    kappa_ppm: Ppb,
    /// Where replay.csv goes [default: skewbench-out/<start time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files
    #[arg(long)]
    force: bool,
}

fn kappa(text: &str) -> Result<Ppb, String> {
    let found = text.parse::<f64>().ok().filter(|ppm| (0.0..=MOST_KAPPA.as_ppm()).contains(ppm)).map(Ppb::from_ppm);
    found.ok_or_else(|| format!("parts per million must be a number from 0 to {}, such as 100", MOST_KAPPA.as_ppm()))
}

/// Reads, leads the clocks, prints and writes.
pub fn run(args: &Args) -> Result<u8> {
    let name = args.file.display().to_string();
    let bytes = fs::read(&args.file).with_context(|| format!("{name}: cannot be read"))?;
    let recording = replay::read(&name, &String::from_utf8_lossy(&bytes), args.format);
    let recording = recording.map_err(|why| Malformed(format!("{name}: {why}")))?;
    if recording.rows() == 0 {
        let first = recording.left_out.first.first().map(|(line, why)| format!("; line {line}: {why}"));
        let (lines, first) = (recording.left_out.count, first.unwrap_or_default());
        bail!("{name}: no row of {} can be used, {lines} left out{first}", recording.format);
    }
    let dir = folder::prepare(args.out.as_deref(), args.force)?;
    let mut progress = Progress::of("replaying");
    let judged = replay::judge(&recording, args.kappa_ppm, |share| progress.show(share));
    progress.end();
    folder::write(&dir, &[("replay.csv", table::csv(&recording, &judged).into())])?;
    out::put(&format!("{}\n{}\n", table::text(&recording, &judged, args.kappa_ppm), dir.display()))?;
    Ok(program::WITHIN)
}
