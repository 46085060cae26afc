//! Logical packets: what the bytes between two lengths mean, and the other way round.

use core::fmt;

use super::PAYLOAD_BYTES_MAX;
use super::fields::{Credentials, NUMBER_BYTES, SessionName, read_number, write_number};

/// A packet, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Text for people (§2.1).
    Debug(&'a [u8]),
    /// The client is in (§2.2.1).
    LoginAccepted(LoginAccepted),
    /// The client is not in; the server hangs up (§2.2.2).
    LoginRejected(RejectReason),
    /// A message with a number (§2.2.3).
    Sequenced(&'a [u8]),
    /// The server has nothing to say (§2.2.4).
    ServerHeartbeat,
    /// The session is over (§2.2.5).
    EndOfSession,
    /// A client wants in (§2.3.1).
    LoginRequest(LoginRequest),
    /// A message without a number (§2.3.2).
    Unsequenced(&'a [u8]),
    /// The client has nothing to say (§2.3.3).
    ClientHeartbeat,
    /// The client leaves (§2.3.4).
    LogoutRequest,
}

/// What a server says to whom it lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAccepted {
    /// The session that the client is in now.
    pub session: SessionName,
    /// Number of the next sequenced message.
    pub next_sequence: u64,
}

/// What a client says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// Who wants in.
    pub credentials: Credentials,
    /// The session wanted; [`SessionName::CURRENT`] for any.
    pub session: SessionName,
    /// Number of the first message wanted; 0 for those to come.
    pub sequence: u64,
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// `A`: username and password are not those of anybody.
    NotAuthorized,
    /// `S`: there is no such session.
    SessionNotAvailable,
    /// A letter that the specification does not list.
    Other(u8),
}

impl RejectReason {
    /// The letter on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NotAuthorized => b'A',
            Self::SessionNotAvailable => b'S',
            Self::Other(code) => code,
        }
    }

    /// The reason of a letter.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            b'A' => Self::NotAuthorized,
            b'S' => Self::SessionNotAvailable,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthorized => write!(f, "not authorised (A): check username and password"),
            Self::SessionNotAvailable => {
                write!(
                    f,
                    "session not available (S): check the session's name and the time of day"
                )
            }
            Self::Other(code) => write!(f, "reason {}", code.escape_ascii()),
        }
    }
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A length of 0: a packet has at least its type.
    #[error("a packet without a type: the stream is damaged, or no SoupBinTCP")]
    Empty,
    /// A length above what this side takes.
    #[error(
        "a packet of {length} bytes, above the {limit} that are taken: the stream is damaged, or raise the limit"
    )]
    TooLong {
        /// Bytes of type and payload.
        length: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// A type that the specification does not list.
    #[error("a packet of the unknown type {}: the stream is damaged, or no SoupBinTCP 3.00", .0.escape_ascii())]
    UnknownType(u8),
    /// A payload of another length than the type's.
    #[error("a packet of type {} has {expected} bytes of payload, not {found}: another version of the protocol", .packet_type.escape_ascii())]
    Length {
        /// The packet's type.
        packet_type: u8,
        /// Bytes that the type has.
        expected: usize,
        /// Bytes that the packet has.
        found: usize,
    },
    /// A number that is none, or beyond 2^64 - 1.
    #[error("a packet of type {} holds no number where one belongs: the stream is damaged", .packet_type.escape_ascii())]
    Number {
        /// The packet's type.
        packet_type: u8,
    },
}

impl<'a> Packet<'a> {
    /// The packet of type `packet_type` with `payload`.
    ///
    /// # Errors
    /// [`PacketError`], but neither `Empty` nor `TooLong`.
    pub fn parse(packet_type: u8, payload: &'a [u8]) -> Result<Self, PacketError> {
        let exactly = |expected| {
            let found = payload.len();
            (found == expected)
                .then_some(())
                .ok_or(PacketError::Length {
                    packet_type,
                    expected,
                    found,
                })
        };
        Ok(match packet_type {
            b'+' => Self::Debug(payload),
            b'S' => Self::Sequenced(payload),
            b'U' => Self::Unsequenced(payload),
            b'H' => exactly(0).map(|()| Self::ServerHeartbeat)?,
            b'R' => exactly(0).map(|()| Self::ClientHeartbeat)?,
            b'Z' => exactly(0).map(|()| Self::EndOfSession)?,
            b'O' => exactly(0).map(|()| Self::LogoutRequest)?,
            b'J' => {
                exactly(1)?;
                Self::LoginRejected(RejectReason::from_code(payload[0]))
            }
            b'A' => {
                exactly(LoginAccepted::BYTES)?;
                let (session, number) = split(payload);
                let number = read_number(&number).ok_or(PacketError::Number { packet_type })?;
                Self::LoginAccepted(LoginAccepted {
                    session: SessionName::from_wire(session),
                    next_sequence: number,
                })
            }
            b'L' => {
                exactly(LoginRequest::BYTES)?;
                let (username, rest) = split::<6, 40>(payload);
                let (password, rest) = split::<10, 30>(&rest);
                let (session, number) = split(&rest);
                let number = read_number(&number).ok_or(PacketError::Number { packet_type })?;
                Self::LoginRequest(LoginRequest {
                    credentials: Credentials { username, password },
                    session: SessionName::from_wire(session),
                    sequence: number,
                })
            }
            other => return Err(PacketError::UnknownType(other)),
        })
    }

    /// The byte that names its type.
    #[must_use]
    pub const fn packet_type(&self) -> u8 {
        match self {
            Self::Debug(_) => b'+',
            Self::LoginAccepted(_) => b'A',
            Self::LoginRejected(_) => b'J',
            Self::Sequenced(_) => b'S',
            Self::ServerHeartbeat => b'H',
            Self::EndOfSession => b'Z',
            Self::LoginRequest(_) => b'L',
            Self::Unsequenced(_) => b'U',
            Self::ClientHeartbeat => b'R',
            Self::LogoutRequest => b'O',
        }
    }

    /// Appends the packet as the wire has it to `out`.
    ///
    /// # Errors
    /// [`PacketError::TooLong`] where a payload exceeds [`PAYLOAD_BYTES_MAX`]; `out` is as it was.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), PacketError> {
        let mut fixed = [0; LoginRequest::BYTES];
        let payload: &[u8] = match self {
            Self::Debug(payload) | Self::Sequenced(payload) | Self::Unsequenced(payload) => payload,
            Self::ServerHeartbeat
            | Self::EndOfSession
            | Self::ClientHeartbeat
            | Self::LogoutRequest => &[],
            Self::LoginRejected(reason) => {
                fixed[0] = reason.code();
                &fixed[..1]
            }
            Self::LoginAccepted(accepted) => {
                fixed[..10].copy_from_slice(accepted.session.bytes());
                fixed[10..LoginAccepted::BYTES]
                    .copy_from_slice(&write_number(accepted.next_sequence));
                &fixed[..LoginAccepted::BYTES]
            }
            Self::LoginRequest(request) => {
                fixed[..6].copy_from_slice(&request.credentials.username);
                fixed[6..16].copy_from_slice(&request.credentials.password);
                // Padded on the right, as clients do.
                let name = request.session.bytes().trim_ascii();
                fixed[16..26].fill(b' ');
                fixed[16..16 + name.len()].copy_from_slice(name);
                fixed[26..].copy_from_slice(&write_number(request.sequence));
                &fixed
            }
        };
        let length = match u16::try_from(payload.len() + 1) {
            Ok(length) => length,
            Err(_) => {
                return Err(PacketError::TooLong {
                    length: payload.len() + 1,
                    limit: PAYLOAD_BYTES_MAX + 1,
                });
            }
        };
        out.extend_from_slice(&length.to_be_bytes());
        out.push(self.packet_type());
        out.extend_from_slice(payload);
        Ok(())
    }
}

impl LoginAccepted {
    /// Bytes of its payload.
    const BYTES: usize = 10 + NUMBER_BYTES;
}

impl LoginRequest {
    /// Bytes of its payload.
    const BYTES: usize = 6 + 10 + 10 + NUMBER_BYTES;
}

/// The first `A` and the next `B` bytes of `bytes`, which has as many; zeros where it has not.
fn split<const A: usize, const B: usize>(bytes: &[u8]) -> ([u8; A], [u8; B]) {
    let part = |from: usize| bytes.get(from..).unwrap_or_default();
    (
        part(0).first_chunk().copied().unwrap_or([0; A]),
        part(A).first_chunk().copied().unwrap_or([0; B]),
    )
}
