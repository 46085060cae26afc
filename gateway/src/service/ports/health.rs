//! What is looked at while an interface receives: whether what its program redirects arrives.

use std::time::Duration;

use gateway_queue::clock::Clock;
use tracing::{error, warn};

use crate::ingest::canary::{Canary, Reading, Verdict};
use crate::ingest::{Obstacle, Step, Tier};
use crate::service::inputs::InterfaceState;
use crate::worker::board::WorkerBoard;

/// How often the counts are compared.
const LOOK: Duration = Duration::from_millis(200);

/// What was found of one interface.
#[derive(Debug, Default)]
pub(super) struct Health {
    canary: Canary,
    /// Lost before the present opening.
    lost_before: u64,
    /// Frames that were taken off its rings before the present opening.
    taken_before: u64,
    looked: Duration,
}

impl Health {
    /// Begins anew, because the interface was opened again.
    pub(super) fn reopened(&mut self, interface: &InterfaceState, board: &WorkerBoard) {
        *self = Self {
            canary: Canary::default(),
            lost_before: self.lost_before + self.canary.lost(),
            taken_before: taken(interface, board),
            looked: self.looked,
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

    /// The counts since the present opening; `None` where there is no program.
    fn read(&self, interface: &InterfaceState, board: &WorkerBoard) -> Option<Reading> {
        let redirected = interface.way().redirected_now()?;
        let at_ns = Clock::global().now();
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
