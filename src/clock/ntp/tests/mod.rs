//! Whole meshes of NTP-style clocks in virtual time.

mod mesh;
mod world;
