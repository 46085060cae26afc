//! Fixed-size fields, read one after the other and written likewise.

use super::ProtocolError;

/// Takes fields off the front of a body.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    bytes: usize,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self {
            rest: body,
            bytes: body.len(),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(ProtocolError::Length { bytes: self.bytes })?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ProtocolError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ProtocolError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, ProtocolError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A zero-padded text of less than `N` bytes.
    pub(super) fn text<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<String, ProtocolError> {
        let bytes = self.array::<N>()?;
        let zero = bytes.iter().position(|&byte| byte == 0);
        let (text, padding) = bytes.split_at(zero.ok_or(ProtocolError::Field { field })?);
        if padding.iter().any(|&byte| byte != 0) {
            return Err(ProtocolError::Field { field });
        }
        std::str::from_utf8(text)
            .map(str::to_owned)
            .map_err(|_| ProtocolError::Field { field })
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The body must be used up.
    pub(super) fn end(self) -> Result<(), ProtocolError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ProtocolError::Length { bytes: self.bytes })
        }
    }
}

/// Appends `text` in `N` bytes, cut at a character's boundary and padded with zeros.
pub(super) fn put_text<const N: usize>(body: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(N - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    body.extend_from_slice(&text.as_bytes()[..end]);
    body.extend(std::iter::repeat_n(0, N - end));
}
