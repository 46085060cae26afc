//! Which packets a card stamps (`SIOCGHWTSTAMP`, `SIOCSHWTSTAMP`; Documentation/networking/timestamping.rst, section 3). What
//! it could stamp is told by [`super::time_stamping`].

use std::io;

use super::ioctl::ask;

/// `HWTSTAMP_FILTER_ALL`: every packet that is received.
const FILTER_ALL: libc::c_int = 1;

/// How a card's stamping is set (`struct hwtstamp_config`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct HardwareStamping {
    flags: libc::c_int,
    /// Which packets it stamps that are sent.
    tx_type: libc::c_int,
    /// Which packets it stamps that are received.
    rx_filter: libc::c_int,
}

const _: () = assert!(size_of::<HardwareStamping>() == size_of::<libc::hwtstamp_config>());

impl HardwareStamping {
    /// Whether every packet is stamped that is received.
    pub(crate) const fn of_all(self) -> bool {
        self.rx_filter == FILTER_ALL
    }

    /// The same, but for every packet that is received: what is sent is stamped as before.
    pub(crate) const fn with_all(self) -> Self {
        Self {
            rx_filter: FILTER_ALL,
            ..self
        }
    }
}

/// How a card's stamping is set.
///
/// # Errors
///
/// The kernel's: `EOPNOTSUPP` where the driver does not tell, or cannot stamp.
pub(crate) fn hardware_stamping(name: &str) -> io::Result<HardwareStamping> {
    let mut found = HardwareStamping::default();
    // SAFETY: the structure that this ioctl writes; it lives through the call.
    unsafe { ask(libc::SIOCGHWTSTAMP, name, (&raw mut found).cast())? };
    Ok(found)
}

/// Sets a card's stamping; what the driver made of it, which may be more than was asked for. Wants `CAP_NET_ADMIN`.
///
/// # Errors
///
/// The kernel's: `EPERM` without that right, `ERANGE` where the card cannot stamp those packets, `EOPNOTSUPP` where it stamps
/// none.
pub(crate) fn set_hardware_stamping(
    name: &str,
    wanted: HardwareStamping,
) -> io::Result<HardwareStamping> {
    let mut granted = wanted;
    // SAFETY: the structure that this ioctl reads and writes; it lives through the call.
    unsafe { ask(libc::SIOCSHWTSTAMP, name, (&raw mut granted).cast())? };
    Ok(granted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_interface_that_cannot_stamp_says_so() {
        let code = |result: io::Result<HardwareStamping>| result.unwrap_err().raw_os_error();
        assert_eq!(code(hardware_stamping("lo")), Some(libc::EOPNOTSUPP));
        assert_eq!(code(hardware_stamping("no-such-iface")), Some(libc::ENODEV));
        let refused = code(set_hardware_stamping(
            "lo",
            HardwareStamping::default().with_all(),
        ));
        // Who has no rights is not told more.
        assert!(matches!(refused, Some(libc::EOPNOTSUPP | libc::EPERM)));
    }

    #[test]
    fn what_is_sent_is_stamped_as_before() {
        let before = HardwareStamping {
            flags: 1,
            tx_type: 2,
            rx_filter: 12,
        };
        let all = before.with_all();
        assert!(all.of_all() && !before.of_all());
        assert_eq!((all.flags, all.tx_type), (1, 2));
    }
}
