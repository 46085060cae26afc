//! Several queues read as one.

use std::time::Duration;

use gateway_queue::{Asleep, RECORD_WORDS_MAX};

use crate::subscription::Step;
use crate::wait::Deadline;
use crate::{Closed, Event, Subscription, Taken, WaitStrategy};

/// Reads several queues, each in its own order, in no order between them: records of two queues that were published at
/// the same time come in either order.
///
/// Fair: after an event of one queue all others are asked before it is asked again, so that a queue with a backlog holds
/// up another by one record at most.
///
/// ```no_run
/// use gateway_client::{Client, Event, MultiSubscriber, SubscribeOptions, WaitStrategy};
///
/// let client = Client::connect("/run/gateway/broker.sock")?;
/// let options = SubscribeOptions::named("my-strategy");
/// let mut queues = MultiSubscriber::new(WaitStrategy::Spin);
/// for name in ["nasdaq", "bx"] {
///     queues.add(client.subscribe(name, &options)?);
/// }
/// while !queues.is_over() {
///     match queues.poll() {
///         Some((queue, Event::Record(record))) => println!("{queue}: {record:?}"),
///         Some((queue, Event::Lost(slots))) => eprintln!("{queue}: {slots} slots lost"),
///         Some((queue, Event::Closed(reason))) => eprintln!("{queue}: {reason}"),
///         Some((_, Event::Empty)) | None => {}
///     }
/// }
/// # Ok::<(), gateway_client::ClientError>(())
/// ```
#[derive(Debug)]
pub struct MultiSubscriber {
    members: Vec<Member>,
    /// Who is asked first.
    next: usize,
    wait: WaitStrategy,
}

#[derive(Debug)]
struct Member {
    subscription: Subscription,
    /// The end that was reported; a subscription that was re-attached has none.
    told: Option<Closed>,
}

impl Member {
    /// Whether there is nothing more to say about this queue.
    fn is_over(&self) -> bool {
        self.told.is_some() && self.told == self.subscription.closed()
    }

    fn advance(&mut self) -> Step {
        if self.is_over() {
            return Step::Empty;
        }
        let step = self.subscription.advance();
        self.told = match step {
            Step::Closed(reason) => Some(reason),
            _ => None,
        };
        step
    }

    fn take_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Taken {
        if self.is_over() {
            return Taken::Empty;
        }
        let taken = self.subscription.take_into(place);
        self.told = match taken {
            Taken::Closed(reason) => Some(reason),
            _ => None,
        };
        taken
    }
}

impl MultiSubscriber {
    /// Reads no queue yet; [`Self::wait`] waits as `wait` says, whatever the options of the subscriptions say.
    #[must_use]
    pub const fn new(wait: WaitStrategy) -> Self {
        Self {
            members: Vec::new(),
            next: 0,
            wait,
        }
    }

    /// Reads one more queue; returns the number under which its events come: 0 for the first, and so on.
    pub fn add(&mut self, subscription: Subscription) -> usize {
        self.members.push(Member {
            subscription,
            told: None,
        });
        self.members.len() - 1
    }

    /// Takes the next event of any queue, with the queue's number; `None` where there is none. A queue's end is
    /// reported once. A record is valid until the next poll.
    #[inline]
    pub fn poll(&mut self) -> Option<(usize, Event<'_>)> {
        let (index, step) = self.advance()?;
        Some((index, self.members[index].subscription.event(step)))
    }

    /// Waits for the next event of any queue, but no longer than `timeout`, after which it is `None`.
    pub fn wait(&mut self, timeout: Duration) -> Option<(usize, Event<'_>)> {
        let (index, step) = self.waiting(timeout, Self::advance)?;
        Some((index, self.members[index].subscription.event(step)))
    }

    /// As [`Self::poll`], with the record where [`Subscription::take_into`] has it; never [`Taken::Empty`].
    pub fn take_into(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Option<(usize, Taken)> {
        self.first(|member| {
            let taken = member.take_into(place);
            (taken != Taken::Empty).then_some(taken)
        })
    }

    /// As [`Self::wait`], with the record where [`Subscription::take_into`] has it; never [`Taken::Empty`].
    pub fn wait_into(
        &mut self,
        place: &mut [u64; RECORD_WORDS_MAX],
        timeout: Duration,
    ) -> Option<(usize, Taken)> {
        self.waiting(timeout, |queues| queues.take_into(place))
    }

    /// What `take` finds within `timeout`.
    fn waiting<T>(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let mut found = take(self);
        if found.is_none() {
            let mut deadline = Deadline::after(timeout);
            while found.is_none() {
                self.pause(&deadline);
                found = take(self);
                if deadline.is_over(self.wait.sleeps()) {
                    break;
                }
            }
        }
        found
    }

    fn pause(&mut self, deadline: &Deadline) {
        match self.wait {
            WaitStrategy::Spin => std::hint::spin_loop(),
            WaitStrategy::Yield => std::thread::yield_now(),
            WaitStrategy::Sleep(duration) => std::thread::sleep(duration),
            WaitStrategy::Block => self.block(deadline.left()),
        }
        if self.wait.sleeps() {
            for member in &mut self.members {
                member.subscription.has_slept();
            }
        }
    }

    /// Sleeps until the gateway rings for any of the queues.
    fn block(&self, limit: Duration) {
        let (mut limit, mut sleepers) = (limit, Vec::with_capacity(self.members.len()));
        for member in self.members.iter().filter(|member| !member.is_over()) {
            let Some(asleep) = member.subscription.fall_asleep() else {
                return;
            };
            limit = limit.min(member.subscription.sleep_max());
            sleepers.push(asleep);
        }
        let _ = Asleep::wait_any(sleepers, limit);
    }

    /// Whether every queue has ended, and every end was reported. With no queue at all it is.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.members.iter().all(Member::is_over)
    }

    /// The subscription of that number: its position, its losses.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Subscription> {
        self.members.get(index).map(|member| &member.subscription)
    }

    /// The subscription of that number, to be re-attached after its end.
    #[must_use]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Subscription> {
        let member = self.members.get_mut(index);
        member.map(|member| &mut member.subscription)
    }

    /// How many queues there are, ended ones too.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The first event found, asking each queue once.
    #[inline]
    fn advance(&mut self) -> Option<(usize, Step)> {
        self.first(|member| {
            let step = member.advance();
            (!matches!(step, Step::Empty)).then_some(step)
        })
    }

    /// The first thing that `ask` finds, asking each queue once; the one behind it is asked first the next time.
    #[inline]
    fn first<T>(&mut self, mut ask: impl FnMut(&mut Member) -> Option<T>) -> Option<(usize, T)> {
        let count = self.members.len();
        for turn in 0..count {
            let index = self.next + turn;
            let index = if index < count { index } else { index - count };
            if let Some(found) = ask(&mut self.members[index]) {
                self.next = if index + 1 < count { index + 1 } else { 0 };
                return Some((index, found));
            }
        }
        None
    }
}
