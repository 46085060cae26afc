//! The messages of sessions, from their type on: what a block has in front of each is its length.

use core::fmt;

/// The most messages that a request can ask for. Proxies take fewer: [`GapStatus::TooMany`].
pub const GAP_COUNT_MAX: u16 = u16::MAX;

/// Bytes of the messages, from their type on.
const LOGIN_BYTES: usize = 21;
const LOGIN_RESPONSE_BYTES: usize = 2;
const GAP_REQUEST_BYTES: usize = 8;
const GAP_RESPONSE_BYTES: usize = 9;

/// Who logs in. Its `Debug` shows no password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    session_sub_id: [u8; 4],
    username: [u8; 4],
    password: [u8; 10],
}

/// Why texts are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} has 1 to {length_max} printable ASCII characters, not {length} bytes")]
pub struct CredentialsError {
    what: &'static str,
    length_max: usize,
    length: usize,
}

impl Credentials {
    /// Session sub id and username of up to four characters, password of up to ten, as the venue has given them.
    ///
    /// # Errors
    /// One of them is empty, too long, or has something else than printable ASCII.
    pub fn new(
        session_sub_id: &str,
        username: &str,
        password: &str,
    ) -> Result<Self, CredentialsError> {
        Ok(Self {
            session_sub_id: field("session sub id", session_sub_id)?,
            username: field("username", username)?,
            password: field("password", password)?,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field(
                "session_sub_id",
                &self.session_sub_id.escape_ascii().to_string(),
            )
            .field("username", &self.username.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// `text` within `N` bytes, padded on the right.
fn field<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], CredentialsError> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let mut field = [b' '; N];
    match field.get_mut(..text.len()) {
        Some(part) if printable && !text.is_empty() => part.copy_from_slice(text.as_bytes()),
        _ => {
            return Err(CredentialsError {
                what,
                length_max: N,
                length: text.len(),
            });
        }
    }
    Ok(field)
}

/// Login (01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login(pub Credentials);

impl Login {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x01;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; LOGIN_BYTES] {
        let mut bytes = [b' '; LOGIN_BYTES];
        bytes[0] = Self::TYPE;
        bytes[1..5].copy_from_slice(&self.0.session_sub_id);
        bytes[5..9].copy_from_slice(&self.0.username);
        bytes[11..21].copy_from_slice(&self.0.password);
        bytes
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let bytes = of_type::<LOGIN_BYTES>(message, Self::TYPE)?;
        let [_, a, b, c, d, e, f, g, h, _, _, password @ ..] = *bytes;
        Some(Self(Credentials {
            session_sub_id: [a, b, c, d],
            username: [e, f, g, h],
            password,
        }))
    }
}

/// What a server says to a login: the status of a Login Response (02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStatus {
    /// `A`
    Accepted,
    /// `N`
    NotAuthorized,
    /// `B`
    SessionInUse,
    /// `S`
    InvalidSession,
    /// Any other.
    Other(u8),
}

impl LoginStatus {
    /// The byte that names the type of a Login Response.
    pub const TYPE: u8 = 0x02;

    /// The message.
    #[must_use]
    pub const fn encode(self) -> [u8; LOGIN_RESPONSE_BYTES] {
        let status = match self {
            Self::Accepted => b'A',
            Self::NotAuthorized => b'N',
            Self::SessionInUse => b'B',
            Self::InvalidSession => b'S',
            Self::Other(status) => status,
        };
        [Self::TYPE, status]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let bytes = of_type::<LOGIN_RESPONSE_BYTES>(message, Self::TYPE)?;
        Some(match bytes[1] {
            b'A' => Self::Accepted,
            b'N' => Self::NotAuthorized,
            b'B' => Self::SessionInUse,
            b'S' => Self::InvalidSession,
            status => Self::Other(status),
        })
    }
}

impl fmt::Display for LoginStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted (A)"),
            Self::NotAuthorized => f.write_str("not authorised (N): check username and password"),
            Self::SessionInUse => {
                f.write_str("session in use (B): end the other connection of this session")
            }
            Self::InvalidSession => f.write_str("invalid session (S): check session_sub_id"),
            Self::Other(status) => write!(f, "status {:?}", char::from(*status)),
        }
    }
}

/// Gap Request (03): the messages `sequence .. sequence + count` of a unit are wanted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapRequest {
    /// The unit.
    pub unit: u8,
    /// The first message wanted.
    pub sequence: u32,
    /// How many.
    pub count: u16,
}

impl GapRequest {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x03;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; GAP_REQUEST_BYTES] {
        let [a, b, c, d] = self.sequence.to_le_bytes();
        let [e, f] = self.count.to_le_bytes();
        [Self::TYPE, self.unit, a, b, c, d, e, f]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [_, fields @ ..] = *of_type::<GAP_REQUEST_BYTES>(message, Self::TYPE)?;
        Some(Self::read(fields))
    }

    const fn read([unit, a, b, c, d, e, f]: [u8; 7]) -> Self {
        Self {
            unit,
            sequence: u32::from_le_bytes([a, b, c, d]),
            count: u16::from_le_bytes([e, f]),
        }
    }
}

/// What a proxy says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapStatus {
    /// `A`: the messages are sent on the gap response lines.
    Accepted,
    /// `O`: they are not sent yet, or too long ago.
    OutOfRange,
    /// `D`: the day's requests are used up.
    DayExhausted,
    /// `M`: the minute's are.
    MinuteExhausted,
    /// `S`: the second's are.
    SecondExhausted,
    /// `C`: more messages than one request may ask for.
    TooMany,
    /// `I`: it does not serve this unit.
    InvalidUnit,
    /// `U`: the unit cannot be had at the moment.
    Unavailable,
    /// Any other.
    Other(u8),
}

impl fmt::Display for GapStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted (A)",
            Self::OutOfRange => "out of range (O)",
            Self::DayExhausted => "the day's requests are used up (D)",
            Self::MinuteExhausted => {
                "the minute's requests are used up (M): lower requests_per_second"
            }
            Self::SecondExhausted => {
                "the second's requests are used up (S): lower requests_per_second"
            }
            Self::TooMany => "too many messages at a time (C): lower request_messages_max",
            Self::InvalidUnit => {
                "it does not serve this unit (I): check `unit` and the server's address"
            }
            Self::Unavailable => "the unit cannot be had at the moment (U)",
            Self::Other(status) => return write!(f, "status {:?}", char::from(*status)),
        })
    }
}

/// Gap Response (04): the answer to a request, which it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapResponse {
    /// The request.
    pub request: GapRequest,
    /// What becomes of it.
    pub status: GapStatus,
}

impl GapResponse {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x04;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; GAP_RESPONSE_BYTES] {
        let [_, a, b, c, d, e, f, g] = self.request.encode();
        let status = match self.status {
            GapStatus::Accepted => b'A',
            GapStatus::OutOfRange => b'O',
            GapStatus::DayExhausted => b'D',
            GapStatus::MinuteExhausted => b'M',
            GapStatus::SecondExhausted => b'S',
            GapStatus::TooMany => b'C',
            GapStatus::InvalidUnit => b'I',
            GapStatus::Unavailable => b'U',
            GapStatus::Other(status) => status,
        };
        [Self::TYPE, a, b, c, d, e, f, g, status]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [_, a, b, c, d, e, f, g, status] = *of_type::<GAP_RESPONSE_BYTES>(message, Self::TYPE)?;
        Some(Self {
            request: GapRequest::read([a, b, c, d, e, f, g]),
            status: match status {
                b'A' => GapStatus::Accepted,
                b'O' => GapStatus::OutOfRange,
                b'D' => GapStatus::DayExhausted,
                b'M' => GapStatus::MinuteExhausted,
                b'S' => GapStatus::SecondExhausted,
                b'C' => GapStatus::TooMany,
                b'I' => GapStatus::InvalidUnit,
                b'U' => GapStatus::Unavailable,
                status => GapStatus::Other(status),
            },
        })
    }
}

/// The first `N` bytes of a message of that type. Later versions may append fields.
pub(super) fn of_type<const N: usize>(message: &[u8], kind: u8) -> Option<&[u8; N]> {
    message.first_chunk::<N>().filter(|bytes| bytes[0] == kind)
}
