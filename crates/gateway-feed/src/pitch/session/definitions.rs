//! What a spin server says of the unit's instruments, where they are told apart from its books.
//!
//! | type | sent by | message | fields |
//! |---|---|---|---|
//! | 84 | client | Instrument Definition Request | sequence (4), always 0 |
//! | 85 | server | Instrument Definition Response | sequence (4), always 0; instrument count (4), status |
//! | 86 | server | Instrument Definition Finished | none |
//!
//! Between the response and the end come the unit's Symbol Mappings, then its definitions of complex instruments.

use super::messages::of_type;
use super::spin::SpinStatus;

/// Instrument Definition Request (84).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefinitionRequest;

impl DefinitionRequest {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x84;

    /// The message.
    #[must_use]
    pub const fn encode(self) -> [u8; 5] {
        [Self::TYPE, 0, 0, 0, 0]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        of_type::<5>(message, Self::TYPE).map(|_| Self)
    }
}

/// Instrument Definition Response (85).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefinitionResponse {
    /// How many instruments will be told.
    pub instrument_count: u32,
    /// What becomes of the request.
    pub status: SpinStatus,
}

impl DefinitionResponse {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x85;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; 10] {
        let [a, b, c, d] = self.instrument_count.to_le_bytes();
        [Self::TYPE, 0, 0, 0, 0, a, b, c, d, self.status.to_byte()]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [_, _, _, _, _, a, b, c, d, status] = *of_type::<10>(message, Self::TYPE)?;
        Some(Self {
            instrument_count: u32::from_le_bytes([a, b, c, d]),
            status: SpinStatus::of_byte(status),
        })
    }
}

/// Instrument Definition Finished (86).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefinitionFinished;

impl DefinitionFinished {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x86;

    /// The message.
    #[must_use]
    pub const fn encode(self) -> [u8; 1] {
        [Self::TYPE]
    }

    /// Reads one; `None` if the message is another.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        of_type::<1>(message, Self::TYPE).map(|_| Self)
    }
}
