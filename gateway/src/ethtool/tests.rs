#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn put(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(((4 + value.len()) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A set of bits as the kernel lists it: name and whether the bit has the flag of its value.
fn bitset(mask: bool, listed: &[(&str, bool)]) -> Vec<u8> {
    let mut bits = Vec::new();
    for (index, (name, set)) in listed.iter().enumerate() {
        let mut bit = Vec::new();
        put(&mut bit, 1, &(index as u32).to_ne_bytes());
        put(&mut bit, 2, format!("{name}\0").as_bytes());
        if *set {
            put(&mut bit, 3, &[]);
        }
        put(&mut bits, 1 | 0x8000, &bit);
    }
    let mut set = Vec::new();
    if !mask {
        put(&mut set, 1, &[]);
    }
    put(&mut set, 2, &64_u32.to_ne_bytes());
    put(&mut set, 3 | 0x8000, &bits);
    set
}

fn numbers(list: &[(u16, u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, 1 | 0x8000, &[8, 0, 1, 0, 2, 0, 0, 0]);
    for (kind, value) in list {
        put(&mut bytes, *kind, &value.to_ne_bytes());
    }
    bytes
}

#[test]
fn offloads_are_told_with_whether_they_can_be_switched() {
    let mut bytes = Vec::new();
    let hardware = [("rx-lro", true), ("rx-gro", true), ("rx-all", false)];
    put(&mut bytes, 2 | 0x8000, &bitset(true, &hardware));
    // Without a mask what is listed is set.
    let active = [("rx-lro", false), ("rx-checksum", false)];
    put(&mut bytes, 4 | 0x8000, &bitset(false, &active));
    put(&mut bytes, 5 | 0x8000, &bitset(false, &[("rx-gro", false)]));
    let features = Features::parse(&bytes);
    assert!(features.on("rx-lro") && features.changeable("rx-lro"));
    assert!(features.on("rx-checksum") && !features.changeable("rx-checksum"));
    assert!(!features.on("rx-gro") && !features.changeable("rx-gro"));
    assert!(!features.changeable("rx-all"));
}

#[test]
fn numbers_are_read_where_the_driver_tells_them() {
    let channels = Channels::parse(&numbers(&[(5, 63), (9, 4), (2, 8), (6, 2)]));
    assert_eq!((channels.receive(), channels.receive_max()), (6, 71));
    assert_eq!(channels.tx, None);
    let rings = Rings::parse(&numbers(&[(2, 8192), (6, 1024)]));
    assert_eq!(
        (rings.rx, rings.rx_max, rings.tx),
        (Some(1024), Some(8192), None)
    );
    let mut bytes = numbers(&[(2, 8), (3, 128)]);
    put(&mut bytes, 11, &[1]);
    let coalescing = Coalescing::parse(&bytes);
    assert_eq!(
        (
            coalescing.rx_us,
            coalescing.rx_frames,
            coalescing.adaptive_rx
        ),
        (Some(8), Some(128), Some(true))
    );
    let mut bytes = Vec::new();
    put(&mut bytes, 3, &[0]);
    put(&mut bytes, 4, &[1]);
    put(&mut bytes, 5, &[]);
    let pause = Pause::parse(&bytes);
    assert_eq!(
        (pause.autoneg, pause.rx, pause.tx),
        (None, Some(false), Some(true))
    );
    let energy = EnergyEfficiency::parse(&bytes);
    assert_eq!((energy.active, energy.enabled), (Some(true), None));
}

#[test]
fn time_stamping_names_the_cards_clock() {
    let mut bytes = numbers(&[(5, 3)]);
    let can = [("software-receive", false), ("hardware-receive", false)];
    put(&mut bytes, 2 | 0x8000, &bitset(false, &can));
    put(&mut bytes, 4 | 0x8000, &bitset(false, &[("all", false)]));
    let stamping = TimeStamping::parse(&bytes);
    assert!(stamping.capabilities.contains("hardware-receive"));
    assert!(stamping.rx_filters.contains("all"));
    assert_eq!(stamping.clock, Some(3));
    assert_eq!(TimeStamping::parse(&[]), TimeStamping::default());
}

#[test]
fn the_loopback_interface_answers_what_every_kernel_can() {
    let lo = crate::ingest::netdev::index("lo").unwrap();
    let features = features(lo).unwrap();
    assert!(features.on("loopback"), "{features:?}");
    assert!(!features.on("rx-lro"));
    assert!(time_stamping(lo).unwrap().clock.is_none());
    for code in [
        channels(lo).unwrap_err().raw_os_error(),
        rings(lo).unwrap_err().raw_os_error(),
        coalescing(lo).unwrap_err().raw_os_error(),
        pause(lo).unwrap_err().raw_os_error(),
        energy_efficiency(lo).unwrap_err().raw_os_error(),
    ] {
        assert_eq!(code, Some(libc::EOPNOTSUPP));
    }
    let gone = super::features(u32::MAX >> 1).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(libc::ENODEV));
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        Features::parse(&bytes);
        let _ = Channels::parse(&bytes).receive();
        Rings::parse(&bytes);
        Coalescing::parse(&bytes);
        Pause::parse(&bytes);
        EnergyEfficiency::parse(&bytes);
        TimeStamping::parse(&bytes);
    }
}
