//! One type for all providers, dispatched by `match`: the worker's loop is compiled for each visitor once, without
//! virtual calls a packet.

use super::socket::SocketIngest;
use super::{Datagram, Ingest, IngestCounters, IngestError, Tier};

/// Any provider.
#[derive(Debug)]
#[non_exhaustive]
pub enum Provider {
    /// Ordinary UDP sockets.
    Socket(SocketIngest),
}

macro_rules! each {
    ($self:expr, $provider:ident => $call:expr) => {
        match $self {
            Provider::Socket($provider) => $call,
        }
    };
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
