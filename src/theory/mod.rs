//! What theory promises: bounds on epsilon, the limits that follow from them, and the executions that come closest. Pure
//! arithmetic over declared numbers.

pub mod adversary;
pub mod bounds;
pub mod cycles;
pub mod execution;
pub mod limits;

pub use adversary::{Adversary, Attack};
pub use bounds::{Bounds, Premises, TauCeiling, Term};
pub use execution::Execution;
