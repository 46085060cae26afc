//! The compiled XDP program, embedded.

/// The BPF object of the XDP program, as `build.rs` built it; aligned as ELF readers want it.
#[must_use]
pub fn xdp_object() -> &'static [u8] {
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/gateway-ebpf"))
}
