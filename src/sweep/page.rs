//! x
use super::Sweep;
/// x
pub fn page(_: &Sweep) -> Vec<u8> {
    Vec::new()
}
