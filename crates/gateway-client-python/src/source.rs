//! Where records come from: one queue, or several.

use std::time::Duration;

use gateway_client::{MultiSubscriber, RECORD_WORDS_MAX, Subscription, Taken};

/// Room for any record.
pub(crate) type Place = [u64; RECORD_WORDS_MAX];

/// One queue or several, each with a number.
pub(crate) trait Source: Send {
    /// Takes the next event of any queue, if there is one; never [`Taken::Empty`].
    fn take_into(&mut self, place: &mut Place) -> Option<(usize, Taken)>;
    /// Waits for the next event of any queue; never [`Taken::Empty`].
    fn wait_into(&mut self, place: &mut Place, limit: Duration) -> Option<(usize, Taken)>;
    /// Takes the next event of that queue.
    fn more_into(&mut self, index: usize, place: &mut Place) -> Taken;
    /// The subscription of that number.
    fn get(&self, index: usize) -> Option<&Subscription>;
    /// The subscription of that number, to be re-attached.
    fn get_mut(&mut self, index: usize) -> Option<&mut Subscription>;
    /// Whether nothing can come any more.
    fn is_over(&self) -> bool;
}

fn something(taken: Taken) -> Option<(usize, Taken)> {
    (taken != Taken::Empty).then_some((0, taken))
}

impl Source for Subscription {
    fn take_into(&mut self, place: &mut Place) -> Option<(usize, Taken)> {
        something(self.take_into(place))
    }

    fn wait_into(&mut self, place: &mut Place, limit: Duration) -> Option<(usize, Taken)> {
        something(self.wait_into(place, limit))
    }

    fn more_into(&mut self, _index: usize, place: &mut Place) -> Taken {
        self.take_into(place)
    }

    fn get(&self, _index: usize) -> Option<&Subscription> {
        Some(self)
    }

    fn get_mut(&mut self, _index: usize) -> Option<&mut Subscription> {
        Some(self)
    }

    /// Its end is an event, and comes again.
    fn is_over(&self) -> bool {
        false
    }
}

impl Source for MultiSubscriber {
    fn take_into(&mut self, place: &mut Place) -> Option<(usize, Taken)> {
        self.take_into(place)
    }

    fn wait_into(&mut self, place: &mut Place, limit: Duration) -> Option<(usize, Taken)> {
        self.wait_into(place, limit)
    }

    fn more_into(&mut self, index: usize, place: &mut Place) -> Taken {
        self.get_mut(index)
            .map_or(Taken::Empty, |member| member.take_into(place))
    }

    fn get(&self, index: usize) -> Option<&Subscription> {
        self.get(index)
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Subscription> {
        self.get_mut(index)
    }

    fn is_over(&self) -> bool {
        self.is_over()
    }
}
