//! What the kernel says beside a packet of a socket: when it got it, and when the card did.

/// Bytes of `struct cmsghdr`.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();
/// Bytes of `struct timespec`.
const TIME_BYTES: usize = size_of::<libc::timespec>();
/// Bytes of `struct scm_timestamping`: the kernel's stamp, one that is not used any more, and the card's.
const STAMPS_BYTES: usize = 3 * TIME_BYTES;
// The layouts of 64-bit systems, which are read by bytes below.
const _: () = assert!(HEADER_BYTES == 16 && TIME_BYTES == 16);

/// When a packet was seen, in nanoseconds; 0 where nobody stamped it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SocketStamps {
    /// When the kernel's network stack got it, by `CLOCK_REALTIME`.
    pub(super) kernel_ns: u64,
    /// When the card received it, by the card's clock.
    pub(super) card_ns: u64,
}

/// Room for one message of the kind `SCM_TIMESTAMPING`, the only one that is asked for.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Control([u8; HEADER_BYTES + STAMPS_BYTES]);

impl Default for Control {
    fn default() -> Self {
        Self([0; HEADER_BYTES + STAMPS_BYTES])
    }
}

impl Control {
    /// The stamps in the `written` bytes that the kernel has put here.
    #[inline]
    pub(super) fn stamps(&self, written: usize) -> SocketStamps {
        let bytes = &self.0;
        let int = |at: usize| {
            let bytes = bytes.get(at..at + 4)?.first_chunk()?;
            Some(i32::from_ne_bytes(*bytes))
        };
        let (length, level, kind) = (number(bytes, 0), int(8), int(12));
        let whole = written >= bytes.len() && length == bytes.len() as u64;
        if !whole || level != Some(libc::SOL_SOCKET) || kind != Some(libc::SCM_TIMESTAMPING) {
            return SocketStamps::default();
        }
        let time = |which: usize| {
            let at = HEADER_BYTES + which * TIME_BYTES;
            let seconds = number(bytes, at).wrapping_mul(1_000_000_000);
            seconds.wrapping_add(number(bytes, at + 8))
        };
        SocketStamps {
            kernel_ns: time(0),
            card_ns: time(2),
        }
    }
}

#[inline]
fn number(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..at + 8).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u64::from_ne_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel writes it: `put_cmsg_scm_timestamping` in net/core/scm.c.
    fn written(kernel: (i64, i64), card: (i64, i64)) -> Control {
        let mut bytes = Vec::new();
        bytes.extend(64_u64.to_ne_bytes());
        bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
        bytes.extend(libc::SCM_TIMESTAMPING.to_ne_bytes());
        for (seconds, nanoseconds) in [kernel, (0, 0), card] {
            bytes.extend(seconds.to_ne_bytes());
            bytes.extend(nanoseconds.to_ne_bytes());
        }
        let mut control = Control::default();
        control.0.copy_from_slice(&bytes);
        control
    }

    #[test]
    fn stamps_of_kernel_and_card_are_read() {
        let stamps = written((1_700_000_000, 5), (37, 999_999_999)).stamps(64);
        let kernel_ns = 1_700_000_000_000_000_005;
        let card_ns = 37_999_999_999;
        assert_eq!(stamps, SocketStamps { kernel_ns, card_ns });
        let stamps = written((1, 0), (0, 0)).stamps(64);
        assert_eq!((stamps.kernel_ns, stamps.card_ns), (1_000_000_000, 0));
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_no_stamp() {
        let good = written((1, 2), (3, 4));
        // Nothing was written: what stands there is of the packet before.
        for bytes in [0, 16, 63] {
            assert_eq!(good.stamps(bytes), SocketStamps::default(), "{bytes}");
        }
        for at in [0, 7, 8, 12] {
            let mut other = good;
            other.0[at] ^= 0x40;
            assert_eq!(other.stamps(64), SocketStamps::default(), "byte {at}");
        }
        // Whatever the numbers are, they do no harm.
        let wild = written((i64::MAX, i64::MIN), (-1, -1));
        assert_ne!(wild.stamps(usize::MAX), SocketStamps::default());
    }
}
