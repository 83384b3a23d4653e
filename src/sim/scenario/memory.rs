//! What a journaled run needs of memory, so that one that would not fit is refused before it is begun.

use super::{Refused, Scenario, refuse};
use crate::ids::Algorithms;

/// Bytes that a message needs at the peak, while its journals are analysed: what its sender, its receiver and its clocks
/// wrote down of it.
const MESSAGE: u128 = 1_200;
/// Bytes more for each clock beside the usual ones: its claim, and its changes.
const CLOCK: u128 = 180;
/// Bytes that an arc needs at each node: every journal's header has all arcs.
const ARC_AT_A_NODE: u128 = 128;
/// No run needs more: what machines of today have to spare.
const MOST: u128 = 8 << 30;

impl Scenario {
    /// Whether the journals of a run fit memory. The estimate is messages (two for each request on each arc) and headers; it
    /// is within a quarter of the resident set that runs of 40,000 to 2.6 million messages had at their peak.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub(super) fn check_memory(&self) -> Result<(), Refused> {
        let (messages, headers) = self.needs();
        if messages + headers <= MOST {
            return Ok(());
        }
        let tell = |bytes: u128| format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64);
        let why = format!("its journals need about {} of memory, more than {}", tell(messages + headers), tell(MOST));
        if headers > MOST {
            let mend = format!("{why}: choose fewer nodes, or run it with sim --streamed");
            return Err(refuse("topology: nodes", self.topology.nodes(), &mend));
        }
        let mend = format!("{why}: choose a shorter one, a longer tau or fewer nodes, or run it with sim --streamed");
        Err(refuse("duration", self.duration, &mend))
    }

    /// Bytes for messages and for headers.
    fn needs(&self) -> (u128, u128) {
        let arcs = 2 * u128::from(self.topology.most_links());
        let requests = if self.probe_pairs.is_some() { 2 } else { 1 };
        let periods = u128::from((self.duration.0 / self.tau.0.max(1)).unsigned_abs());
        let more = self.clocks.count().saturating_sub(Algorithms::USUAL.count()) as u128;
        let messages = arcs * periods * requests * 2;
        (messages * (MESSAGE + more * CLOCK), arcs * u128::from(self.topology.nodes()) * ARC_AT_A_NODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Scale;

    fn text(shape: &str, duration: &str, tau: &str, clocks: &str) -> String {
        format!("duration = \"{duration}\"\ntau = \"{tau}\"\nclocks = [\"{clocks}\"]\ntopology = {{ {shape} }}\n")
    }

    #[test]
    fn the_estimate_is_near_what_was_measured() {
        // Peak resident sets in kB of `skewbench sim` on Linux, x86-64, of which 14,000 are the program's.
        for (shape, duration, tau, clocks, measured) in [
            ("shape = \"full\", nodes = 32", "2s", "100ms", "lamport\", \"ntp\", \"hlc", 68_840),
            ("shape = \"full\", nodes = 64", "2s", "100ms", "lamport\", \"ntp\", \"hlc", 239_208),
            ("shape = \"full\", nodes = 128", "2s", "100ms", "lamport\", \"ntp\", \"hlc", 1_006_548),
            ("shape = \"full\", nodes = 256", "2s", "100ms", "lamport\", \"ntp\", \"hlc", 5_196_976),
            ("shape = \"full\", nodes = 4", "10s", "1ms", "lamport\", \"ntp\", \"hlc", 285_116),
            ("shape = \"full\", nodes = 4", "10s", "1ms", "all", 717_748),
            ("shape = \"full\", nodes = 32", "20s", "100ms", "lamport\", \"ntp\", \"hlc", 417_136),
            ("shape = \"line\", nodes = 1000", "2s", "100ms", "lamport\", \"ntp\", \"hlc", 375_332),
            ("shape = \"line\", nodes = 1000", "20s", "100ms", "lamport\", \"ntp\", \"hlc", 1_277_156),
        ] {
            let (messages, headers) = Scenario::parse(&text(shape, duration, tau, clocks)).unwrap().needs();
            let share = (messages + headers) as f64 / (f64::from(measured - 14_000) * 1_024.0);
            assert!((0.8..1.25).contains(&share), "{shape}, {duration}, {clocks}: {share:.3} of what was measured");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_where_it_is_journaled() {
        for (shape, duration, tau, words) in [
            ("shape = \"full\", nodes = 1024", "2s", "100ms", "topology: nodes = 1024: its journals need about 1"),
            ("shape = \"full\", nodes = 4", "1000s", "100us", "duration = 1000s: its journals need about 2"),
            ("shape = \"full\", nodes = 300", "10s", "100ms", "duration = 10s: its journals need about 2"),
        ] {
            let text = text(shape, duration, tau, "lamport");
            let why = Scenario::parse(&text).unwrap_err().to_string();
            assert!(why.starts_with(words), "{why}");
            assert!(
                why.contains("more than 8.0 GiB") && why.contains("fewer nodes") && why.contains("--streamed"),
                "{why}"
            );
            assert!(Scenario::parse_for(&text, Scale::Streamed).is_ok(), "nothing is kept of {text}");
        }
        assert!(Scenario::parse(&text("shape = \"full\", nodes = 256", "2s", "100ms", "lamport")).is_ok());
    }
}
