//! What is told of asymmetry, in words.

use crate::analysis::loops::{Loop, Loops};
use crate::report::text::plural;
use crate::time::Nanos;

/// What loops of links reveal of the asymmetry of delays, and what nothing reveals; spans are written by `span`.
pub fn sentence(loops: &Loops, span: fn(Nanos) -> String) -> String {
    let ns = |value: f64| span(Nanos(value.round() as i64));
    if loops.independent == 0 {
        return "a fixed asymmetry of a link cannot be seen from its two ends, and no loop of links would show it: clocks that \
                follow each other's stamps may be off by half of it"
            .to_owned();
    }
    let unseen = "one that adds up to nothing round every loop cannot be seen";
    let Some(worst) = worst(loops) else {
        return format!(
            "too few exchanges to see what {} of links would reveal; from the two ends of a link its fixed asymmetry cannot be \
             seen",
            plural(count(loops.independent), "loop")
        );
    };
    let checked = if loops.rows.len() < loops.independent {
        format!("{} of {} loops", loops.rows.len(), loops.independent)
    } else {
        plural(count(loops.independent), "loop")
    };
    if !worst.is_asymmetric() {
        let open = loops.rows.iter().map(|row| row.high_ns.max(-row.low_ns)).fold(0.0, f64::max);
        return format!("none is seen round {checked} of links, where {} would be at most; {unseen}", ns(open));
    }
    let flagged = loops.rows.iter().filter(|row| row.is_asymmetric()).count();
    let nodes = if worst.asymmetry_ns < 0.0 { worst.reversed_name() } else { worst.name() };
    let [low, high] =
        if worst.asymmetry_ns < 0.0 { [-worst.high_ns, -worst.low_ns] } else { [worst.low_ns, worst.high_ns] };
    format!(
        "round {nodes} the least delays add up to {} more than the other way ({} to {}), so that some link of it is \
         asymmetric; which one is not told. {flagged} of {checked} show one; {unseen}",
        ns(worst.asymmetry_ns.abs()),
        ns(low),
        ns(high)
    )
}

fn count(loops: usize) -> u32 {
    u32::try_from(loops).unwrap_or(u32::MAX)
}

/// The loop whose asymmetry is certain to be largest; without any, one of the others.
fn worst(loops: &Loops) -> Option<&Loop> {
    let certain = |row: &Loop| if row.low_ns > 0.0 { row.low_ns } else { (-row.high_ns).max(0.0) };
    loops.rows.iter().reduce(|worst, row| if certain(row) > certain(worst) { row } else { worst })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::report::text::short;

    fn row(low_ns: f64, high_ns: f64) -> Loop {
        let nodes = vec![NodeId(1), NodeId(0), NodeId(2)];
        Loop { nodes, windows: 8, asymmetry_ns: low_ns.midpoint(high_ns), low_ns, high_ns, correction_ns: 0.0 }
    }

    fn told(independent: usize, rows: Vec<Loop>) -> String {
        sentence(&Loops { rows, independent }, short)
    }

    #[test]
    fn what_cannot_be_seen_is_said_and_what_is_seen_has_its_sense() {
        assert!(told(0, vec![]).contains("cannot be seen from its two ends"));
        assert!(told(2, vec![]).starts_with("too few exchanges"));
        let none = told(2, vec![row(-700.0, 300.0), row(-20.0, 900.0)]);
        assert!(none.starts_with("none is seen round 2 loops of links, where 900ns would be at most"), "{none}");
        let one = told(9, vec![row(-700.0, 300.0), row(-4_100_000.0, -3_900_000.0)]);
        assert!(one.starts_with("round 1->2->0->1 the least delays add up to 4.00ms more"), "{one}");
        assert!(one.contains("(3.90ms to 4.10ms)") && one.contains("1 of 2 of 9 loops"), "{one}");
    }
}
