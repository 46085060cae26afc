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
    body_bytes: usize,
    rest: &'a [u8],
    announced: u32,
    left: u32,
}

impl<'a> Messages<'a> {
    /// The first `count` messages of `body`.
    #[must_use]
    #[inline(always)]
    pub const fn new(body: &'a [u8], count: u32) -> Self {
        Self {
            body_bytes: body.len(),
            rest: body,
            announced: count,
            left: count,
        }
    }

    /// What the walk found. To be asked once `next` returned `None`: until then the messages to come count as cut.
    #[must_use]
    #[inline(always)]
    pub const fn walked(&self) -> Walked {
        let whole = self.announced - self.left;
        if self.left == 0 {
            Walked {
                whole,
                trailing_bytes: self.rest.len(),
                cut_at: None,
            }
        } else {
            Walked {
                whole,
                trailing_bytes: 0,
                cut_at: Some(self.offset()),
            }
        }
    }

    /// Bytes of the body that the messages so far took. The next packet begins here where packets lie back to back,
    /// as in files without UDP framing.
    #[must_use]
    #[inline(always)]
    pub const fn offset(&self) -> usize {
        self.body_bytes - self.rest.len()
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Message<'a>> {
        if self.left == 0 {
            return None;
        }
        // A message that is cut changes nothing: whoever asks again is told the same.
        let (length, rest) = self.rest.split_first_chunk::<LENGTH_BYTES>()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let offset = self.offset();
        self.rest = rest;
        self.left -= 1;
        Some(Message { offset, bytes })
    }
}

impl FusedIterator for Messages<'_> {}
