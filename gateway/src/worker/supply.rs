//! The line between a channel in its worker and who recovers for it in the control plane.
//!
//! Three bounded channels. What the channel wants goes up ([`Demand`]); what was had comes down as a command of the
//! worker ([`Command::Supply`]); and what the worker is done with goes up again ([`Returned`]), because it never frees.
//! None of them can stop either side:
//!
//! | full | what happens |
//! |---|---|
//! | demands | a demand is a level: the worker tells the newest at its next look, and counts that it was delayed |
//! | supplies | no more than [`SUPPLIES_MAX`] are out at a time: more are refused, counted, and planned anew |
//! | returns | cannot be: there is room for all that may be out |
//!
//! The worker pays for this only when its channel is due: while nothing is missing, nothing here runs.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use gateway_feed::recovery::{Demand, Supply, SupplyError, SupplyItem};
use gateway_feed::sink::{Nanos, RecordSink};

use super::control::{Command, CommandError, Controls};
use super::feed::FeedChannel;

/// Supplies of a channel that may be out at a time.
pub(crate) const SUPPLIES_MAX: usize = 128;
/// Demands that may wait for the control plane, which wants the newest only.
const DEMANDS_MAX: usize = 16;

/// A supply that the worker is done with.
#[derive(Debug)]
pub struct Returned {
    /// What was given.
    pub supply: Supply,
    /// What the channel made of it.
    pub result: Result<(), SupplyError>,
}

/// The control plane's end.
#[derive(Debug)]
pub struct SupplyLine {
    controls: Controls,
    channel: usize,
    demands: Receiver<Demand>,
    returned: Receiver<Returned>,
    out: usize,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct LaneSupply {
    demands: Sender<Demand>,
    returned: Sender<Returned>,
    /// The snapshot that the channel is taking: its bytes are freed by whoever has it last, which is not the worker.
    taking: Option<Supply>,
}

/// Whether a line has something for the control plane, for a thread that looks after many.
#[derive(Clone, Debug)]
pub(crate) struct News {
    demands: Receiver<Demand>,
    returned: Receiver<Returned>,
}

/// A line for the worker's channel of that index.
pub(crate) fn line(controls: Controls, channel: usize) -> (SupplyLine, LaneSupply) {
    let (demands_in, demands) = bounded(DEMANDS_MAX);
    let (returned_in, returned) = bounded(SUPPLIES_MAX);
    let line = SupplyLine {
        controls,
        channel,
        demands,
        returned,
        out: 0,
    };
    let lane = LaneSupply {
        demands: demands_in,
        returned: returned_in,
        taking: None,
    };
    (line, lane)
}

impl SupplyLine {
    /// What the channel wants now, if that has changed since the last look.
    pub(crate) fn demand(&self) -> Option<Demand> {
        self.demands.try_iter().last()
    }

    /// Gives the channel something.
    ///
    /// # Errors
    /// [`CommandError`]: it was not taken. Too many are out, or the worker has ended.
    pub(crate) fn give(&mut self, supply: Supply) -> Result<(), CommandError> {
        if self.out >= SUPPLIES_MAX {
            return Err(CommandError::Full);
        }
        let channel = self.channel;
        self.controls.send(Command::Supply { channel, supply })?;
        self.out += 1;
        Ok(())
    }

    /// Takes something back that the worker is done with.
    pub(crate) fn take_back(&mut self) -> Option<Returned> {
        let returned = self.returned.try_recv().ok()?;
        self.out -= 1;
        Some(returned)
    }

    /// For whoever looks when there is something to take.
    pub(crate) fn news(&self) -> News {
        News {
            demands: self.demands.clone(),
            returned: self.returned.clone(),
        }
    }
}

impl News {
    /// Whether there is any.
    pub(crate) fn is_there(&self) -> bool {
        !self.demands.is_empty() || !self.returned.is_empty()
    }
}

impl LaneSupply {
    /// Hands a supply to the channel, and gives it back unless it is a snapshot that is being taken now.
    #[cold]
    pub(super) fn take<S: RecordSink>(
        &mut self,
        feed: &mut FeedChannel,
        now: Nanos,
        supply: Supply,
        sink: &mut S,
    ) {
        let result = feed.supply(now, &supply, sink);
        if result.is_ok() && matches!(supply.item, SupplyItem::Snapshot(_)) {
            // The one before is through, else this one had been refused.
            if let Some(before) = self.taking.replace(supply) {
                self.give_back(before, Ok(()));
            }
        } else {
            self.give_back(supply, result);
        }
    }

    /// Tells what the channel wants, and gives a snapshot back that is through. To be called when the channel was due.
    pub(super) fn attend(&mut self, feed: &mut FeedChannel) {
        let demands = &self.demands;
        // Where the control plane is gone there is nobody to be told.
        feed.tell_demand(|demand| !matches!(demands.try_send(*demand), Err(TrySendError::Full(_))));
        if self.taking.is_some()
            && !feed.takes_snapshot()
            && let Some(supply) = self.taking.take()
        {
            self.give_back(supply, Ok(()));
        }
    }

    /// Tells what a channel would want.
    #[cfg(test)]
    pub(crate) fn tell(&self, demand: Demand) {
        let _ = self.demands.try_send(demand);
    }

    /// Gives a supply back to be freed.
    pub(crate) fn give_back(&self, supply: Supply, result: Result<(), SupplyError>) {
        // There is room for all that may be out. Where the control plane is gone it is freed here.
        let _ = self.returned.try_send(Returned { supply, result });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::control;
    use super::*;

    fn give_up(serial: u64) -> Supply {
        Supply {
            epoch: 1,
            serial,
            item: SupplyItem::GiveUp { before: serial },
        }
    }

    #[test]
    fn what_is_out_is_bounded_and_comes_back_however_slow_the_control_plane_is() {
        let (controls, mut inbox) = control::line(1);
        let (mut line, lane) = line(controls.clone(), 0);
        for serial in 0..SUPPLIES_MAX as u64 {
            line.give(give_up(serial)).unwrap();
        }
        assert_eq!(line.give(give_up(500)), Err(CommandError::Full));
        // Supplies leave room for other commands.
        controls.send(Command::Stop).unwrap();
        while let Some(Command::Supply { supply, .. }) = inbox.next() {
            lane.give_back(supply, Ok(()));
        }
        assert!(line.news().is_there());
        assert_eq!(line.give(give_up(500)), Err(CommandError::Full));
        let back: Vec<u64> = std::iter::from_fn(|| line.take_back())
            .map(|returned| returned.supply.serial)
            .collect();
        assert_eq!(back, Vec::from_iter(0..SUPPLIES_MAX as u64));
        assert!(!line.news().is_there());
        line.give(give_up(500)).unwrap();
    }

    #[test]
    fn of_several_demands_the_newest_counts() {
        let (controls, _inbox) = control::line(1);
        let (line, lane) = line(controls, 0);
        assert!(line.demand().is_none());
        for next in 0..DEMANDS_MAX as u64 {
            let demand = Demand::new(1, Default::default(), next, 0);
            lane.demands.try_send(demand).unwrap();
        }
        let newest = line.demand().unwrap();
        assert_eq!(newest.next, DEMANDS_MAX as u64 - 1);
        assert!(line.demand().is_none());
    }
}
