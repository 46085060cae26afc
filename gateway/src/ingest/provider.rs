//! One type for all providers, dispatched by `match`: the worker's loop is compiled for each visitor once, without
//! virtual calls a packet.

use std::sync::Arc;

use super::af_xdp::AfXdpIngest;
use super::busy_poll::BusyPollWish;
use super::pcap::PcapIngest;
use super::socket::SocketIngest;
use super::{Datagram, Ingest, IngestCounters, IngestError, Tier};
use crate::clock::CardClock;

/// Any provider.
#[derive(Debug)]
#[non_exhaustive]
pub enum Provider {
    /// An AF_XDP socket on one receive queue.
    AfXdp(AfXdpIngest),
    /// Ordinary UDP sockets.
    Socket(SocketIngest),
    /// A capture file.
    Pcap(PcapIngest),
    /// Nothing: the interface is gone or down, or has fewer receive queues than it had.
    Unplugged(Unplugged),
}

/// A provider that never has packets: what holds the place of an interface that is not there.
#[derive(Debug, Default)]
pub struct Unplugged(IngestCounters);

impl Ingest for Unplugged {
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, _: &mut V) -> Result<usize, IngestError> {
        Ok(0)
    }

    fn counters(&self) -> &IngestCounters {
        &self.0
    }

    fn tier(&self) -> Tier {
        Tier::Socket
    }

    fn finished(&self) -> bool {
        false
    }
}

macro_rules! each {
    ($self:expr, $provider:ident => $call:expr) => {
        match $self {
            Provider::AfXdp($provider) => $call,
            Provider::Socket($provider) => $call,
            Provider::Pcap($provider) => $call,
            Provider::Unplugged($provider) => $call,
        }
    };
}

impl Provider {
    /// One that never has packets.
    #[must_use]
    pub fn unplugged() -> Self {
        Self::Unplugged(Unplugged::default())
    }

    /// Whether packets may come from it.
    #[must_use]
    pub const fn is_plugged(&self) -> bool {
        !matches!(self, Self::Unplugged(_))
    }

    /// Reads what the kernel dropped on the way to this provider, from another thread. Nothing for a capture file.
    #[must_use]
    pub fn drop_reader(&self) -> Option<super::KernelDropReader> {
        match self {
            Provider::AfXdp(provider) => Some(provider.drop_reader()),
            Provider::Socket(provider) => Some(provider.drop_reader()),
            Provider::Pcap(_) | Provider::Unplugged(_) => None,
        }
    }

    /// The receive queue, where the provider has one.
    #[must_use]
    pub fn queue(&self) -> Option<u32> {
        match self {
            Provider::AfXdp(provider) => Some(provider.queue()),
            Provider::Socket(_) | Provider::Pcap(_) | Provider::Unplugged(_) => None,
        }
    }

    /// What became of the wish for busy polling; only AF_XDP's can be granted.
    #[must_use]
    pub fn busy_poll_wish(&self) -> BusyPollWish {
        match self {
            Provider::AfXdp(provider) => provider.busy_poll_wish().clone(),
            Provider::Socket(_) | Provider::Pcap(_) | Provider::Unplugged(_) => BusyPollWish::Off,
        }
    }

    /// Has the card's stamps converted by this clock; without one they are left out.
    pub(super) fn set_card(&mut self, card: Option<Arc<CardClock>>) {
        match self {
            Provider::AfXdp(provider) => provider.set_card(card),
            Provider::Socket(provider) => provider.set_card(card),
            Provider::Pcap(_) | Provider::Unplugged(_) => {}
        }
    }

    /// Whether its packet memory lies on huge pages; only AF_XDP's does.
    #[must_use]
    pub fn huge_pages(&self) -> bool {
        matches!(self, Provider::AfXdp(provider) if provider.huge_pages())
    }
}

impl Ingest for Provider {
    #[inline]
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V) -> Result<usize, IngestError> {
        each!(self, provider => provider.poll(visit))
    }

    #[inline]
    fn counters(&self) -> &IngestCounters {
        each!(self, provider => provider.counters())
    }

    fn tier(&self) -> Tier {
        each!(self, provider => provider.tier())
    }

    #[inline]
    fn finished(&self) -> bool {
        each!(self, provider => provider.finished())
    }
}
