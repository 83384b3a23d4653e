//! One summary as files, as a page, as text and as a live picture: functions over a
//! [`Summary`](crate::analysis::Summary), and nothing else.

pub mod adversary;
pub mod cost;
pub mod csv;
pub mod html;
pub mod json;
pub mod live;
pub mod loops;
pub mod played;
pub mod ruling;
pub mod stability;
pub mod target;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod workload;
