//! One summary as files, as a page and as text: functions over a [`Summary`](crate::analysis::Summary), and nothing else.

pub mod adversary;
pub mod csv;
pub mod html;
pub mod json;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
