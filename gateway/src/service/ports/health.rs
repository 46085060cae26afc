//! What is looked at while an interface receives: whether what its program redirects arrives, whether busy polling truly
//! polls, and whether the multicast filter holds all groups.

use std::time::Duration;

use gateway_queue::clock::Clock;
use tracing::{error, warn};

use crate::ingest::busy_poll::{self, BusyPolling};
use crate::ingest::canary::{Canary, Reading, Verdict};
use crate::ingest::{Obstacle, Step, Tier, filter_table};
use crate::service::inputs::InterfaceState;
use crate::worker::board::WorkerBoard;

/// How often the counts are compared.
const LOOK: Duration = Duration::from_millis(200);

/// How often the multicast filter's addresses are counted.
const COUNT: Duration = Duration::from_secs(1);

/// What was found of one interface.
#[derive(Debug, Default)]
pub(super) struct Health {
    canary: Canary,
    /// Lost before the present opening.
    lost_before: u64,
    /// Frames that were taken off its rings before the present opening.
    taken_before: u64,
    looked: Duration,
    /// Whether it was told that busy polling is in vain.
    told_in_vain: bool,
    /// When the filter's addresses were counted last.
    counted: Option<Duration>,
    /// So many were too many, and it was told.
    told_too_many: usize,
}

impl Health {
    /// Begins anew, because the interface was opened again.
    pub(super) fn reopened(&mut self, interface: &InterfaceState, board: &WorkerBoard) {
        *self = Self {
            canary: Canary::default(),
            lost_before: self.lost_before + self.canary.lost(),
            taken_before: taken(interface, board),
            looked: self.looked,
            told_in_vain: self.told_in_vain,
            counted: None,
            told_too_many: self.told_too_many,
        };
    }

    /// Compares the counts, if it is time to; the tier and why it must not be used, where it turns out not to work.
    pub(super) fn look(
        &mut self,
        now: Duration,
        tier: Tier,
        interface: &InterfaceState,
        board: &WorkerBoard,
    ) -> Option<Step> {
        if now - self.looked < LOOK {
            return None;
        }
        self.looked = now;
        let reading = self.read(interface, board)?;
        self.look_at_polling(interface, board);
        let verdict = self.canary.look(reading);
        interface.set_lost_in_redirect(self.lost_before + self.canary.lost());
        let name = &interface.name;
        match verdict {
            Verdict::Nothing => None,
            Verdict::Losing(frames) => {
                warn!(
                    interface = name,
                    %tier,
                    frames,
                    "frames that the XDP program redirected did not arrive, and no socket counted them as dropped; \
                     `gateway_xdp_lost_in_redirect_total` goes on counting"
                );
                None
            }
            Verdict::Deaf(frames) => {
                let obstacle = Obstacle::new(
                    format!(
                        "the XDP program redirected {frames} frames, and not one arrived: the driver takes the program and \
                         does not redirect"
                    ),
                    "use a newer kernel or driver, or leave it at the tier below; SIGUSR1 has it tried again",
                );
                error!(interface = name, %tier, frames, reason = obstacle.reason, "the tier does not work");
                Some(Step::new(tier, obstacle))
            }
        }
    }

    /// Counts the addresses in the device's multicast filter, if it is time to, and says once where they are too many.
    pub(super) fn count_addresses(
        &mut self,
        now: Duration,
        index: u32,
        driver: &str,
        interface: &InterfaceState,
    ) {
        if self.counted.is_some_and(|counted| now - counted < COUNT) {
            return;
        }
        self.counted = Some(now);
        let Some(addresses) = filter_table::listed_now(index) else {
            return;
        };
        let addresses = addresses.len();
        interface.set_multicast_addresses(addresses as u64);
        if addresses <= self.told_too_many {
            return;
        }
        if let Some(obstacle) = filter_table::overflow(&interface.name, driver, addresses) {
            self.told_too_many = addresses;
            warn!(
                interface = interface.name,
                reason = obstacle.reason,
                remedy = obstacle.remedy,
                "the multicast filter may not let all groups in"
            );
        }
    }

    /// Says once where busy polling was asked for, and the kernel does not do it.
    fn look_at_polling(&mut self, interface: &InterfaceState, board: &WorkerBoard) {
        if self.told_in_vain {
            return;
        }
        let kernel = interface.way().facts.kernel_version();
        for seat in interface.inputs.iter().filter(|seat| seat.is_plugged()) {
            let packets = board.inputs[seat.seat.index].read().packets;
            if let BusyPolling::InVain(reason) = seat.busy_polling(kernel, packets) {
                self.told_in_vain = true;
                let queue = seat.plugged().and_then(|plugged| plugged.queue);
                warn!(
                    interface = interface.name,
                    queue,
                    reason,
                    remedy = busy_poll::REMEDY,
                    "busy polling was asked for, and the kernel does not poll"
                );
                return;
            }
        }
    }

    /// The counts since the present opening; `None` where there is no program.
    fn read(&self, interface: &InterfaceState, board: &WorkerBoard) -> Option<Reading> {
        let redirected = interface.way().redirected_now()?;
        let at_ns = Clock::global().steady_now();
        // Before the counts, so that they are at least as new.
        let shown_ns = board.shown_ns();
        let plugged = || interface.inputs.iter().filter(|seat| seat.is_plugged());
        let drops = plugged().filter_map(|seat| seat.drops_now());
        Some(Reading {
            at_ns,
            shown_ns,
            redirected,
            taken: taken(interface, board).saturating_sub(self.taken_before),
            // Not the FILL ring's: without a frame to fill the driver drops before the program runs, and copying counts
            // such a packet under `rx_dropped` as well (net/xdp/xsk.c).
            dropped: drops
                .map(|drops| drops.rx_dropped + drops.rx_ring_full)
                .sum(),
            empty_polls: plugged()
                .map(|seat| board.inputs[seat.seat.index].read().empty_polls)
                .collect(),
        })
    }
}

/// Frames taken off all rings of an interface since the start.
fn taken(interface: &InterfaceState, board: &WorkerBoard) -> u64 {
    let seats = interface.inputs.iter();
    seats
        .map(|seat| board.inputs[seat.seat.index].read().taken())
        .sum()
}
