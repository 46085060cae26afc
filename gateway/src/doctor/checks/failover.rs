//! What happens to the interface when the machine moves to another host.

use super::super::check::{Check, Place, Seen, Severity, Side};
use super::super::{Device, Look};

/// The bit of `VIRTIO_NET_F_STANDBY`, counted from the left of the text.
const STANDBY: usize = 62;

pub(super) const STANDBY_PAIR: Check = Check {
    number: 37,
    id: "failover",
    title: "whether another device stands by",
    severity: Severity::Info,
    side: Side::Guest,
    reads: "rtnetlink RTM_GETLINK (IFLA_MASTER), `/sys/class/net/X/device/features`",
    good: "known",
    cost: "a machine that moves loses its virtual function; without a standby device its groups are gone until it is back",
    place: Place::Interface(standby),
};

fn standby(look: &Look<'_>, device: &Device) -> Seen {
    look.note("rtnetlink RTM_GETLINK");
    if let Some((name, driver)) = &device.master {
        let what = match driver.as_str() {
            "net_failover" => "the failover device",
            "bonding" => "the bond",
            "" => "the device",
            driver => driver,
        };
        let joins = match look.wants.membership_interface.as_ref() == Some(name) {
            true => "groups are joined there",
            false => "name it as membership_interface, so that groups outlive this one",
        };
        return Seen::ok(format!("belongs to {what} {name}: {joins}"));
    }
    if device.in_sysfs {
        let features = look
            .text(&device.sys("device/features"))
            .unwrap_or_default();
        if features.as_bytes().get(STANDBY) == Some(&b'1') {
            return Seen::ok("stands by for a virtual function of the same address");
        }
    }
    Seen::ok("stands alone")
}
