//! What theory promises: bounds on epsilon and the limits that follow from them. Pure arithmetic over declared numbers.

pub mod bounds;

pub use bounds::{Bounds, Premises, TauCeiling, Term};
