//! The free-running clock: the host's own, never corrected. The control that shows what synchronising is worth.

use super::{Clock, Reading};
use crate::ids::Algorithm;

/// A clock that shows what the local clock shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Free;

impl Clock for Free {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Free
    }

    fn reading(&self) -> &Reading {
        &Reading::LOCAL
    }
}
