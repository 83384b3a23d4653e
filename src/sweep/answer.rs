//! x
use super::Sweep;
/// x
pub fn sentences(_: &Sweep) -> String {
    String::new()
}
/// x
pub fn report(_: &Sweep) -> String {
    String::new()
}
