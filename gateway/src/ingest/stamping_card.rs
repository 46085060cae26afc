//! A card that stamps every packet it receives, for as long as somebody wants it.
//!
//! How a card is set is one setting for everybody who uses it: it is set only where the configuration says so, and set back.

use std::io;
use std::sync::Arc;

use tracing::warn;

use super::stamping::tell;
use super::{InterfaceRequest, Obstacle, netdev};
use crate::ethtool::{self, HardwareStamping, TimeStamping};
use crate::helper::Helper;

/// A card that was made to stamp every packet it receives. Dropped, it stamps what it stamped before.
#[derive(Debug)]
pub(crate) struct StampingCard {
    name: String,
    index: u32,
    /// How it was set, where that was changed.
    before: Option<HardwareStamping>,
    /// How it is set.
    now: HardwareStamping,
}

impl StampingCard {
    /// Has the card stamp every packet it receives, unless it does. Wants `CAP_NET_ADMIN` where something is to be changed.
    ///
    /// # Errors
    /// Why it does not: the card cannot, the driver refuses, or this process may not.
    pub(crate) fn start(name: &str) -> Result<Self, Obstacle> {
        let Some(index) = netdev::index(name) else {
            return Err(Obstacle::new(
                format!("there is no interface `{name}`"),
                "name one that is there",
            ));
        };
        if let Some(obstacle) = cannot_stamp(name, ethtool::time_stamping(index)) {
            return Err(obstacle);
        }
        let found = ethtool::hardware_stamping(name).map_err(|cause| {
            Obstacle::new(
                format!(
                    "the driver does not tell how the card's stamping is set ({cause}), so that it could not be set back"
                ),
                "a newer driver or kernel",
            )
        })?;
        let mut card = Self {
            name: name.to_owned(),
            index,
            before: None,
            now: found,
        };
        if found.of_all() {
            return Ok(card);
        }
        let granted = ethtool::set_hardware_stamping(name, found.with_all())
            .map_err(|cause| not_set(&cause))?;
        card.before = Some(found);
        card.now = granted;
        if granted.of_all() {
            return Ok(card);
        }
        // Dropped, it is set back.
        Err(Obstacle::new(
            "the driver was asked to stamp every packet, and chose to stamp some",
            OTHER_CARD,
        ))
    }

    /// One that nobody has set, for tests.
    #[cfg(test)]
    pub(super) fn of_loopback() -> Self {
        Self {
            name: "lo".to_owned(),
            index: 1,
            before: None,
            now: HardwareStamping::default(),
        }
    }

    /// Whether dropping it sets the card.
    pub(crate) const fn is_to_be_set_back(&self) -> bool {
        self.before.is_some()
    }

    /// Whether it is that of the interface that has this name now, and is set as it was left.
    pub(crate) fn is_there(&self) -> bool {
        netdev::index(&self.name) == Some(self.index)
            && ethtool::hardware_stamping(&self.name).is_ok_and(|found| found == self.now)
    }
}

impl Drop for StampingCard {
    fn drop(&mut self) {
        let Some(before) = self.before else {
            return;
        };
        // A device that was made anew has forgotten it, and what somebody else has set since is his.
        if !self.is_there() {
            return;
        }
        if let Err(cause) = ethtool::set_hardware_stamping(&self.name, before) {
            warn!(
                interface = self.name,
                %cause,
                "the card's stamping could not be set back; `hwstamp_ctl` of linuxptp does it"
            );
        }
    }
}

const OTHER_CARD: &str =
    "a card that stamps every packet (`ethtool -T` shows the receive filter `all`)";

/// Why a card whose driver says this of its stamps cannot stamp every packet; `None` where it can.
fn cannot_stamp(name: &str, told: io::Result<TimeStamping>) -> Option<Obstacle> {
    let told = match told {
        Ok(told) => told,
        Err(cause) => {
            return Some(Obstacle::new(
                format!("the kernel does not tell what the card of `{name}` can stamp ({cause})"),
                "a kernel from 5.6 on",
            ));
        }
    };
    let can = |what| told.capabilities.contains(what);
    if !can("hardware-receive") || !can("hardware-raw-clock") {
        return Some(Obstacle::new(
            "the card does not stamp what it receives (`ethtool -T`)",
            OTHER_CARD,
        ));
    }
    if !told.rx_filters.contains("all") {
        let filters: Vec<&str> = told.rx_filters.iter().map(String::as_str).collect();
        let filters = filters.join(", ");
        return Some(Obstacle::new(
            format!("the card stamps some packets only (receive filters: {filters})"),
            OTHER_CARD,
        ));
    }
    None
}

fn not_set(cause: &io::Error) -> Obstacle {
    match cause.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Obstacle::new(
            format!("no permission to have the card stamp packets ({cause})"),
            "run as root, give the binary CAP_NET_ADMIN, or have somebody else switch it on (`hwstamp_ctl -r 1` of linuxptp)",
        ),
        _ => Obstacle::new(
            format!("the driver refuses to stamp every packet ({cause})"),
            OTHER_CARD,
        ),
    }
}

/// What keeps a card stamping.
#[derive(Debug)]
pub(super) enum CardGuard {
    /// This process has set it.
    Own(#[expect(dead_code, reason = "dropped with the interface")] StampingCard),
    /// The helper has.
    Asked {
        /// Whom to ask.
        helper: Arc<Helper>,
        /// The interface.
        interface: String,
    },
}

impl Drop for CardGuard {
    fn drop(&mut self) {
        if let Self::Asked { helper, interface } = self {
            helper.stop_stamping(interface);
        }
    }
}

/// Has the card stamp packets, by this process or by the helper, if the request wants it. To be done before packets come: those
/// until then have no stamp, and a driver may make its queues anew.
///
/// # Errors
/// Why it does not stamp them.
pub(super) fn start(
    request: &InterfaceRequest,
    helper: Option<&Arc<Helper>>,
) -> Result<CardGuard, Obstacle> {
    if !request.hardware_timestamps {
        return Err(Obstacle::not_asked_for_stamps());
    }
    let started = match helper {
        None => StampingCard::start(&request.name).map(CardGuard::Own),
        Some(helper) => helper
            .start_stamping(&request.name)
            .map(|()| CardGuard::Asked {
                helper: Arc::clone(helper),
                interface: request.name.clone(),
            }),
    };
    started.inspect_err(|obstacle| tell(&request.name, obstacle))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn told(capabilities: &[&str], filters: &[&str]) -> io::Result<TimeStamping> {
        let names = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|&name| name.to_owned()).collect()
        };
        Ok(TimeStamping {
            capabilities: names(capabilities),
            rx_filters: names(filters),
            clock: Some(0),
        })
    }

    #[test]
    fn only_a_card_that_stamps_every_packet_will_do() {
        const RECEIVES: [&str; 2] = ["hardware-receive", "hardware-raw-clock"];
        let why = |told| cannot_stamp("eth1", told).map_or_else(String::new, |no| no.reason);
        assert_eq!(why(told(&RECEIVES, &["none", "all"])), "");
        let some = why(told(&RECEIVES, &["none", "ptpv2-event"]));
        assert!(some.contains("none, ptpv2-event"), "{some}");
        for can in [
            &["software-receive"][..],
            &RECEIVES[..1],
            &RECEIVES[1..],
            &[],
        ] {
            assert!(why(told(can, &["all"])).contains("does not stamp"));
        }
        let gone = Err(io::Error::from_raw_os_error(libc::ENODEV));
        assert!(why(gone).contains("eth1"));
    }

    #[test]
    fn an_interface_without_a_card_or_that_is_not_there_says_why() {
        let lo = StampingCard::start("lo").unwrap_err();
        assert!(lo.reason.contains("does not stamp"), "{lo:?}");
        let none = StampingCard::start("no-such-iface").unwrap_err();
        assert!(none.reason.contains("no-such-iface"), "{none:?}");
    }

    #[test]
    fn a_refusal_is_told_by_its_reason() {
        let of = |code| not_set(&io::Error::from_raw_os_error(code)).reason;
        assert!(of(libc::EPERM).contains("no permission"));
        assert!(of(libc::ERANGE).contains("the driver refuses"));
    }
}
