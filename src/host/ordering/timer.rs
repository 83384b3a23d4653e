//! A timer with microseconds, where tokio's has milliseconds: a timerfd, which tokio reads like a pipe.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;

use crate::time::{Raw, Time};

/// Wakes its task at one instant, the last one asked for.
pub(super) struct Timer {
    timer: TimerFd,
    expirations: pipe::Receiver,
    armed: Option<Time<Raw>>,
}

impl Timer {
    /// A timer that is not armed.
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let expirations = pipe::Receiver::from_owned_fd_unchecked(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self { timer, expirations, armed: None })
    }

    /// Ready at `deadline`; `now` is the present instant. A failure to arm it counts as ready, so that nobody waits
    /// for ever.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, now: Time<Raw>, deadline: Time<Raw>) -> Poll<()> {
        if deadline <= now || (self.armed != Some(deadline) && self.arm(now, deadline).is_err()) {
            return Poll::Ready(());
        }
        // The count has eight bytes: reading fewer than asked for tells tokio that there is nothing more.
        let mut count = [0; 16];
        let expired = Pin::new(&mut self.expirations).poll_read(cx, &mut ReadBuf::new(&mut count));
        if expired.is_ready() {
            self.armed = None;
        }
        expired.map(|_| ())
    }

    fn arm(&mut self, now: Time<Raw>, deadline: Time<Raw>) -> nix::Result<()> {
        let wait = Duration::from_nanos((deadline - now).0.max(1) as u64);
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        self.armed = Some(deadline);
        Ok(())
    }
}
