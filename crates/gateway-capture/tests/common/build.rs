//! Builds capture files byte by byte, of either byte order.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// A pcapng block around `body`, which is padded to 32 bits.
    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = self.u32((12 + body.len() + padding) as u32);
        [
            &self.u32(kind)[..],
            &length,
            body,
            &[0; 3][..padding],
            &length,
        ]
        .concat()
    }
}

/// A classic pcap file of frames given as (seconds, fraction, bytes).
pub fn classic(
    order: Order,
    nanoseconds: bool,
    link: u32,
    frames: &[(u32, u32, &[u8])],
) -> Vec<u8> {
    let magic = if nanoseconds {
        0xa1b2_3c4d
    } else {
        0xa1b2_c3d4
    };
    let mut file = [
        &order.u32(magic)[..],
        &order.u16(2),
        &order.u16(4),
        &[0; 8],
        &order.u32(0xffff),
    ]
    .concat();
    file.extend(order.u32(link));
    for (seconds, fraction, frame) in frames {
        let length = order.u32(frame.len() as u32);
        file.extend(
            [
                &order.u32(*seconds)[..],
                &order.u32(*fraction),
                &length,
                &length,
                frame,
            ]
            .concat(),
        );
    }
    file
}

pub fn section(order: Order) -> Vec<u8> {
    let body = [
        &order.u32(0x1a2b_3c4d)[..],
        &order.u16(1),
        &order.u16(0),
        &order.u64(u64::MAX),
    ]
    .concat();
    order.block(0x0a0d_0d0a, &body)
}

pub fn interface(order: Order, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [&order.u16(link)[..], &[0; 2], &order.u32(snap_len)].concat();
    for (code, value) in options {
        body.extend([&order.u16(*code)[..], &order.u16(value.len() as u16), value].concat());
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    order.block(1, &body)
}

pub fn enhanced(
    order: Order,
    interface: u32,
    ticks: u64,
    frame: &[u8],
    original_len: u32,
) -> Vec<u8> {
    let times = [order.u32((ticks >> 32) as u32), order.u32(ticks as u32)].concat();
    let lengths = [order.u32(frame.len() as u32), order.u32(original_len)].concat();
    order.block(
        6,
        &[&order.u32(interface)[..], &times, &lengths, frame].concat(),
    )
}

/// The packet block that the enhanced one replaced.
pub fn obsolete(order: Order, interface: u16, microseconds: u64, frame: &[u8]) -> Vec<u8> {
    let times = [
        order.u32((microseconds >> 32) as u32),
        order.u32(microseconds as u32),
    ]
    .concat();
    let length = order.u32(frame.len() as u32);
    order.block(
        2,
        &[
            &order.u16(interface)[..],
            &[0; 2],
            &times,
            &length,
            &length,
            frame,
        ]
        .concat(),
    )
}

pub fn simple(order: Order, frame: &[u8]) -> Vec<u8> {
    order.block(3, &[&order.u32(frame.len() as u32)[..], frame].concat())
}
