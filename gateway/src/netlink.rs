//! Just enough netlink to ask the kernel about an interface: one request, one answer, attributes.
//!
//! Messages are a `struct nlmsghdr`, a header of the protocol, and attributes padded to four bytes
//! (Documentation/userspace-api/netlink/intro.rst). All numbers are in the machine's byte order.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_BYTES: usize = 4;
/// An attribute that holds attributes says so: newer families insist on it.
const NLA_F_NESTED: u16 = 1 << 15;
/// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER` are flags in the attribute's type.
const TYPE_MASK: u16 = 0x3fff;
/// `struct genlmsghdr`, in front of the attributes of generic netlink.
pub(crate) const GENL_HEADER_BYTES: usize = 4;
/// An answer is at most this long; an interface's is some kilobytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A request under construction.
#[derive(Debug)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A request of this message type with the protocol's own header.
    pub(crate) fn new(message_type: u16, protocol_header: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[4..6].copy_from_slice(&message_type.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
        bytes[8..12].copy_from_slice(&1_u32.to_ne_bytes());
        bytes.extend_from_slice(protocol_header);
        Self(bytes)
    }

    /// Appends an attribute.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        append(&mut self.0, kind, value);
        self
    }

    /// Appends an attribute that holds others.
    pub(crate) fn nested(self, kind: u16, attributes: &[(u16, &[u8])]) -> Self {
        let mut inner = Vec::new();
        for (kind, value) in attributes {
            append(&mut inner, *kind, value);
        }
        self.attribute(kind | NLA_F_NESTED, &inner)
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }

    /// Sends the request and returns the answer without its `nlmsghdr`.
    ///
    /// # Errors
    ///
    /// The kernel's own, where it answers with one.
    pub(crate) fn ask(self, protocol: libc::c_int) -> io::Result<Vec<u8>> {
        // SAFETY: makes a new descriptor from constants.
        let fd = unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                protocol,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it for us.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let request = self.finish();
        // SAFETY: pointer and length describe `request`.
        let sent = unsafe {
            libc::send(
                socket.as_raw_fd(),
                request.as_ptr().cast(),
                request.len(),
                0,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut answer = vec![0_u8; ANSWER_BYTES_MAX];
        // SAFETY: pointer and length describe `answer`, which lives through the call.
        let received = unsafe {
            libc::recv(
                socket.as_raw_fd(),
                answer.as_mut_ptr().cast(),
                answer.len(),
                0,
            )
        };
        let length = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        answer.truncate(length);
        parse_answer(&answer).map(<[u8]>::to_vec)
    }
}

/// The number of a family of generic netlink by its name; `None` where the kernel has none of that name.
pub(crate) fn family(name: &std::ffi::CStr) -> io::Result<Option<u16>> {
    const GENL_ID_CTRL: u16 = 0x10;
    const CTRL_CMD_GETFAMILY: u8 = 3;
    const CTRL_ATTR_FAMILY_ID: u16 = 1;
    const CTRL_ATTR_FAMILY_NAME: u16 = 2;
    let answer = Request::new(GENL_ID_CTRL, &[CTRL_CMD_GETFAMILY, 1, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, name.to_bytes_with_nul())
        .ask(libc::NETLINK_GENERIC);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let id = answer
        .get(GENL_HEADER_BYTES..)
        .and_then(|attributes| {
            attribute(attributes, CTRL_ATTR_FAMILY_ID)?
                .first_chunk()
                .copied()
        })
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(u16::from_ne_bytes(id)))
}

fn append(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = (ATTRIBUTE_BYTES + value.len()) as u16;
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// The first message's content, or the error that it is.
fn parse_answer(answer: &[u8]) -> io::Result<&[u8]> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let header: &[u8; HEADER_BYTES] = answer.first_chunk().ok_or_else(malformed)?;
    let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let content = answer.get(HEADER_BYTES..length).ok_or_else(malformed)?;
    if i32::from(u16::from_ne_bytes([header[4], header[5]])) != libc::NLMSG_ERROR {
        return Ok(content);
    }
    let code: [u8; 4] = *content.first_chunk().ok_or_else(malformed)?;
    match i32::from_ne_bytes(code) {
        0 => Ok(&[]),
        error => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
    }
}

/// The attributes in `bytes`, type and value; ends at the first that does not fit.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header: [u8; ATTRIBUTE_BYTES] = *bytes.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
        let value = bytes.get(ATTRIBUTE_BYTES..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this type.
pub(crate) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, value)| (found == kind).then_some(value))
}

/// The number in the first attribute of this type; one of fewer than four bytes is none.
pub(crate) fn number(bytes: &[u8], kind: u16) -> Option<u32> {
    let value = attribute(bytes, kind)?.first_chunk()?;
    Some(u32::from_ne_bytes(*value))
}

/// The text in the first attribute of this type, without the zero at its end.
pub(crate) fn text(bytes: &[u8], kind: u16) -> Option<String> {
    let value = attribute(bytes, kind)?;
    let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_kernel_wants_it() {
        let bytes = Request::new(0x10, &[3, 1, 0, 0])
            .attribute(2, b"netdev\0")
            .finish();
        #[rustfmt::skip]
        let little_endian = [
            32, 0, 0, 0,  0x10, 0,  1, 0,  1, 0, 0, 0,  0, 0, 0, 0, // length, type, NLM_F_REQUEST, sequence, port
            3, 1, 0, 0, // genlmsghdr
            11, 0,  2, 0,  b'n', b'e', b't', b'd', b'e', b'v', 0,  0, // attribute, padded
        ];
        if cfg!(target_endian = "little") {
            assert_eq!(bytes, little_endian);
        }
    }

    #[test]
    fn an_answer_that_is_an_error_becomes_one() {
        let mut answer = vec![0_u8; 36];
        answer[..4].copy_from_slice(&36_u32.to_ne_bytes());
        answer[4..6].copy_from_slice(&(libc::NLMSG_ERROR as u16).to_ne_bytes());
        answer[16..20].copy_from_slice(&(-libc::ENODEV).to_ne_bytes());
        assert_eq!(
            parse_answer(&answer).unwrap_err().raw_os_error(),
            Some(libc::ENODEV)
        );
        answer[16..20].copy_from_slice(&0_i32.to_ne_bytes());
        assert!(parse_answer(&answer).unwrap().is_empty());
    }

    #[test]
    fn malformed_answers_and_attributes_end_the_parse_without_a_panic() {
        for length in 0..40_usize {
            let bytes = vec![0xff; length];
            assert!(length >= 16 || parse_answer(&bytes).is_err());
            assert_eq!(attributes(&bytes).count(), 0);
            assert_eq!(
                attributes(&vec![0; length]).count(),
                0,
                "a length of zero is no attribute"
            );
        }
    }
}
