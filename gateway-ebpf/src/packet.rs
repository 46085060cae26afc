//! A frame as the verifier lets us read it.

use aya_ebpf::programs::XdpContext;
use gateway_wire::PacketBytes;

/// The bytes between the context's `data` and `data_end`.
pub(crate) struct Frame<'a>(pub(crate) &'a XdpContext);

impl PacketBytes for Frame<'_> {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let at = self.0.data() + offset;
        if at + N > self.0.data_end() {
            return None;
        }
        // SAFETY: `at..at + N` lies between `data` and `data_end`, which the verifier proves once more.
        Some(unsafe { (at as *const [u8; N]).read() })
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.0.data_end() - self.0.data()
    }
}
