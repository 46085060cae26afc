//! The AF_XDP tiers: one socket on one receive queue, its rings polled by one worker.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gateway_wire::shared::{CARD_METADATA_LEN, CardMetadata, METADATA_LEN, Metadata};

use super::busy_poll::{self, BusyPollWish};
use super::drops::get_option;
use super::frames::frame_of;
use super::handover::{AboutQueue, HandedQueue};
use super::netdev::KernelVersion;
use super::steer::Steering;
use super::xsk::{SetupError, Transfer, Xsk};
use super::{
    BATCH, Datagram, Ingest, IngestCounters, IngestError, InterfaceRequest, KernelDropReader,
    Stamps, Tier,
};
use crate::clock::CardClock;

/// Option of a descriptor: the packet goes on in the next one (linux/if_xdp.h). Never set, since we do not ask for it.
const XDP_PKT_CONTD: u32 = 1;

/// Without another reason for a kick there is one in so many empty polls (some milliseconds), because only a kick is told
/// that the device has gone.
const EMPTY_POLLS_A_LOOK: u64 = 1 << 16;

/// The frame that is expected is asked for anew in so many empty polls: the kernel shows a packet a moment before it shows
/// that it has taken the frame, and packets that it drops take frames, too.
const EMPTY_POLLS_AN_EXPECTATION: u64 = 64;

/// A provider over one AF_XDP socket.
#[derive(Debug)]
pub struct AfXdpIngest {
    interface: String,
    queue: u32,
    tier: Tier,
    xsk: Xsk,
    /// A second descriptor of the socket, for those who read its statistics; never outlives `self` by more than one
    /// such reading.
    statistics: Arc<[OwnedFd]>,
    asks: Asks,
    busy_poll_wish: BusyPollWish,
    kernel: KernelVersion,
    steering: Steering,
    counters: IngestCounters,
    /// The frame that the kernel copies the next packet into, as far as known.
    expected: Option<u64>,
    /// The clock of the card whose stamps the program reads; `None` where it reads none, or nobody knows the clock.
    card: Option<Arc<CardClock>>,
}

/// When an empty poll asks the kernel for packets, but for when the kernel wants it, and for a look at the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// Not: packets come by interrupt, because busy polling was not asked for or is in vain.
    Never,
    /// Always, as far as known: whether busy polling works shows with the first packet.
    Untold,
    /// Always: the call is what receives.
    Always,
}

impl AfXdpIngest {
    /// Makes and binds the socket; packets come once it is in the program's socket map.
    pub(super) fn open(
        request: &InterfaceRequest,
        queue: u32,
        tier: Tier,
        shared: bool,
    ) -> Result<Self, SetupError> {
        let transfer = if tier == Tier::ZeroCopy {
            Transfer::ZeroCopy
        } else {
            Transfer::Copy
        };
        let xsk = Xsk::open(
            &request.name,
            queue,
            transfer,
            request.rx_ring,
            request.huge_pages,
            shared,
        )?;
        Self::of(request, queue, tier, xsk).map_err(|cause| SetupError {
            step: super::xsk::SetupStep::Socket,
            cause,
        })
    }

    fn of(request: &InterfaceRequest, queue: u32, tier: Tier, xsk: Xsk) -> io::Result<Self> {
        let duplicate = xsk.fd().try_clone_to_owned()?;
        Ok(Self {
            interface: request.name.clone(),
            queue,
            tier,
            xsk,
            statistics: Arc::from([duplicate]),
            asks: Asks::Never,
            busy_poll_wish: BusyPollWish::Off,
            // Of one that does not tell its version, as of an old one.
            kernel: KernelVersion::running().unwrap_or(KernelVersion::new(0, 0)),
            steering: Steering::new(&request.streams, request.udp_checksum),
            counters: IngestCounters::default(),
            expected: None,
            card: None,
        })
    }

    /// Has the card's stamps converted by this clock; without one they are left out.
    pub(super) fn set_card(&mut self, card: Option<Arc<CardClock>>) {
        self.card = card;
    }

    /// Goes on with the socket of one that another process has opened for this request.
    pub(super) fn adopt(
        request: &InterfaceRequest,
        tier: Tier,
        handed: HandedQueue,
    ) -> io::Result<Self> {
        let HandedQueue {
            about,
            socket,
            memory,
        } = handed;
        let xsk = Xsk::adopt(socket, memory, request.rx_ring, about.huge_pages)?;
        let mut provider = Self::of(request, about.queue, tier, xsk)?;
        provider.busy_poll_wish = about.busy_poll;
        provider.judge_busy_poll();
        Ok(provider)
    }

    /// What another process needs to go on with it. It must not be polled here any more.
    pub(super) fn hand_over(&self) -> io::Result<HandedQueue> {
        let (socket, memory) = self.xsk.hand_over()?;
        Ok(HandedQueue {
            about: AboutQueue {
                queue: self.queue,
                huge_pages: self.huge_pages(),
                busy_poll: self.busy_poll_wish.clone(),
            },
            socket,
            memory,
        })
    }

    /// Switches preferred busy polling on.
    pub(super) fn prefer_busy_poll(&mut self) -> io::Result<()> {
        self.xsk.prefer_busy_poll()?;
        self.busy_poll_wish = BusyPollWish::Set;
        self.judge_busy_poll();
        Ok(())
    }

    /// Looks whether the kernel truly polls when it is asked to, as status, metrics and log tell it, too.
    #[cold]
    fn judge_busy_poll(&mut self) {
        if self.busy_poll_wish != BusyPollWish::Set {
            return;
        }
        let fd = self.xsk.fd().as_raw_fd();
        // A kernel that does not know the option polls nothing by an id.
        let napi_id =
            get_option(fd, libc::SOL_SOCKET, libc::SO_INCOMING_NAPI_ID).unwrap_or_default();
        self.asks = match napi_id {
            0 if busy_poll::is_in_vain(self.kernel, 0, self.counters.packets) => Asks::Never,
            0 => Asks::Untold,
            _ => Asks::Always,
        };
    }

    /// Remembers why preferred busy polling stays off although it was asked for.
    pub(super) fn refuse_busy_poll(&mut self, reason: String) {
        self.busy_poll_wish = BusyPollWish::Refused(reason);
    }

    /// What became of the wish for busy polling.
    #[must_use]
    pub fn busy_poll_wish(&self) -> &BusyPollWish {
        &self.busy_poll_wish
    }

    /// The receive queue.
    #[must_use]
    pub fn queue(&self) -> u32 {
        self.queue
    }

    /// Whether huge pages hold the packet memory.
    #[must_use]
    pub fn huge_pages(&self) -> bool {
        self.xsk.huge_pages()
    }

    /// Reads what the kernel dropped, from another thread.
    #[must_use]
    pub fn drop_reader(&self) -> KernelDropReader {
        KernelDropReader::af_xdp(&self.statistics)
    }

    /// While nothing is there: has the processor fetch what the kernel is going to write for the next packet on another
    /// core, again and again. What it has just written comes then at once, and not one line after the other when the
    /// position says that it is there.
    #[inline]
    fn prefetch_next(&mut self) {
        if self.asks != Asks::Never {
            // The kernel writes it on this core.
            return;
        }
        let (fill, rx, _, frames) = self.xsk.parts();
        rx.prefetch_next();
        if self.tier == Tier::ZeroCopy {
            // The card writes frames, and took them long before.
            return;
        }
        if self.expected.is_none()
            || self
                .counters
                .empty_polls
                .is_multiple_of(EMPTY_POLLS_AN_EXPECTATION)
        {
            self.expected = fill.next_taken();
        }
        if let Some(frame) = self.expected {
            frames.prefetch(frame);
        }
    }

    /// Asks the kernel to go on receiving, or, with busy polling, to do so in this very call.
    #[inline]
    fn kick(&mut self) -> Result<(), IngestError> {
        self.counters.kicks += 1;
        // SAFETY: no buffer is passed; the descriptor is open as long as `self` lives.
        let result = unsafe {
            libc::recvfrom(
                self.xsk.fd().as_raw_fd(),
                std::ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        if result >= 0 {
            return Ok(());
        }
        let cause = io::Error::last_os_error();
        match cause.raw_os_error() {
            Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR) => Ok(()),
            // The link is down; it may come up again.
            Some(libc::ENETDOWN) => {
                self.counters.kicks_refused += 1;
                Ok(())
            }
            // ENXIO: the socket is no longer bound, because the device is gone.
            _ => Err(IngestError::InterfaceGone {
                name: self.interface.clone(),
                cause,
            }),
        }
    }
}

impl AsFd for AfXdpIngest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.xsk.fd()
    }
}

impl Ingest for AfXdpIngest {
    #[inline]
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V) -> Result<usize, IngestError> {
        let (fill, rx, free, _) = self.xsk.parts();
        // Before looking at RX: with both rings empty neither side would move again.
        fill.refill(free);
        let mut ready = rx.ready(BATCH as u32);
        if ready == 0 {
            let wanted = fill.needs_wakeup();
            let look = self.counters.empty_polls.is_multiple_of(EMPTY_POLLS_A_LOOK);
            if look {
                self.judge_busy_poll();
            }
            if self.asks != Asks::Never || look || wanted {
                self.kick()?;
                ready = self.xsk.parts().1.ready(BATCH as u32);
            }
            if ready == 0 {
                self.counters.empty_polls += 1;
                self.prefetch_next();
                return Ok(0);
            }
        }
        let (_, rx, free, frames) = self.xsk.parts();
        let mut handed = 0;
        for _ in 0..ready {
            let Some(descriptor) = rx.take() else { break };
            // SAFETY: the descriptor was taken from the RX ring, so its frame is ours until it is offered on the FILL ring again,
            // which happens in a later call.
            let Some((before, frame)) = (unsafe { frames.packet(descriptor.addr, descriptor.len) })
            else {
                // No sane kernel sends this. The frame is not put back: it may not be one.
                self.counters.bad_descriptors += 1;
                continue;
            };
            free.push(frame_of(descriptor.addr as usize) as u64);
            let stamps = take_stamps(before, self.card.as_deref());
            if descriptor.options & XDP_PKT_CONTD != 0 {
                self.counters.oversized += 1;
                continue;
            }
            if let Some(steered) =
                self.steering
                    .steer(frame, gateway_wire::parse(frame), &mut self.counters)
            {
                handed += 1;
                visit(Datagram {
                    stream: steered.stream,
                    source: steered.source,
                    payload: steered.payload,
                    stamps,
                });
            }
        }
        rx.release();
        self.expected = None;
        if self.asks == Asks::Untold {
            self.judge_busy_poll();
        }
        Ok(handed)
    }

    #[inline]
    fn counters(&self) -> &IngestCounters {
        &self.counters
    }

    fn tier(&self) -> Tier {
        self.tier
    }

    fn finished(&self) -> bool {
        false
    }
}

/// Reads the metadata that the XDP program left directly before the packet, and takes it away: the descriptor does not
/// say whether there is any, so what stayed behind would pass for the next packet's in the same frame.
#[inline]
fn take_stamps(before: &mut [u8], card: Option<&CardClock>) -> Stamps {
    let metadata = before
        .last_chunk::<METADATA_LEN>()
        .and_then(Metadata::decode);
    let Some(metadata) = metadata else {
        return Stamps::default();
    };
    let mut nic_ns = None;
    if metadata.has_card_stamp()
        && let (Some(card), Some(bytes)) = (card, before.last_chunk::<CARD_METADATA_LEN>())
    {
        nic_ns = card.steady(CardMetadata::card_ns(bytes));
    }
    if let Some(bytes) = before.last_chunk_mut::<METADATA_LEN>() {
        *bytes = [0; METADATA_LEN];
    }
    Stamps {
        nic_ns,
        hook_ns: metadata.hook_ns(),
        ..Stamps::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_wire::shared::STAMP_DRIVER_HOOK;

    /// What lies before a packet with this metadata.
    fn before(metadata: CardMetadata) -> [u8; 256] {
        let mut before = [0xff_u8; 256];
        before[232..240].copy_from_slice(&metadata.card_ns.to_ne_bytes());
        before[240..248].copy_from_slice(&metadata.metadata.magic_flags.to_ne_bytes());
        before[248..].copy_from_slice(&metadata.metadata.hook_ns.to_ne_bytes());
        before
    }

    fn stamps(nic_ns: Option<u64>, hook_ns: Option<u64>) -> Stamps {
        Stamps {
            nic_ns,
            hook_ns,
            ..Stamps::default()
        }
    }

    #[test]
    fn stamps_are_read_once() {
        let mut before = before(CardMetadata::new(0, 42));
        assert_eq!(take_stamps(&mut before, None), stamps(None, Some(42)));
        assert_eq!(
            take_stamps(&mut before, None),
            Stamps::default(),
            "a stale stamp is not the next packet's"
        );
        assert_eq!(take_stamps(&mut [0; 3], None), Stamps::default());
    }

    #[test]
    fn the_card_s_stamp_is_told_by_the_gateway_s_time_or_not_at_all() {
        let card = CardClock::new("ptp0".to_owned());
        let stamped = CardMetadata::new(37_000_000_500, 42);
        let taken = |metadata, card: Option<&CardClock>| take_stamps(&mut before(metadata), card);
        assert_eq!(taken(stamped, None), stamps(None, Some(42)), "whose clock?");
        assert_eq!(
            taken(stamped, Some(&card)),
            stamps(None, Some(42)),
            "a clock that nobody has compared yet"
        );
        card.compare(37_000_000_000, 1_000, 80);
        assert_eq!(taken(stamped, Some(&card)), stamps(Some(1_500), Some(42)));
        assert_eq!(
            taken(CardMetadata::new(0, 42), Some(&card)),
            stamps(None, Some(42)),
            "the driver had none"
        );
        let mut read = before(stamped);
        take_stamps(&mut read, Some(&card));
        assert_eq!(take_stamps(&mut read, Some(&card)), Stamps::default());
    }

    #[test]
    fn no_bytes_before_a_packet_are_read_beyond_their_beginning() {
        let card = CardClock::new("ptp0".to_owned());
        card.compare(37_000_000_000, 1_000, 80);
        // Metadata that promises a stamp of the card, and no room for one; any stamp, and unknown flags.
        let whole = before(CardMetadata {
            card_ns: u64::MAX,
            metadata: Metadata::new(u64::MAX, u64::MAX),
        });
        for length in 0..=CARD_METADATA_LEN {
            let mut short = whole[256 - length..].to_vec();
            let hook_ns = (length >= METADATA_LEN).then_some(u64::MAX);
            let nic_ns = (length >= CARD_METADATA_LEN)
                .then(|| u64::MAX.wrapping_sub(37_000_000_000 - 1_000));
            assert_eq!(
                take_stamps(&mut short, Some(&card)),
                stamps(nic_ns, hook_ns),
                "{length}"
            );
        }
        let hook_only = CardMetadata {
            card_ns: 5,
            metadata: Metadata::new(STAMP_DRIVER_HOOK, 42),
        };
        let taken = take_stamps(&mut before(hook_only), Some(&card));
        assert_eq!(taken, stamps(None, Some(42)), "no stamp without its flag");
    }
}
