//! One summary as files and as text: functions over a [`Summary`](crate::analysis::Summary), and nothing else.

pub mod csv;
pub mod terminal;
pub mod text;
