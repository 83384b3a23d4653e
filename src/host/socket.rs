//! The probe socket: unconnected UDP with kernel transmit and receive stamps (SO_TIMESTAMPING).
//!
//! Everything here was learnt the hard way and is measured in the design notes of the project: one thread alone uses the
//! socket, since a sleeper in `recv` would be woken between the stamps; it is never connected, since an absent peer
//! would then fail every second send; a failed send consumes no stamp id; the error queue is always drained, since
//! otherwise `poll` returns at once for ever; and the first packets after enabling receive stamps have none, since the
//! kernel switches them on in the background, within milliseconds as a rule.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, recvmsg, sendmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::host::pairing::{Pairing, WallStamp};
use crate::ids::NodeId;
use crate::time::{Nanos, Time};

/// SOF_TIMESTAMPING_OPT_CMSG, which `nix` does not name: control messages come with the stamps of the error queue.
const OPT_CMSG: TimestampingFlag = TimestampingFlag::from_bits_retain(1 << 10);
/// Room for the largest datagram that can be a probe, and one byte more to see that a longer one is none.
const DATAGRAM_BYTES: usize = 2048;
/// Receive buffer asked for, so that a burst outlives a stall of the probe thread.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
/// Most sends whose transmit stamp may still be on its way.
const MAX_DEPARTING: usize = 4096;

/// A datagram that was received.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The kernel's stamp, on the wall clock.
    pub stamp: Option<WallStamp>,
}

/// A message that left, with the kernel's transmit stamp.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// The receiver.
    pub to: NodeId,
    /// The message's number on its arc.
    pub sequence: u64,
    /// The kernel's stamp, on the wall clock.
    pub stamp: WallStamp,
    /// The clock pairing taken before the send.
    pub before: Pairing,
}

/// A send whose transmit stamp is still on its way.
#[derive(Clone, Copy, Debug)]
struct Departing {
    id: u32,
    to: NodeId,
    sequence: u64,
    before: Pairing,
}

/// The probe socket.
pub struct ProbeSocket {
    socket: Socket,
    kernel_stamps: bool,
    next_id: u32,
    departing: VecDeque<Departing>,
    control: Vec<u8>,
    buffer: Box<[u8; DATAGRAM_BYTES]>,
}

impl ProbeSocket {
    /// Binds to `address` (port 0: any) and asks for kernel stamps; without them the socket still works.
    ///
    /// # Errors
    /// The operating system's, when it gives no such socket or the address is taken.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // A smaller buffer than asked for is no failure: losses are counted wherever they happen.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        socket.bind(&address.into())?;
        let wanted = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY
            | OPT_CMSG;
        let kernel_stamps = setsockopt(&socket, sockopt::Timestamping, &wanted).is_ok();
        let control = nix::cmsg_space!([TimeSpec; 3], [u8; 64]);
        let buffer = Box::new([0; DATAGRAM_BYTES]);
        Ok(Self { socket, kernel_stamps, next_id: 0, departing: VecDeque::new(), control, buffer })
    }

    /// The address the socket is bound to.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the probe socket has no IP address"))
    }

    /// Whether the kernel agreed to stamp packets.
    pub const fn kernel_stamps(&self) -> bool {
        self.kernel_stamps
    }

    /// For waiting with `ppoll`.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Sends a message. `before` is a clock pairing taken shortly before.
    ///
    /// # Errors
    /// The operating system's; the message then counts as lost on the way.
    pub fn send(
        &mut self,
        bytes: &[u8],
        address: SocketAddr,
        to: NodeId,
        sequence: u64,
        before: Pairing,
    ) -> io::Result<()> {
        let address = SockaddrStorage::from(address);
        sendmsg(self.socket.as_raw_fd(), &[IoSlice::new(bytes)], &[], MsgFlags::MSG_DONTWAIT, Some(&address))?;
        if self.kernel_stamps {
            if self.departing.len() == MAX_DEPARTING {
                self.departing.pop_front();
            }
            self.departing.push_back(Departing { id: self.next_id, to, sequence, before });
            self.next_id = self.next_id.wrapping_add(1);
        }
        Ok(())
    }

    /// The next datagram that is waiting, if one is. Errors that an absent peer left behind are passed over.
    pub fn receive(&mut self) -> Option<Datagram<'_>> {
        let (length, stamp) = loop {
            let mut parts = [IoSliceMut::new(&mut self.buffer[..])];
            match recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(message) => {
                    break (message.bytes, message.cmsgs().ok().and_then(|mut all| all.find_map(|c| stamp_of(&c))));
                }
                Err(Errno::EAGAIN) => return None,
                Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {}
                Err(_) => return None,
            }
        };
        Some(Datagram { bytes: &self.buffer[..length.min(DATAGRAM_BYTES)], stamp })
    }

    /// The next transmit stamp that is waiting, if one is.
    pub fn departure(&mut self) -> Option<Departure> {
        loop {
            let (stamp, id) = self.read_error_queue()?;
            let Some((stamp, id)) = stamp.zip(id) else { continue };
            let Some(index) = self.departing.iter().position(|sent| sent.id == id) else { continue };
            // Stamps come in order: those of earlier sends that have not come by now never will.
            let Departing { to, sequence, before, .. } = self.departing[index];
            self.departing.drain(..=index);
            return Some(Departure { to, sequence, stamp, before });
        }
    }

    /// Reads one message of the error queue: its stamp and the id of the send, as far as it has them.
    fn read_error_queue(&mut self) -> Option<(Option<WallStamp>, Option<u32>)> {
        let mut parts = [IoSliceMut::new(&mut self.buffer[..])];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut self.control), flags).ok()?;
        let (mut stamp, mut id) = (None, None);
        for control in message.cmsgs().ok()? {
            stamp = stamp.or_else(|| stamp_of(&control));
            if let ControlMessageOwned::Ipv4RecvErr(error, _) = control {
                id = Some(error.ee_data);
            } else if let ControlMessageOwned::Ipv6RecvErr(error, _) = control {
                id = Some(error.ee_data);
            }
        }
        Some((stamp, id))
    }
}

/// The software stamp in a control message. The kernel writes zeros where it took none (as for the first packet after
/// stamps were enabled): that is no stamp.
fn stamp_of(control: &ControlMessageOwned) -> Option<WallStamp> {
    let ControlMessageOwned::ScmTimestampsns(stamps) = control else { return None };
    let ns = Nanos::from_seconds(stamps.system.tv_sec()) + Nanos(stamps.system.tv_nsec());
    (ns != Nanos::ZERO).then_some(WallStamp(Time::ZERO + ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::clock::raw_now;
    use crate::host::pairing::pair;
    use std::net::Ipv4Addr;

    fn socket() -> ProbeSocket {
        ProbeSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a socket on loopback")
    }

    /// Waits for what must come within a second.
    fn soon<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let deadline = raw_now() + Nanos::from_seconds(1);
        std::iter::from_fn(|| (raw_now() < deadline).then(&mut look)).flatten().next()
    }

    #[test]
    fn packets_are_stamped_at_both_ends_in_the_order_of_events() {
        let (mut from, mut to) = (socket(), socket());
        assert!(from.kernel_stamps(), "loopback has software stamps");
        let address = to.local_address().unwrap();
        // The kernel switches receive stamps on in the background: wait for the first.
        let mut sequence = 0;
        let first = soon(|| {
            sequence += 1;
            from.send(&[7; 100], address, NodeId(9), sequence, Pairing::now()).expect("loopback takes it");
            soon(|| from.departure()).expect("a transmit stamp");
            soon(|| to.receive().map(|datagram| datagram.stamp)).expect("the datagram")
        });
        assert!(first.is_some(), "receive stamps come within a second");
        for sequence in sequence + 1..=sequence + 20 {
            let before = Pairing::now();
            from.send(&[7; 100], address, NodeId(9), sequence, before).expect("loopback takes it");
            let departure = soon(|| from.departure()).expect("a transmit stamp");
            assert_eq!((departure.to, departure.sequence), (NodeId(9), sequence));
            let datagram = soon(|| to.receive().map(|datagram| (datagram.bytes.len(), datagram.stamp)));
            let (length, stamp) = datagram.expect("the datagram");
            assert_eq!(length, 100);
            let after = Pairing::now();
            let left = pair(departure.stamp, &departure.before, &after).expect("nobody steps the wall clock");
            let slack = left.error + left.error;
            assert!(left.at >= before.raw() - slack && left.at <= after.raw() + slack);
            let arrived = pair(stamp.expect("a receive stamp"), &before, &after).expect("nobody steps the wall clock");
            assert!(arrived.at + slack >= left.at && arrived.at <= after.raw() + slack);
        }
    }

    #[test]
    fn an_absent_peer_does_not_disturb_later_sends() {
        let (mut from, mut to) = (socket(), socket());
        let absent = socket().local_address().unwrap();
        for sequence in 1..=10 {
            from.send(&[1], absent, NodeId(1), 2 * sequence, Pairing::now())
                .expect("an unconnected socket hears of no refusal");
            from.send(&[2], to.local_address().unwrap(), NodeId(2), 2 * sequence + 1, Pairing::now()).expect("sent");
            assert!(soon(|| to.receive().map(|_| ())).is_some());
        }
        let mut numbers: Vec<u64> =
            std::iter::from_fn(|| soon(|| from.departure())).take(20).map(|d| d.sequence).collect();
        numbers.dedup();
        assert_eq!(numbers, (2..=21).collect::<Vec<_>>(), "every send has its own stamp");
    }
}
