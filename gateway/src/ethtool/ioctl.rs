//! `SIOCETHTOOL`: what the netlink family does not have.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;

use serde::Serialize;

/// Which driver an interface has (`ethtool -i`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriverInfo {
    /// Its name.
    pub driver: String,
    /// Its version; in-tree drivers show the kernel's release.
    pub version: String,
    /// The device's firmware.
    pub firmware: String,
    /// Where the device is, such as a PCI address.
    pub bus: String,
}

/// `ethtool -i`.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` for interfaces without a driver to name (the loopback interface).
pub fn driver_info(name: &str) -> io::Result<DriverInfo> {
    /// `struct ethtool_drvinfo`.
    #[repr(C)]
    struct Command {
        command: u32,
        driver: [u8; 32],
        version: [u8; 32],
        firmware: [u8; 32],
        bus: [u8; 32],
        rest: [u8; 64],
    }
    const _: () = assert!(size_of::<Command>() == 196);
    const ETHTOOL_GDRVINFO: u32 = 3;
    let mut info = Command {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        firmware: [0; 32],
        bus: [0; 32],
        rest: [0; 64],
    };
    // SAFETY: the command's own structure (linux/ethtool.h: 196 bytes).
    unsafe { call(name, (&raw mut info).cast())? };
    Ok(DriverInfo {
        driver: text(&info.driver),
        version: text(&info.version),
        firmware: text(&info.firmware),
        bus: text(&info.bus),
    })
}

fn text(bytes: &[u8]) -> String {
    CStr::from_bytes_until_nul(bytes).map_or_else(
        |_| String::from_utf8_lossy(bytes).into_owned(),
        |text| text.to_string_lossy().into_owned(),
    )
}

/// The driver's own counters with their names (`ethtool -S`).
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where the driver has none.
pub fn statistics(name: &str) -> io::Result<Vec<(String, u64)>> {
    const ETHTOOL_GSTRINGS: u32 = 0x1b;
    const ETHTOOL_GSTATS: u32 = 0x1d;
    const ETHTOOL_GSSET_INFO: u32 = 0x37;
    const ETH_SS_STATS: u32 = 1;
    const NAME_BYTES: usize = 32;
    /// More counters than any driver has.
    const COUNT_MAX: u32 = 1 << 16;
    /// The kernel writes as many as there are at that moment, whatever the caller has room for: room for counters that
    /// appear between two calls (each queue has some tens).
    const SPARE: usize = 1 << 14;
    // struct ethtool_sset_info: command, reserved, mask, and one number for each bit of the mask.
    let mut set: [u32; 5] = [ETHTOOL_GSSET_INFO, 0, 0, 0, 0];
    let mask = (1_u64 << ETH_SS_STATS).to_ne_bytes();
    for (word, bytes) in set[2..4].iter_mut().zip(mask.chunks_exact(4)) {
        *word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    // SAFETY: 20 bytes, as many as the command has for a mask of one bit.
    unsafe { call(name, set.as_mut_ptr().cast())? };
    let count = set[4];
    if set[2] == 0 && set[3] == 0 || count == 0 {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    if count > COUNT_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let room = count as usize + SPARE;
    // struct ethtool_gstrings: command, set, count, names.
    let mut names = vec![0_u32; 3 + room * NAME_BYTES / 4];
    names[..3].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_STATS, count]);
    // SAFETY: room for all names that there are now, and for many that may come in between.
    unsafe { call(name, names.as_mut_ptr().cast())? };
    // struct ethtool_stats: command and count, then numbers of eight bytes.
    let mut values = vec![0_u64; 1 + room];
    values[0] = u64::from_ne_bytes({
        let [a, b, c, d] = ETHTOOL_GSTATS.to_ne_bytes();
        let [e, f, g, h] = count.to_ne_bytes();
        [a, b, c, d, e, f, g, h]
    });
    // SAFETY: as above.
    unsafe { call(name, values.as_mut_ptr().cast())? };
    let names: Vec<u8> = names[3..]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    Ok(names
        .chunks_exact(NAME_BYTES)
        .map(text)
        .zip(values[1..].iter().copied())
        .take(count as usize)
        .collect())
}

/// How many rules steer packets to queues (`ethtool -n`).
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where the driver cannot steer.
pub fn steering_rules(name: &str) -> io::Result<u32> {
    /// `struct ethtool_rxnfc` without the list at its end.
    #[repr(C)]
    struct Command {
        command: u32,
        flow_type: u32,
        data: u64,
        /// `struct ethtool_rx_flow_spec`.
        flow: [u64; 21],
        rules: u32,
        padding: u32,
    }
    const _: () = assert!(size_of::<Command>() == 192);
    const ETHTOOL_GRXCLSRLCNT: u32 = 0x2e;
    let mut count = Command {
        command: ETHTOOL_GRXCLSRLCNT,
        flow_type: 0,
        data: 0,
        flow: [0; 21],
        rules: 0,
        padding: 0,
    };
    // SAFETY: the command's own structure (192 bytes).
    unsafe { call(name, (&raw mut count).cast())? };
    Ok(count.rules)
}

/// The queue of each entry of the table by which the card spreads packets (`ethtool -x`).
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where the driver has no such table.
pub fn hash_table(name: &str) -> io::Result<Vec<u32>> {
    const ETHTOOL_GRXFHINDIR: u32 = 0x38;
    /// More entries than any card has.
    const ENTRIES_MAX: u32 = 1 << 16;
    // struct ethtool_rxfh_indir: command, size, entries; asked for none, it tells how many there are.
    let mut size = [ETHTOOL_GRXFHINDIR, 0];
    // SAFETY: the command without entries, as its size says.
    unsafe { call(name, size.as_mut_ptr().cast())? };
    let entries = size[1];
    if entries == 0 {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    if entries > ENTRIES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut table = vec![0; 2 + entries as usize];
    table[..2].copy_from_slice(&[ETHTOOL_GRXFHINDIR, entries]);
    // SAFETY: room for as many entries as the size says; the kernel refuses another size than the card's.
    unsafe { call(name, table.as_mut_ptr().cast())? };
    Ok(table.split_off(2))
}

/// `SIOCETHTOOL` with a command's structure.
///
/// # Safety
///
/// `command` points to what the command in its first four bytes reads and writes.
pub(crate) unsafe fn call(name: &str, command: *mut libc::c_char) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { ask(libc::SIOCETHTOOL, name, command) }
}

/// An ioctl of an interface whose request points to a structure.
///
/// # Safety
///
/// `data` points to what the ioctl of the number `what` reads and writes.
pub(super) unsafe fn ask(
    what: libc::c_ulong,
    name: &str,
    data: *mut libc::c_char,
) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    // SAFETY: a C struct for which all-zero bytes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, &from) in request.ifr_name.iter_mut().zip(name.as_bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = data;
    // SAFETY: the caller vouches for `data`; the request lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), what as libc::Ioctl, &raw mut request) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn texts_end_at_their_zero_or_with_their_field() {
        assert_eq!(text(b"veth\0\0x"), "veth");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b"\xff\0"), "\u{fffd}");
    }

    #[test]
    fn an_interface_without_driver_or_that_does_not_exist_is_an_error() {
        let code = |result: io::Result<DriverInfo>| result.unwrap_err().raw_os_error();
        assert_eq!(code(driver_info("no-such-iface")), Some(libc::ENODEV));
        assert_eq!(
            code(driver_info("a-name-longer-than-any")),
            Some(libc::ENODEV)
        );
        assert!(statistics("lo").is_err());
        assert!(steering_rules("lo").is_err());
        assert!(hash_table("lo").is_err());
    }

    /// Whatever interfaces this machine has: no panic, and what is told is consistent.
    #[test]
    fn what_this_machines_drivers_tell_is_read() {
        for name in crate::ingest::netdev::names() {
            if let Ok(counters) = statistics(&name) {
                assert!(
                    counters.iter().all(|(name, _)| !name.is_empty()),
                    "{name}: {counters:?}"
                );
            }
            if let Ok(table) = hash_table(&name) {
                assert!(!table.is_empty());
            }
            let _ = steering_rules(&name);
        }
    }
}
