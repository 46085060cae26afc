//! By what packets are stamped before the gateway sees them, and why not by the card.
//!
//! The card's stamps are to be had in the socket tier only, where the kernel hands them out beside each packet
//! (`SO_TIMESTAMPING`). In the AF_XDP tiers they are lent to the XDP program by the kernel's function
//! `bpf_xdp_metadata_rx_timestamp`, which only a program may call that was loaded for one device (`BPF_F_XDP_DEV_BOUND_ONLY`,
//! Linux 6.3 and newer); the loader that the gateway has (aya 0.14) does not load any so.

use std::io;
use std::sync::Arc;

use tracing::warn;

use super::{InterfaceRequest, Obstacle, Tier, netdev};
use crate::clock::CardClock;
use crate::ethtool::{self, HardwareStamping, TimeStamping};
use crate::helper::Helper;

/// What stamps packets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamper {
    /// The card, when they arrive; by its own clock.
    Hardware,
    /// The kernel, when its network stack gets them; by `CLOCK_REALTIME`.
    Software,
    /// The XDP program; by `CLOCK_MONOTONIC`.
    Xdp,
    /// Nobody.
    None,
}

impl Stamper {
    /// All, in the order in which metrics tell them.
    pub const ALL: [Self; 4] = [Self::Hardware, Self::Software, Self::Xdp, Self::None];

    /// The name in metrics and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Software => "software",
            Self::Xdp => "xdp",
            Self::None => "none",
        }
    }
}

/// By what an interface's packets are stamped.
#[derive(Debug, Clone)]
pub struct Stamping {
    /// What stamps them first.
    pub by: Stamper,
    /// Why it is not the card; `None` where it is.
    pub obstacle: Option<Obstacle>,
    /// The card's clock; `None` where the card does not stamp, or has none.
    pub(crate) clock: Option<Arc<CardClock>>,
}

impl Stamping {
    fn without_card(by: Stamper, obstacle: Obstacle) -> Self {
        Self {
            by,
            obstacle: Some(obstacle),
            clock: None,
        }
    }

    /// At a tier of AF_XDP.
    pub(super) fn of_program(request: &InterfaceRequest) -> Self {
        let obstacle = Obstacle::new(
            "AF_XDP tiers have no stamp of the card: the kernel lends it to device-bound XDP programs only, and the gateway's \
             is none",
            "measure it with `mode = \"socket\"`, on a second machine or for a while",
        );
        if request.hardware_timestamps {
            tell(&request.name, &obstacle);
        }
        Self::without_card(Stamper::Xdp, obstacle)
    }

    /// Looks whether the card of `interface`, which was made to stamp every packet, still does, and takes note and tells where
    /// it does not: somebody else has set it, or it is another device.
    pub(crate) fn look(&mut self, interface: &str) {
        if self.by != Stamper::Hardware
            || ethtool::hardware_stamping(interface).is_ok_and(HardwareStamping::of_all)
        {
            return;
        }
        let obstacle = Obstacle::new(
            "the card was set otherwise after the start, or is another one now",
            "restart the gateway, once nobody else sets it (`hwstamp_ctl`, ptp4l)",
        );
        tell(interface, &obstacle);
        self.by = Stamper::Software;
        self.obstacle = Some(obstacle);
    }
}

fn tell(interface: &str, obstacle: &Obstacle) {
    warn!(
        interface,
        reason = obstacle.reason,
        remedy = obstacle.remedy,
        "the card does not stamp the packets"
    );
}

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

/// Has the card stamp packets for the socket tier, by this process or by the helper, if the request wants it.
///
/// # Errors
/// Why it does not stamp them.
pub(super) fn start(
    request: &InterfaceRequest,
    helper: Option<&Arc<Helper>>,
) -> Result<CardGuard, Obstacle> {
    if !request.hardware_timestamps {
        return Err(Obstacle::new(
            "`hardware_timestamps` is not set",
            "set `hardware_timestamps = true` for the interface, where the card stamps every packet (`ethtool -T`)",
        ));
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

/// What stamps the packets of the socket tier, whose sockets take the kernel's stamps or do not, for the reason given; with the
/// card, where it does.
pub(super) fn of_sockets(
    request: &InterfaceRequest,
    interface_index: u32,
    card: &Result<CardGuard, Obstacle>,
    sockets: Option<&io::Error>,
) -> Stamping {
    if let Some(cause) = sockets {
        let obstacle = Obstacle::new(
            format!("the kernel refuses to stamp what sockets receive ({cause})"),
            "a kernel that has SO_TIMESTAMPING",
        );
        tell(&request.name, &obstacle);
        return Stamping::without_card(Stamper::None, obstacle);
    }
    match card {
        Err(obstacle) => Stamping::without_card(Stamper::Software, obstacle.clone()),
        Ok(_) => {
            let clock = ethtool::time_stamping(interface_index)
                .ok()
                .and_then(|told| told.clock);
            Stamping {
                by: Stamper::Hardware,
                obstacle: None,
                clock: clock.map(|number| Arc::new(CardClock::new(format!("ptp{number}")))),
            }
        }
    }
}

/// What metrics say of a stage that begins at the card, where packets come by this tier and are stamped so; empty where it is
/// measured.
pub(crate) fn why_not_from_card(tier: Tier, stamping: Option<&Stamping>) -> String {
    let Some(stamping) = stamping else {
        return match tier {
            Tier::Capture => "packets come from a file".to_owned(),
            _ => "the interface was not opened yet".to_owned(),
        };
    };
    match (&stamping.obstacle, &stamping.clock) {
        (Some(obstacle), _) => obstacle.reason.clone(),
        (None, None) => "the card's clock is none that the kernel has as /dev/ptpN".to_owned(),
        (None, Some(clock)) if !clock.is_known() => format!(
            "the card's clock /dev/{} cannot be read: the gateway's user may not, or it came after the start",
            clock.device()
        ),
        (None, Some(_)) => String::new(),
    }
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

    #[test]
    fn a_stage_from_the_card_is_measured_once_its_clock_was_compared() {
        let why = |tier, stamping: Option<&Stamping>| why_not_from_card(tier, stamping);
        let mut stamping = Stamping {
            by: Stamper::Hardware,
            obstacle: None,
            clock: None,
        };
        assert!(why(Tier::Socket, Some(&stamping)).contains("/dev/ptpN"));
        let clock = Arc::new(CardClock::new("ptp3".to_owned()));
        stamping.clock = Some(Arc::clone(&clock));
        assert!(why(Tier::Socket, Some(&stamping)).contains("/dev/ptp3"));
        assert!(why(Tier::Capture, None).contains("file"));
        assert!(why(Tier::Socket, None).contains("not opened"));
        let program = Stamping::of_program(&InterfaceRequest::new("eth1", Vec::new()));
        assert_eq!(program.by, Stamper::Xdp);
        assert!(why(Tier::Copy, Some(&program)).contains("device-bound"));
        let request = InterfaceRequest::new("lo", Vec::new());
        let card = start(&request, None);
        let sockets = of_sockets(&request, 1, &card, None);
        assert_eq!(sockets.by, Stamper::Software);
        assert!(why(Tier::Socket, Some(&sockets)).contains("`hardware_timestamps`"));
        let cause = io::Error::from_raw_os_error(libc::ENOPROTOOPT);
        let sockets = of_sockets(&request, 1, &card, Some(&cause));
        assert_eq!(sockets.by, Stamper::None);
        assert!(sockets.obstacle.unwrap().reason.contains("sockets"));
    }
}
