//! Streams: the (group, port) pairs we receive, and the table that finds them again in a packet.

use std::net::Ipv4Addr;

/// A stream's position in the list a provider was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// One multicast group (or unicast address of ours) and UDP port to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Destination address.
    pub group: Ipv4Addr,
    /// Destination UDP port.
    pub port: u16,
    /// Allowed sources; empty: any source.
    pub sources: Vec<Ipv4Addr>,
}

/// What the table says about a packet's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Ours.
    Found(StreamId),
    /// Our group and port, but a source the stream does not list.
    WrongSource,
    /// Not ours.
    Unknown,
}

/// Finds a packet's stream from its addresses: open addressing over a power of two at most half full, so that a lookup
/// is one or two cache lines and never allocates.
#[derive(Debug, Clone)]
pub struct StreamTable {
    /// `(key, stream)`; key 0 is free (no stream has group 0.0.0.0 port 0).
    slots: Box<[(u64, u32)]>,
    sources: Box<[Box<[[u8; 4]]>]>,
    shift: u32,
}

impl StreamTable {
    /// Builds the table. Of two streams with the same group and port the first is found.
    #[must_use]
    pub fn new(streams: &[Stream]) -> Self {
        let size = (streams.len() * 2).next_power_of_two().max(4);
        let mut table = Self {
            slots: vec![(0, 0); size].into_boxed_slice(),
            sources: streams
                .iter()
                .map(|stream| stream.sources.iter().map(Ipv4Addr::octets).collect())
                .collect(),
            shift: 64 - size.trailing_zeros(),
        };
        for (position, stream) in (0_u32..).zip(streams) {
            let key = key(stream.group.octets(), stream.port);
            let mut at = table.start(key);
            while table.slots[at].0 != 0 && table.slots[at].0 != key {
                at = (at + 1) & (size - 1);
            }
            if table.slots[at].0 == 0 && key != 0 {
                table.slots[at] = (key, position);
            }
        }
        table
    }

    /// The stream that a packet with these addresses belongs to.
    #[inline]
    #[must_use]
    pub fn find(&self, destination: [u8; 4], port: u16, source: [u8; 4]) -> Lookup {
        let key = key(destination, port);
        let mask = self.slots.len() - 1;
        let mut at = self.start(key);
        loop {
            let (found, stream) = self.slots[at];
            if found == 0 {
                return Lookup::Unknown;
            }
            if found == key {
                return self.check(StreamId(stream), source);
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether `stream` takes packets from `source`.
    #[inline]
    #[must_use]
    pub fn check(&self, stream: StreamId, source: [u8; 4]) -> Lookup {
        let allowed = &self.sources[stream.0 as usize];
        if allowed.is_empty() || allowed.contains(&source) {
            Lookup::Found(stream)
        } else {
            Lookup::WrongSource
        }
    }

    /// Fibonacci hashing: the top bits of a product with 2^64 / golden ratio.
    #[inline]
    fn start(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

#[inline]
fn key(group: [u8; 4], port: u16) -> u64 {
    u64::from(u32::from_be_bytes(group)) << 16 | u64::from(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(group: [u8; 4], port: u16, sources: &[[u8; 4]]) -> Stream {
        Stream {
            group: group.into(),
            port,
            sources: sources.iter().map(|&s| s.into()).collect(),
        }
    }

    #[test]
    fn every_stream_is_found_and_nothing_else() {
        let streams: Vec<_> = (0..500_u16)
            .map(|n| stream([239, 1, (n >> 8) as u8, n as u8], 5000 + n % 7, &[]))
            .collect();
        let table = StreamTable::new(&streams);
        for (n, s) in (0_u32..).zip(&streams) {
            assert_eq!(
                table.find(s.group.octets(), s.port, [10, 0, 0, 1]),
                Lookup::Found(StreamId(n))
            );
            assert_eq!(
                table.find(s.group.octets(), s.port + 7, [10, 0, 0, 1]),
                Lookup::Unknown
            );
        }
        assert_eq!(table.find([0; 4], 0, [0; 4]), Lookup::Unknown);
    }

    #[test]
    fn a_source_list_lets_only_its_sources_through() {
        let table = StreamTable::new(&[stream([239, 0, 0, 1], 1, &[[10, 0, 0, 1], [10, 0, 0, 2]])]);
        assert_eq!(
            table.find([239, 0, 0, 1], 1, [10, 0, 0, 2]),
            Lookup::Found(StreamId(0))
        );
        assert_eq!(
            table.find([239, 0, 0, 1], 1, [10, 0, 0, 3]),
            Lookup::WrongSource
        );
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        assert_eq!(
            StreamTable::new(&[]).find([239, 0, 0, 1], 1, [1, 2, 3, 4]),
            Lookup::Unknown
        );
    }
}
