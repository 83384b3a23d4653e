//! What the fuzz targets share: numbers drawn from the input's bytes, made-up journals, and first inputs from the real
//! encoders.

pub mod bytes;
pub mod frames;
pub mod runs;
pub mod seeds;

pub use bytes::Bytes;
