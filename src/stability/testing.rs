//! The reference data of NIST SP 1065.

use super::phase::{Kind, Phase};

/// The nine frequencies of NBS Monograph 140.
pub fn nbs14() -> Phase {
    let frequencies = [892.0, 809.0, 823.0, 798.0, 671.0, 644.0, 883.0, 903.0, 677.0];
    Phase::of(Kind::Frequency, frequencies.map(Some), 1.0)
}

/// A thousand frequencies from a linear congruential generator.
pub fn thousand() -> Phase {
    let next = |n: &u64| Some(16_807 * n % 2_147_483_647);
    let frequencies = std::iter::successors(Some(1_234_567_890), next).take(1_000);
    Phase::of(Kind::Frequency, frequencies.map(|n| Some(n as f64 / 2_147_483_647.0)), 1.0)
}
