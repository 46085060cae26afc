//! The XDP program that steers a feed's packets to the AF_XDP socket of their receive queue.
//!
//! It decides one thing: is this frame ours? A datagram whose group and port are in `STREAMS`, and whose source is
//! in `SOURCES` where the stream lists its sources, is redirected; everything else goes on to the kernel, so that
//! ssh, ARP, IGMP and PTP live on. Each frame counts under exactly one verdict, per CPU, because the kernel does
//! not count all that it drops. Which bytes mean what, user space decides again with the same parser.
//!
//! It compiles for BPF only; `gateway-ebpf/builder` knows how.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod packet;
#[cfg(target_arch = "bpf")]
mod steer;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("this is an XDP program; build it with `cargo xtask ebpf`");
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lends `bpf_ktime_get_ns` to programs under a licence compatible with the GPL only. MIT is one, and
/// this is the spelling the kernel knows for it.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
