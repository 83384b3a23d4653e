//! `skewbench doctor`: what this host can do, what each lack costs, and the mend.

use anyhow::Result;
use console::style;
use skewbench::host::doctor::{Finding, Health, examine};

use crate::out;

/// Say what this host can do for clock measurement, what each lack costs in accuracy, and the mend.
///
/// It only looks, sends packets to itself alone, and exits with 0 whenever it could look.
#[derive(clap::Args)]
pub struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Looks and says what it saw.
pub fn run(args: &Args) -> Result<u8> {
    let findings = examine();
    if args.json {
        out::put(&(serde_json::to_string_pretty(&findings)? + "\n"))?;
    } else {
        out::put(&findings.iter().map(shown).collect::<String>())?;
    }
    Ok(0)
}

fn shown(finding: &Finding) -> String {
    let mark = match finding.health {
        Health::Good => style("good   ").green(),
        Health::Costly => style("costly ").yellow(),
        Health::Unknown => style("unknown").dim(),
    };
    let more = [("costs", &finding.cost), ("mend", &finding.mend)];
    let more = more.into_iter().filter(|(_, text)| !text.is_empty());
    let more: String = more.map(|(label, text)| format!("         {label}: {text}\n")).collect();
    format!("{mark}  {}: {}\n{more}", style(&finding.subject).bold(), finding.found)
}
