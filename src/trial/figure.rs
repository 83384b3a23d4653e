//! Spans as the rows of workloads show them: in milliseconds.

use crate::time::Nanos;

/// A span in milliseconds.
pub fn ms(span: Nanos) -> f64 {
    span.as_seconds() * 1e3
}

/// Mean in milliseconds; not a number if there is nothing to take it of.
pub fn mean_ms(spans: &[Nanos]) -> f64 {
    spans.iter().copied().map(ms).sum::<f64>() / spans.len() as f64
}
