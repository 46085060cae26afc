//! By what packets are stamped before the gateway sees them, and why not by the card.
//!
//! In the socket tier the kernel hands the card's stamps out beside each packet (`SO_TIMESTAMPING`). In the AF_XDP tiers that run
//! in the driver they are lent to the XDP program ([`super::card_program`]), which puts them in front of the packet; in skb mode
//! there are none. In both the card has to be made to stamp first.

use std::io;
use std::sync::Arc;

use gateway_wire::shared::Note;
use tracing::warn;

use super::stamping_card::CardGuard;
use super::{InterfaceRequest, Obstacle, Tier, VerdictCounts};
use crate::clock::CardClock;
use crate::ethtool::{self, HardwareStamping};

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
    /// What does so where the card does not.
    without_card: Stamper,
    /// Why it is not the card; `None` where it is.
    pub obstacle: Option<Obstacle>,
    /// The clock of a card that was made to stamp; `None` where it was not, or has none.
    pub(crate) clock: Option<Arc<CardClock>>,
}

impl Stamping {
    fn without_card(by: Stamper, obstacle: Obstacle) -> Self {
        Self {
            by,
            without_card: by,
            obstacle: Some(obstacle),
            clock: None,
        }
    }

    /// By the card of the interface with this index, which was made to stamp every packet.
    fn by_card(interface_index: u32, without_card: Stamper) -> Self {
        let clock = ethtool::time_stamping(interface_index)
            .ok()
            .and_then(|told| told.clock);
        Self {
            by: Stamper::Hardware,
            without_card,
            obstacle: None,
            clock: clock.map(|number| Arc::new(CardClock::new(format!("ptp{number}")))),
        }
    }

    /// What stamps them first by what the XDP program has counted: not the card, where its driver never gave a stamp.
    pub(crate) fn by_now(&self, program: Option<&VerdictCounts>) -> Stamper {
        match program.and_then(why_no_stamps) {
            Some(_) => self.without_card,
            None => self.by,
        }
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
        self.by = self.without_card;
        self.obstacle = Some(obstacle);
    }
}

/// Tells that an interface's card does not stamp its packets.
pub(super) fn tell(interface: &str, obstacle: &Obstacle) {
    warn!(
        interface,
        reason = obstacle.reason,
        remedy = obstacle.remedy,
        "the card does not stamp the packets"
    );
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
        Ok(_) => Stamping::by_card(interface_index, Stamper::Software),
    }
}

/// What stamps the packets of a tier of AF_XDP, whose program reads the card's stamps or does not, for the reason given; with what
/// keeps the card stamping, where its stamps are read.
pub(super) fn of_program(
    request: &InterfaceRequest,
    interface_index: u32,
    program: Option<&Obstacle>,
    card: Option<Result<CardGuard, Obstacle>>,
) -> (Stamping, Option<CardGuard>) {
    let obstacle = match (program, card) {
        (None, Some(Ok(card))) => {
            let stamping = Stamping::by_card(interface_index, Stamper::Xdp);
            return (stamping, Some(card));
        }
        // It was told of when the card was tried.
        (None, Some(Err(obstacle))) => obstacle,
        (None, None) => Obstacle::not_asked_for_stamps(),
        // A card that stamps for nobody is set back.
        (Some(obstacle), _) => {
            if request.hardware_timestamps {
                tell(&request.name, obstacle);
            }
            obstacle.clone()
        }
    };
    (Stamping::without_card(Stamper::Xdp, obstacle), None)
}

/// What metrics say of a stage that begins at the card, where packets come by this tier and are stamped so, and the XDP program
/// has counted this; empty where it is measured.
pub(crate) fn why_not_from_card(
    tier: Tier,
    stamping: Option<&Stamping>,
    program: Option<&VerdictCounts>,
) -> String {
    let Some(stamping) = stamping else {
        return match tier {
            Tier::Capture => "packets come from a file".to_owned(),
            _ => "the interface was not opened yet".to_owned(),
        };
    };
    match (&stamping.obstacle, &stamping.clock) {
        (Some(obstacle), _) => obstacle.reason.clone(),
        (None, _) if let Some(why) = program.and_then(why_no_stamps) => why,
        (None, None) => "the card's clock is none that the kernel has as /dev/ptpN".to_owned(),
        (None, Some(clock)) if !clock.is_known() => format!(
            "the card's clock /dev/{} cannot be read: the gateway's user may not, or it came after the start",
            clock.device()
        ),
        (None, Some(_)) => String::new(),
    }
}

/// What the driver says to a program that asks for the card's stamps, where it never gave one.
fn why_no_stamps(counts: &VerdictCounts) -> Option<String> {
    let [stamped, unstamped, unsupported, failed] = Note::OF_CARD.map(|note| counts.note(note));
    let why = match (stamped, unstamped, unsupported, failed) {
        (1.., ..) | (0, 0, 0, 0) => return None,
        (_, _, 1.., _) => "the driver lends no stamps to XDP programs",
        (_, 1.., ..) => "the driver has had no stamp of any packet",
        _ => "the driver fails to look up the card's stamps",
    };
    Some(format!("{why} (`gateway_xdp_card_stamps_total`)"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::stamping_card::{StampingCard, start};
    use super::*;

    #[test]
    fn a_program_s_packets_are_stamped_by_the_card_where_it_stamps_and_the_program_reads_it() {
        let mut request = InterfaceRequest::new("lo", Vec::new());
        request.hardware_timestamps = true;
        let of = |program: Option<&Obstacle>, card| {
            let (stamping, guard) = of_program(&request, 1, program, card);
            let why = why_not_from_card(Tier::Copy, Some(&stamping), None);
            (stamping.by, why, guard.is_some())
        };
        let card = || Some(Ok(CardGuard::Own(StampingCard::of_loopback())));
        let no = |why| Obstacle::new(why, "");
        let no_clock = "the card's clock is none that the kernel has as /dev/ptpN".to_owned();
        assert_eq!(of(None, card()), (Stamper::Hardware, no_clock, true));
        let refused = no("refused");
        let stamped = (Stamper::Xdp, "refused".to_owned(), false);
        assert_eq!(of(Some(&refused), card()), stamped);
        assert_eq!(of(Some(&refused), None), stamped);
        assert_eq!(of(None, Some(Err(no("refused")))), stamped);
    }

    #[test]
    fn a_driver_that_gives_no_stamps_is_told_by_what_it_says() {
        let (stamping, _guard) = of_program(
            &InterfaceRequest::new("lo", Vec::new()),
            1,
            None,
            Some(Ok(CardGuard::Own(StampingCard::of_loopback()))),
        );
        let why =
            |counts: VerdictCounts| why_not_from_card(Tier::Copy, Some(&stamping), Some(&counts));
        let of = |note| VerdictCounts::of_note(note, 7);
        assert!(why(of(Note::CardUnstamped)).contains("no stamp of any packet"));
        assert!(why(of(Note::CardUnsupported)).contains("lends no stamps"));
        assert!(why(of(Note::CardFailed)).contains("fails"));
        let by = |counts| stamping.by_now(Some(&counts));
        assert_eq!(by(of(Note::CardUnsupported)), Stamper::Xdp);
        assert_eq!(by(of(Note::CardStamped)), Stamper::Hardware);
        assert_eq!(by(VerdictCounts::default()), Stamper::Hardware);
        let some = of(Note::CardStamped) + of(Note::CardUnstamped);
        assert!(why(some).contains("/dev/ptpN"), "nothing but its clock");
        assert!(why(VerdictCounts::default()).contains("/dev/ptpN"));
    }

    #[test]
    fn a_stage_from_the_card_is_measured_once_its_clock_was_compared() {
        let why = |tier, stamping: Option<&Stamping>| why_not_from_card(tier, stamping, None);
        let mut stamping = Stamping {
            by: Stamper::Hardware,
            without_card: Stamper::Software,
            obstacle: None,
            clock: None,
        };
        assert!(why(Tier::Socket, Some(&stamping)).contains("/dev/ptpN"));
        let clock = Arc::new(CardClock::new("ptp3".to_owned()));
        stamping.clock = Some(Arc::clone(&clock));
        assert!(why(Tier::Socket, Some(&stamping)).contains("/dev/ptp3"));
        assert!(why(Tier::Capture, None).contains("file"));
        assert!(why(Tier::Socket, None).contains("not opened"));
        clock.compare(1, 2, 0);
        assert_eq!(why(Tier::Socket, Some(&stamping)), "");
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
