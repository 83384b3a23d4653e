//! What a file is, told by its header, its name or its first line.

use super::number;
use crate::names::named;

/// What can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Four stamps an exchange.
    Csv,
    /// chronyd's measurements.log, written by `log measurements`.
    ChronyMeasurements,
    /// The same file, written by `log rawmeasurements`: also measurements that failed a test.
    ChronyRawMeasurements,
    /// chronyd's tracking.log.
    ChronyTracking,
    /// ntpd's rawstats.
    NtpdRawstats,
    /// ntpd's peerstats.
    NtpdPeerstats,
    /// ntpd's loopstats.
    NtpdLoopstats,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Csv,
        Self::ChronyMeasurements,
        Self::ChronyRawMeasurements,
        Self::ChronyTracking,
        Self::NtpdRawstats,
        Self::NtpdPeerstats,
        Self::NtpdLoopstats,
    ];

    /// Its name in flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::ChronyMeasurements => "chrony-measurements",
            Self::ChronyRawMeasurements => "chrony-rawmeasurements",
            Self::ChronyTracking => "chrony-tracking",
            Self::NtpdRawstats => "ntpd-rawstats",
            Self::NtpdPeerstats => "ntpd-peerstats",
            Self::NtpdLoopstats => "ntpd-loopstats",
        }
    }

    /// The names of all.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whose claims it holds, if it holds a daemon's own and no exchanges.
    pub const fn daemon(self) -> Option<&'static str> {
        match self {
            Self::ChronyTracking => Some("chrony"),
            Self::NtpdPeerstats | Self::NtpdLoopstats => Some("ntpd"),
            _ => None,
        }
    }
}

named!(Format, "format");

/// The format, by the header (CSV's column names, chronyd's banners), else by the file's name, else by the fields of the
/// first line.
pub fn detect(name: &str, text: &str) -> Option<Format> {
    let mut lines = text.lines().map(str::trim).filter(|line| !(line.is_empty() || line.starts_with('#'))).take(20);
    lines.clone().find_map(by_header).or_else(|| by_name(name)).or_else(|| lines.find_map(by_fields))
}

fn by_header(line: &str) -> Option<Format> {
    let signs =
        [("t1_ns", Format::Csv), ("Peer del.", Format::ChronyMeasurements), ("Skew ppm", Format::ChronyTracking)];
    signs.into_iter().find(|(sign, _)| line.contains(sign)).map(|(_, format)| format)
}

fn by_name(name: &str) -> Option<Format> {
    let signs = [
        ("rawmeasurements", Format::ChronyRawMeasurements),
        ("measurements", Format::ChronyMeasurements),
        ("tracking", Format::ChronyTracking),
        ("rawstats", Format::NtpdRawstats),
        ("peerstats", Format::NtpdPeerstats),
        ("loopstats", Format::NtpdLoopstats),
        (".csv", Format::Csv),
    ];
    let name = name.rsplit('/').next().unwrap_or(name);
    signs.into_iter().find(|(sign, _)| name.contains(sign)).map(|(_, format)| format)
}

/// chronyd begins with a date, ntpd with a day and a second. Only loopstats has a number in the third place, and only
/// rawstats a second address in the fourth, where peerstats has a status.
fn by_fields(line: &str) -> Option<Format> {
    let fields: Vec<&str> = line.split_whitespace().take(20).collect();
    if number::date(fields.first()?, fields.get(1)?).is_some() {
        return Some(if fields.len() >= 16 { Format::ChronyMeasurements } else { Format::ChronyTracking });
    }
    number::second(fields[0], fields[1])?;
    let is_number = |index: usize| fields.get(index).is_some_and(|field| number::decimal_seconds(field).is_some());
    match fields.len() {
        5.. if is_number(2) => Some(Format::NtpdLoopstats),
        8.. if (4..8).all(is_number) && fields[3].contains(['.', ':']) => Some(Format::NtpdRawstats),
        7.. if (4..7).all(is_number) => Some(Format::NtpdPeerstats),
        _ => None,
    }
}
