//! From a frame to its verdict.

use aya_ebpf::bindings::xdp_action::{XDP_PASS, XDP_REDIRECT};
use aya_ebpf::helpers::{bpf_ktime_get_ns, bpf_xdp_adjust_meta};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use gateway_wire::shared::{
    Action, METADATA_LEN, Metadata, Note, SOURCE_FILTERED, STAMP_DRIVER_HOOK, SourceKey, StreamKey,
    Verdict,
};

use crate::maps::{SOCKETS, SOURCES, STREAMS, VERDICTS};
use crate::packet::Frame;

/// The program's entry: `gateway_wire::shared::PROGRAM`.
#[xdp]
pub(crate) fn gateway_steer(ctx: XdpContext) -> u32 {
    let verdict = steer(&ctx);
    count(verdict.index());
    match verdict.action() {
        Action::Redirect => XDP_REDIRECT,
        Action::Pass => XDP_PASS,
    }
}

#[inline(always)]
fn steer(ctx: &XdpContext) -> Verdict {
    let packet = match gateway_wire::parse(&Frame(ctx)) {
        Ok(packet) => packet,
        Err(reject) => return reject.into(),
    };
    let key = StreamKey::new(packet.destination, packet.destination_port);
    // SAFETY: user space replaces entries whole and never while their stream flows; the value is copied at once.
    let Some(stream) = (unsafe { STREAMS.get(&key) }).copied() else {
        return Verdict::UnknownStream;
    };
    if stream.flags & SOURCE_FILTERED != 0 {
        let key = SourceKey {
            stream: stream.stream,
            source: packet.source,
        };
        if SOURCES.get_ptr(&key).is_none() {
            return Verdict::SourceRefused;
        }
    }
    // The flags' low bits are what the helper returns where the queue has no socket.
    if SOCKETS.redirect(ctx.rx_queue_index(), u64::from(XDP_PASS)) != Ok(XDP_REDIRECT) {
        return Verdict::NoSocket;
    }
    match packet.vlan_count {
        0 => {}
        1 => count(Note::OneVlan.index()),
        _ => count(Note::TwoVlans.index()),
    }
    if !stamp(ctx) {
        count(Note::NoMetadata.index());
    }
    Verdict::Redirected
}

/// Puts the time in front of the packet; says no where the driver keeps no room for metadata.
#[inline(always)]
fn stamp(ctx: &XdpContext) -> bool {
    // SAFETY: the helper only reads the clock.
    let now = unsafe { bpf_ktime_get_ns() };
    // SAFETY: `ctx.ctx` is the context that the kernel gave to this program.
    if unsafe { bpf_xdp_adjust_meta(ctx.ctx, -(METADATA_LEN as i32)) } != 0 {
        return false;
    }
    let at = ctx.metadata();
    if at + METADATA_LEN > ctx.metadata_end() {
        return false;
    }
    // SAFETY: `at..at + METADATA_LEN` lies between `data_meta` and `data`, which the verifier proves once more; the
    // kernel keeps `data_meta` aligned to four bytes only, hence the unaligned write.
    unsafe { (at as *mut Metadata).write_unaligned(Metadata::new(STAMP_DRIVER_HOOK, now)) };
    true
}

#[inline(always)]
fn count(index: u32) {
    if let Some(counter) = VERDICTS.get_ptr_mut(index) {
        // SAFETY: the map holds `u64`, and this CPU's copy has no other writer while the program runs on it.
        unsafe { *counter += 1 };
    }
}
