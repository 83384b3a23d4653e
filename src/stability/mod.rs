//! How stable a clock is over spans of different length: deviations of phase or frequency data. Pure.
//!
//! Formulas are those of W. Riley's *Handbook of Frequency Stability Analysis* (NIST Special Publication 1065, 2008) and of
//! ITU-T G.810 (MTIE, TIE rms, TDEV). With x_k the time error in seconds at k·τ₀ and τ = m·τ₀, a deviation at τ is made of
//! second or third differences of x at distance m, so that a constant offset and a constant frequency (and, for the Hadamard
//! ones, a constant drift) do not count.
//!
//! Nothing is ever interpolated: data with gaps is a number of [`Phase::segments`], and a difference that would span a gap is
//! left out, which the number of terms shows.
//!
//! Reading order: [`mod@column`] and [`phase`] (what goes in), [`deviation`] and [`excursion`] (what is computed), [`noise`] and [`confidence`]
//! (how sure that is), [`mask`] (what is asked of telecom clocks), [`curve`] (what comes out).

pub mod column;
pub mod confidence;
pub mod curve;
pub mod deviation;
pub mod excursion;
pub mod mask;
pub mod noise;
pub mod phase;
#[cfg(test)]
pub(crate) mod testing;

pub use column::Column;
pub use curve::{Curves, Row, Statistic};
pub use phase::Phase;
