//! From a frame to its verdict.

use aya_ebpf::bindings::xdp_action::{XDP_PASS, XDP_REDIRECT};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_ktime_get_ns, bpf_xdp_adjust_meta};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use gateway_wire::shared::{
    Action, CARD_STAMP_CALL, CardMetadata, Metadata, Note, SOURCE_FILTERED, STAMP_DRIVER_HOOK,
    SourceKey, StreamKey, Verdict,
};

use crate::maps::{SOCKETS, SOURCES, STREAMS, VERDICTS};
use crate::packet::Frame;

/// `ENODATA` and `EOPNOTSUPP` (`asm-generic/errno.h`): the card has no stamp of this frame, the driver lends none at all.
const ENODATA: i32 = 61;
const EOPNOTSUPP: i32 = 95;

/// The program's entry: `gateway_wire::shared::PROGRAM`.
#[xdp]
pub(crate) fn gateway_steer(ctx: XdpContext) -> u32 {
    decide::<false>(&ctx)
}

/// The entry of the program that asks for the card's stamp besides: `gateway_wire::shared::PROGRAM_OF_CARD`.
#[xdp]
pub(crate) fn gateway_card(ctx: XdpContext) -> u32 {
    decide::<true>(&ctx)
}

#[inline(always)]
fn decide<const CARD: bool>(ctx: &XdpContext) -> u32 {
    let verdict = steer::<CARD>(ctx);
    count(verdict.index());
    match verdict.action() {
        Action::Redirect => XDP_REDIRECT,
        Action::Pass => XDP_PASS,
    }
}

#[inline(always)]
fn steer<const CARD: bool>(ctx: &XdpContext) -> Verdict {
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
    let stamped = if CARD {
        // First: some drivers (igc) keep the card's stamp where the metadata goes.
        let card_ns = card_stamp(ctx);
        put(ctx, CardMetadata::new(card_ns, now()))
    } else {
        put(ctx, Metadata::new(STAMP_DRIVER_HOOK, now()))
    };
    if !stamped {
        count(Note::NoMetadata.index());
    }
    Verdict::Redirected
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper only reads the clock.
    unsafe { bpf_ktime_get_ns() }
}

/// Puts metadata in front of the packet; says no where the driver keeps no room for it.
#[inline(always)]
fn put<M>(ctx: &XdpContext, metadata: M) -> bool {
    // SAFETY: `ctx.ctx` is the context that the kernel gave to this program.
    if unsafe { bpf_xdp_adjust_meta(ctx.ctx, -(size_of::<M>() as i32)) } != 0 {
        return false;
    }
    let at = ctx.metadata();
    if at + size_of::<M>() > ctx.metadata_end() {
        return false;
    }
    // SAFETY: the bytes from `at` on lie between `data_meta` and `data`, which the verifier proves once more; the
    // kernel keeps `data_meta` aligned to four bytes only, hence the unaligned write.
    unsafe { (at as *mut M).write_unaligned(metadata) };
    true
}

/// Asks the driver for the card's stamp, in nanoseconds of the card's clock, and counts what it says; 0 where it has none.
#[inline(always)]
fn card_stamp(ctx: &XdpContext) -> u64 {
    type Call = unsafe extern "C" fn(*mut xdp_md, *mut u64) -> i32;
    // SAFETY: a helper's number is what a program calls it by. Whoever loads the program replaces this one by that of
    // `bpf_xdp_metadata_rx_timestamp(const struct xdp_md *, u64 *)`; without that the verifier refuses the program.
    let call = unsafe { core::mem::transmute::<usize, Call>(CARD_STAMP_CALL as usize) };
    let mut card_ns = 0;
    // SAFETY: the context is the kernel's, and the stamp has room.
    let result = unsafe { call(ctx.ctx, &raw mut card_ns) };
    let note = match -result {
        // Drivers that stamp some frames only leave the others at 0, some of them without an error (veth).
        0 if card_ns != 0 => Note::CardStamped,
        0 | ENODATA => Note::CardUnstamped,
        EOPNOTSUPP => Note::CardUnsupported,
        _ => Note::CardFailed,
    };
    count(note.index());
    if result == 0 { card_ns } else { 0 }
}

#[inline(always)]
fn count(index: u32) {
    if let Some(counter) = VERDICTS.get_ptr_mut(index) {
        // SAFETY: the map holds `u64`, and this CPU's copy has no other writer while the program runs on it.
        unsafe { *counter += 1 };
    }
}
