//! Whole meshes of NTP-style clocks in virtual time.

mod average;
mod mesh;
mod world;
