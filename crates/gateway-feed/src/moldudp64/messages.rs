//! The messages of a downstream packet ("Message Block").

use core::iter::FusedIterator;

use super::LENGTH_BYTES;
use crate::transport::Walked;

/// One message of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Where its length field begins, in bytes behind the packet's header.
    pub offset: usize,
    /// The message without its length; may be empty.
    pub bytes: &'a [u8],
}

/// Walks the messages of a packet's body, at most as many as the header announced. Ends at the first that is cut.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    body: &'a [u8],
    offset: usize,
    announced: u32,
    left: u32,
    cut: bool,
}

impl<'a> Messages<'a> {
    /// The first `count` messages of `body`.
    #[must_use]
    #[inline(always)]
    pub const fn new(body: &'a [u8], count: u32) -> Self {
        Self {
            body,
            offset: 0,
            announced: count,
            left: count,
            cut: false,
        }
    }

    /// What the walk found up to here. Complete once `next` returned `None`.
    #[must_use]
    #[inline(always)]
    pub const fn walked(&self) -> Walked {
        Walked {
            whole: self.announced - self.left,
            trailing_bytes: if self.left == 0 {
                self.body.len() - self.offset
            } else {
                0
            },
            cut_at: if self.cut { Some(self.offset) } else { None },
        }
    }

    /// Bytes of the body that the messages so far took. The next packet begins here where packets lie back to back,
    /// as in files without UDP framing.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Message<'a>> {
        if self.left == 0 || self.cut {
            return None;
        }
        // `offset` never exceeds the body's length: each step checked the end it moved to.
        let rest = self.body.get(self.offset..).unwrap_or_default();
        let message = rest
            .split_first_chunk::<LENGTH_BYTES>()
            .and_then(|(length, rest)| rest.get(..usize::from(u16::from_be_bytes(*length))));
        let Some(bytes) = message else {
            self.cut = true;
            return None;
        };
        let offset = self.offset;
        self.offset += LENGTH_BYTES + bytes.len();
        self.left -= 1;
        Some(Message { offset, bytes })
    }
}

impl FusedIterator for Messages<'_> {}
