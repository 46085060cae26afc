//! What service and helper say to each other, over a socket pair of theirs that keeps messages apart.
//!
//! The service is not trusted. A request is a header of 68 bytes and, to open an interface, a record of 12 bytes for each
//! stream and source; every byte has one meaning, and whatever is not as the service writes it is refused. There is nothing
//! in it but a kind, a name, a tier and groups: how an interface is opened stands in the configuration, which the helper reads
//! itself.
//!
//! The helper is trusted; its answers are JSON, with descriptors beside them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

use crate::ingest::{AboutQueue, ErrorKind, Obstacle, Stream, Tier};

/// Bytes of a name: of an interface, a user or a group.
const NAME_BYTES: usize = 64;
const HEADER_BYTES: usize = 4 + NAME_BYTES;
const RECORD_BYTES: usize = 12;
/// Records of a request: more streams and sources than any interface has.
const RECORDS_MAX: usize = 4096;
/// No request is longer.
pub(super) const REQUEST_BYTES_MAX: usize = HEADER_BYTES + RECORDS_MAX * RECORD_BYTES;
/// No answer is longer: reasons of a refusal, and some words on each receive queue.
const ANSWER_BYTES_MAX: usize = 128 * 1024;
/// The kernel passes no more descriptors at once (`SCM_MAX_FD`).
pub(super) const DESCRIPTORS_MAX: usize = 253;

/// What the service asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Open this interface at this tier for these streams.
    Open {
        interface: String,
        tier: Tier,
        streams: Vec<Stream>,
    },
    /// Take off this interface what was attached for tiers that did not work, pinned or not.
    Detach { interface: String },
    /// Forget what was attached for tiers that did not work; what is pinned stays.
    Forget { interface: String },
    /// The number of the user of this name.
    User { name: String },
    /// The number of the group of this name.
    Group { name: String },
    /// Have this interface's card stamp every packet.
    Stamp { interface: String },
    /// Have it stamp what it stamped before.
    Unstamp { interface: String },
}

/// How a stream's records begin and go on.
const NO_SOURCE: u16 = 0;
const FIRST_SOURCE: u16 = 1;
const FURTHER_SOURCE: u16 = 2;

impl Request {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Open { interface, .. }
            | Self::Detach { interface }
            | Self::Forget { interface }
            | Self::Stamp { interface }
            | Self::Unstamp { interface } => interface,
            Self::User { name } | Self::Group { name } => name,
        }
    }

    /// As it is sent.
    ///
    /// # Errors
    /// `InvalidInput`: a name or a list that is too long, or a tier that the helper does not open.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        let (operation, tier): (u8, u8) = match self {
            Self::Open { tier, .. } => {
                let number = tier_number(*tier);
                let other = || invalid(format!("the helper does not open the tier {tier}"));
                (1, number.ok_or_else(other)?)
            }
            Self::Detach { .. } => (2, 0),
            Self::Forget { .. } => (3, 0),
            Self::User { .. } => (4, 0),
            Self::Group { .. } => (5, 0),
            Self::Stamp { .. } => (6, 0),
            Self::Unstamp { .. } => (7, 0),
        };
        let name = self.name().as_bytes();
        if name.is_empty() || name.len() > NAME_BYTES {
            return Err(invalid(format!(
                "`{}` has {} bytes: the helper takes names of 1 to {NAME_BYTES}",
                self.name(),
                name.len()
            )));
        }
        let mut records = Vec::new();
        if let Self::Open { streams, .. } = self {
            for stream in streams {
                let mut record = |kind: u16, source: Ipv4Addr| {
                    records.extend(stream.group.octets());
                    records.extend(stream.port.to_le_bytes());
                    records.extend(kind.to_le_bytes());
                    records.extend(source.octets());
                };
                match stream.sources.split_first() {
                    None => record(NO_SOURCE, Ipv4Addr::UNSPECIFIED),
                    Some((first, further)) => {
                        record(FIRST_SOURCE, *first);
                        further
                            .iter()
                            .for_each(|source| record(FURTHER_SOURCE, *source));
                    }
                }
            }
        }
        let count = records.len() / RECORD_BYTES;
        let too_many = || {
            invalid(format!(
                "`{}` has {count} groups, counted once for each of their sources: the helper takes {RECORDS_MAX}",
                self.name()
            ))
        };
        if count > RECORDS_MAX {
            return Err(too_many());
        }
        let mut bytes = vec![operation, tier];
        bytes.extend(u16::try_from(count).map_err(|_| too_many())?.to_le_bytes());
        bytes.extend(name);
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(records);
        Ok(bytes)
    }

    /// Reads what came from the service; `Err` says what no service writes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((header, records)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err("it is shorter than a header");
        };
        let (operation, tier) = (header[0], header[1]);
        let count = usize::from(u16::from_le_bytes([header[2], header[3]]));
        if records.len() != count * RECORD_BYTES || count > RECORDS_MAX {
            return Err("its length is not that of its records");
        }
        let name = &header[4..];
        let length = name
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(NAME_BYTES);
        let (name, padding) = name.split_at(length);
        if length == 0 || padding.iter().any(|byte| *byte != 0) {
            return Err("it has no name, or something behind it");
        }
        let Ok(name) = std::str::from_utf8(name) else {
            return Err("its name is no text");
        };
        let name = name.to_owned();
        if operation != 1 && (tier != 0 || count != 0) {
            return Err("it has a tier or records, which its kind has not");
        }
        match operation {
            1 => Ok(Self::Open {
                interface: name,
                tier: number_tier(tier).ok_or("its tier is none of AF_XDP")?,
                streams: streams(records)?,
            }),
            2 => Ok(Self::Detach { interface: name }),
            3 => Ok(Self::Forget { interface: name }),
            4 => Ok(Self::User { name }),
            5 => Ok(Self::Group { name }),
            6 => Ok(Self::Stamp { interface: name }),
            7 => Ok(Self::Unstamp { interface: name }),
            _ => Err("its kind is unknown"),
        }
    }
}

fn streams(records: &[u8]) -> Result<Vec<Stream>, &'static str> {
    let mut streams: Vec<Stream> = Vec::new();
    // Whether the last stream may have a further source.
    let mut has_sources = false;
    let (records, _) = records.as_chunks::<RECORD_BYTES>();
    for &[
        a,
        b,
        c,
        d,
        port_low,
        port_high,
        kind_low,
        kind_high,
        w,
        x,
        y,
        z,
    ] in records
    {
        let (group, source) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(w, x, y, z));
        let port = u16::from_le_bytes([port_low, port_high]);
        match u16::from_le_bytes([kind_low, kind_high]) {
            NO_SOURCE if source.is_unspecified() => {
                has_sources = false;
                streams.push(Stream {
                    group,
                    port,
                    sources: Vec::new(),
                });
            }
            FIRST_SOURCE => {
                has_sources = true;
                streams.push(Stream {
                    group,
                    port,
                    sources: vec![source],
                });
            }
            FURTHER_SOURCE => match streams.last_mut() {
                Some(last) if has_sources && (last.group, last.port) == (group, port) => {
                    last.sources.push(source);
                }
                _ => return Err("a further source follows no stream of its own"),
            },
            _ => return Err("a record is of no known kind"),
        }
    }
    Ok(streams)
}

/// Only the tiers that the helper opens have numbers.
const TIERS: [Tier; 3] = [Tier::ZeroCopy, Tier::Copy, Tier::Skb];

fn tier_number(tier: Tier) -> Option<u8> {
    (1..)
        .zip(TIERS)
        .find(|(_, other)| *other == tier)
        .map(|(number, _)| number)
}

fn number_tier(number: u8) -> Option<Tier> {
    (1..)
        .zip(TIERS)
        .find(|(other, _)| *other == number)
        .map(|(_, tier)| tier)
}

/// What the helper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The interface is open. Descriptors: the counters' map, the link, the lock of its place if it is pinned, and of each
    /// queue the socket and the memory.
    Opened {
        pinned: bool,
        locked: bool,
        queues: Vec<AboutQueue>,
        /// Why its program does not read the card's stamps; `None` where it does.
        no_card_stamps: Option<Obstacle>,
    },
    /// It does not open at this tier, where it may at a lower one; or its card does not stamp packets.
    Obstacle { reason: String, remedy: String },
    /// The helper may not do it.
    Privilege { action: String, cause: String },
    /// It cannot be opened.
    Failed { kind: ErrorKind, message: String },
    /// A user's or group's number, if there is one of that name.
    Account(Option<u32>),
    /// It is done.
    Done,
    /// The service must not ask for that, or the name service fails.
    Refused(String),
}

/// Sends a request.
pub(super) fn send_request(socket: impl AsFd, request: &Request) -> io::Result<()> {
    let bytes = request.encode()?;
    send(socket, &bytes, &[])
}

/// Sends an answer.
pub(super) fn send_answer(
    socket: impl AsFd,
    answer: &Answer,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    send(socket, &serde_json::to_vec(answer)?, descriptors)
}

fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    loop {
        let sent = rustix::net::sendmsg(
            &socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        );
        match sent {
            Err(Errno::INTR) => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Receives a request; `None` where the service has ended. Descriptors that come with it are closed.
pub(super) fn receive_request(
    socket: impl AsFd,
) -> io::Result<Option<Result<Request, &'static str>>> {
    let mut bytes = vec![0; REQUEST_BYTES_MAX];
    let (length, whole, _) = receive(socket, &mut bytes)?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some(if whole {
        Request::decode(&bytes[..length])
    } else {
        Err("it is longer than any request")
    }))
}

/// Receives an answer and its descriptors.
pub(super) fn receive_answer(socket: impl AsFd) -> io::Result<(Answer, Vec<OwnedFd>)> {
    let mut bytes = vec![0; ANSWER_BYTES_MAX];
    let (length, whole, descriptors) = receive(socket, &mut bytes)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if !whole {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok((serde_json::from_slice(&bytes[..length])?, descriptors))
}

fn receive(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, bool, Vec<OwnedFd>)> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let buffer = &mut [IoSliceMut::new(bytes)];
        match rustix::net::recvmsg(&socket, buffer, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let whole = !received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    Ok((received.bytes, whole, descriptors))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn some_request() -> impl Strategy<Value = Request> {
        let name = "[a-z0-9.@-]{1,64}";
        let address = any::<u32>().prop_map(Ipv4Addr::from);
        let stream = (
            address.clone(),
            any::<u16>(),
            prop::collection::vec(address, 0..4),
        );
        let streams = prop::collection::vec(
            stream.prop_map(|(group, port, sources)| Stream {
                group,
                port,
                sources,
            }),
            0..20,
        );
        prop_oneof![
            (name, prop::sample::select(&TIERS[..]), streams).prop_map(
                |(interface, tier, streams)| Request::Open {
                    interface,
                    tier,
                    streams
                }
            ),
            name.prop_map(|interface| Request::Detach { interface }),
            name.prop_map(|interface| Request::Forget { interface }),
            name.prop_map(|name| Request::User { name }),
            name.prop_map(|name| Request::Group { name }),
            name.prop_map(|interface| Request::Stamp { interface }),
            name.prop_map(|interface| Request::Unstamp { interface }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(request in some_request()) {
            prop_assert_eq!(Request::decode(&request.encode().unwrap()), Ok(request));
        }

        #[test]
        fn whatever_is_read_is_what_the_service_would_have_written(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            header in any::<[u8; 4]>(),
        ) {
            // Mostly with a header that is nearly right: everything else is refused at once.
            let mut bytes = bytes;
            if let Some(start) = bytes.first_chunk_mut::<4>() {
                *start = [header[0] % 9, header[1] % 5, header[2] % 8, 0];
            }
            if let Ok(request) = Request::decode(&bytes) {
                prop_assert_eq!(request.encode().unwrap(), bytes);
            }
        }

        #[test]
        fn a_request_with_one_bit_turned_is_refused_or_is_another_whole_one(
            request in some_request(),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut bytes = request.encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(other) = Request::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn what_no_service_writes_is_refused() {
        let good = Request::User {
            name: "alice".to_owned(),
        }
        .encode()
        .unwrap();
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Request::decode(&bytes)
        };
        assert!(with(0, 0).is_err() && with(0, 8).is_err(), "kinds");
        assert!(with(1, 1).is_err(), "a tier where there is none");
        assert!(with(2, 1).is_err(), "records that are not there");
        assert!(with(4, 0).is_err(), "no name");
        assert!(with(4, 0xff).is_err(), "no text");
        assert!(with(40, b'x').is_err(), "something behind the name");
        assert!(Request::decode(&good[..good.len() - 1]).is_err(), "short");
        assert!(Request::decode(&[]).is_err());
        let long = Request::User {
            name: "x".repeat(65),
        };
        assert!(long.encode().is_err());
    }

    #[test]
    fn descriptors_come_with_their_answer_and_those_of_a_request_are_closed() {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
        let (service, helper) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let file = tempfile::tempfile().unwrap();
        send_answer(&helper, &Answer::Done, &[file.as_fd(), file.as_fd()]).unwrap();
        let (answer, descriptors) = receive_answer(&service).unwrap();
        assert!(matches!(answer, Answer::Done) && descriptors.len() == 2);
        send(&service, b"nonsense", &[file.as_fd()]).unwrap();
        assert!(receive_request(&helper).unwrap().unwrap().is_err());
        send(&service, &vec![0; REQUEST_BYTES_MAX + 1], &[]).unwrap();
        assert!(receive_request(&helper).unwrap().unwrap().is_err());
        drop(service);
        assert!(receive_request(&helper).unwrap().is_none());
    }
}
