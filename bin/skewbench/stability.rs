//! `skewbench stability`: deviations and excursions of a clock from its phase or frequency data.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use skewbench::host::program::{self, Malformed};
use skewbench::report::{html, stability as told};
use skewbench::stability::mask::Mask;
use skewbench::stability::phase::Kind;
use skewbench::stability::{Column, Curves, Phase};

use crate::{folder, out};

/// Say how stable a clock is over spans of any length.
///
/// Reads phase (time error in seconds) or frequency (fractional, dimensionless) at equal steps, one number a line or a CSV
/// file whose header names a column `phase` or `frequency`, and prints for tau = 1, 2, 4, 10, 20, 40 … steps the Allan,
/// modified Allan, time and Hadamard deviations, plain and overlapping, MTIE and the rms time interval error. An empty field
/// or `nan` is a gap: no difference spans it, and nothing is interpolated.
///
/// With --out, stability.csv has 95 % intervals for the noise that was identified at each tau, and stability.html draws the
/// curves. Exit code 1 if a mask is exceeded.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  skewbench stability offsets.csv --rate 10 --mask g8272-prtc-a --out stability")]
pub struct Args {
    /// The data
    file: PathBuf,
    /// Points a second
    #[arg(long, value_name = "HZ", default_value = "1", value_parser = rate)]
    rate: f64,
    /// What the numbers are: phase or frequency [default: what the header says, else phase]
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// Limits of the ITU-T to hold MTIE and TDEV against: g811-prc, g8272-prtc-a, g8272-prtc-b, g8272.1-eprtc
    #[arg(long)]
    mask: Option<Mask>,
    /// Where stability.csv and stability.html go [default: they are not written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files
    #[arg(long)]
    force: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|rate| rate.is_normal() && *rate > 0.0 && rate.recip().is_normal());
    found.ok_or_else(|| "points a second must be a positive number, such as 1 or 0.1".to_owned())
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::named(text).ok_or_else(|| "choose phase or frequency".to_owned())
}

/// Reads, computes, prints.
pub fn run(args: &Args) -> Result<u8> {
    let name = args.file.display();
    let bytes = fs::read(&args.file).with_context(|| format!("{name}: cannot be read"))?;
    let column =
        Column::read(&String::from_utf8_lossy(&bytes), args.kind).map_err(|why| Malformed(format!("{name}: {why}")))?;
    let complaint = column.complaint();
    let kind = column.kind;
    let phase = Phase::of(kind, column.values, args.rate.recip());
    let curves = Curves::of(&phase);
    if curves.rows.is_empty() {
        let text = format!("{name}: {} points of phase without a gap are too few: two are needed", phase.longest());
        return Err(Malformed(text).into());
    }
    let amount = amount(&phase, kind, complaint.as_deref());
    out::put(&format!("{name}: {amount}\n\n{}", told::table(&curves, args.mask)))?;
    if let Some(dir) = &args.out {
        let dir = folder::prepare(Some(dir), args.force)?;
        let title = format!("Stability of {}", args.file.file_name().unwrap_or_default().to_string_lossy());
        let page = html::stability::Told { title: &title, amount: &amount, mask: args.mask };
        let page = html::stability::page(&curves, page).into_bytes();
        folder::write(&dir, &[("stability.csv", told::csv(&curves, args.mask)), ("stability.html", page)])?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    let exceeded = args.mask.is_some_and(|mask| curves.beyond(mask).next().is_some());
    Ok(if exceeded { program::VIOLATED } else { program::WITHIN })
}

fn amount(phase: &Phase, kind: Kind, complaint: Option<&str>) -> String {
    let gaps = match phase.segments.len() {
        0 | 1 => String::new(),
        pieces => format!(", in {pieces} pieces between gaps"),
    };
    let complaint = complaint.map_or_else(String::new, |text| format!("; {text}"));
    format!("{} points of phase from {kind} data, {} s apart{gaps}{complaint}", phase.points(), phase.step_s)
}
