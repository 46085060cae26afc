//! Reading several queues as one.

use std::ptr::null_mut;
use std::time::Duration;

use client::{Event, MultiSubscriber};

use crate::arguments::{exclusive, hand_out, reference, take_back};
use crate::event::{Step, gateway_event};
use crate::options::wait_strategy;
use crate::status::{Failure, gateway_status, guard, guarded};
use crate::subscription::gateway_subscription;

/// Reads several queues, each in its own order and in no order between them. Fair: after an event of one queue all others
/// are asked before it is asked again. One thread at a time may use it; which one may change.
pub struct gateway_multi_subscriber {
    inner: MultiSubscriber,
}

/// Makes one that reads no queue yet. `wait` is a `gateway_wait`, which counts for all its queues, whatever the options of
/// the subscriptions say; `sleep_ns` the nanoseconds between two polls of `GATEWAY_WAIT_SLEEP`, 0 for 50,000.
/// `*queues` is the result, or null after a failure; end it with `gateway_multi_subscriber_close`.
///
/// Fails with `GATEWAY_ERROR_ARGUMENT`.
///
/// # Safety
/// `queues` may be written, or is null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_open(
    wait: u32,
    sleep_ns: u64,
    queues: *mut *mut gateway_multi_subscriber,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(queues, "queues", || {
                let wait = wait_strategy(wait, sleep_ns)?;
                let inner = MultiSubscriber::new(wait);
                Ok(gateway_multi_subscriber { inner })
            })
        }
    })
}

/// Ends it and all its subscriptions; null is nothing.
///
/// # Safety
/// `queues` is null or an open one, and nobody uses it, a subscription or a record of it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_close(queues: *mut gateway_multi_subscriber) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(queues) };
        Ok(())
    });
}

/// Reads one more queue, whose events come under the number `*queue`: 0 for the first, and so on. The subscription is
/// the multi-subscriber's from then on, and the caller's handle is closed; after a failure it is the caller's still.
///
/// Fails with `GATEWAY_ERROR_ARGUMENT` where a pointer is null; only `queue` may be.
///
/// # Safety
/// `queues` and `subscription` are open and nobody else uses them, `subscription` came from `gateway_client_subscribe`,
/// and `queue` is null or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_add(
    queues: *mut gateway_multi_subscriber,
    subscription: *mut gateway_subscription,
    queue: *mut usize,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let queues = unsafe { exclusive(queues, "queues")? };
        if subscription.is_null() {
            return Err(Failure::argument("`subscription` is null"));
        }
        // SAFETY: not null, made by `gateway_client_subscribe` as a box, and the caller gives it away.
        let subscription = unsafe { Box::from_raw(subscription) };
        let number = queues.inner.add(subscription.inner);
        // SAFETY: the caller's promise.
        if let Some(place) = unsafe { queue.as_mut() } {
            *place = number;
        }
        Ok(())
    })
}

/// Takes the next event of any queue, and the queue's number, and returns at once. A queue's end is told once.
///
/// Returns a `gateway_event_kind`, `GATEWAY_EVENT_EMPTY` where no queue has anything, with `*queue` 0; or a negative
/// `gateway_status`, after which `*queue` and `*event` are unchanged.
///
/// # Safety
/// `queues` is an open one that no other thread uses meanwhile, `queue` and `event` may be written; each may be null,
/// which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_poll(
    queues: *mut gateway_multi_subscriber,
    queue: *mut usize,
    event: *mut gateway_event,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { step(queues, queue, event, |inner| found(inner.poll())) }
}

/// Waits for the next event of any queue, no longer than `timeout_ns` nanoseconds, after which it is
/// `GATEWAY_EVENT_EMPTY`.
///
/// Returns as `gateway_multi_subscriber_poll` does.
///
/// # Safety
/// As of `gateway_multi_subscriber_poll`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_wait(
    queues: *mut gateway_multi_subscriber,
    timeout_ns: u64,
    queue: *mut usize,
    event: *mut gateway_event,
) -> i32 {
    let timeout = Duration::from_nanos(timeout_ns);
    // SAFETY: the caller's promise.
    unsafe { step(queues, queue, event, |inner| found(inner.wait(timeout))) }
}

#[inline(always)]
fn found(event: Option<(usize, Event<'_>)>) -> Option<(usize, Step)> {
    event.map(|(queue, event)| (queue, Step::of(&event)))
}

/// # Safety
/// As of `gateway_multi_subscriber_poll`.
#[inline(always)]
unsafe fn step(
    queues: *mut gateway_multi_subscriber,
    queue: *mut usize,
    event: *mut gateway_event,
    take: impl FnOnce(&mut MultiSubscriber) -> Option<(usize, Step)>,
) -> i32 {
    let kind = guarded(|| {
        if queue.is_null() || event.is_null() {
            return Err(Failure::argument("`queue` or `event` is null"));
        }
        // SAFETY: the caller's promise.
        let inner = &mut unsafe { exclusive(queues, "queues")? }.inner;
        let (number, event_found) = match take(inner) {
            Some((number, step)) => match inner.get(number) {
                Some(subscription) => (number, gateway_event::new(step, subscription)),
                None => (0, gateway_event::EMPTY),
            },
            None => (0, gateway_event::EMPTY),
        };
        // SAFETY: not null, and the caller's promise.
        unsafe {
            queue.write(number);
            event.write(event_found);
        }
        Ok(event_found.kind)
    });
    match kind {
        Ok(kind) => kind as i32,
        Err(status) => status as i32,
    }
}

/// Whether every queue has ended, and every end was told. Without any queue it is; where `queues` is null, too.
///
/// # Safety
/// `queues` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_is_over(
    queues: *const gateway_multi_subscriber,
) -> bool {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(queues, "queues")? }.inner.is_over())).unwrap_or(true)
}

/// How many queues there are, ended ones too; 0 where `queues` is null.
///
/// # Safety
/// `queues` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_count(
    queues: *const gateway_multi_subscriber,
) -> usize {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(queues, "queues")? }.inner.len())).unwrap_or(0)
}

/// The subscription of that number: to ask it for its position, losses or checkpoint, and to re-attach it after its end;
/// null behind the last. It is the multi-subscriber's and must not be closed; the pointer is valid until the next
/// `gateway_multi_subscriber_add` or `_close`.
///
/// # Safety
/// `queues` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_multi_subscriber_at(
    queues: *mut gateway_multi_subscriber,
    queue: usize,
) -> *mut gateway_subscription {
    let found = guarded(|| {
        // SAFETY: the caller's promise.
        let inner = &mut unsafe { exclusive(queues, "queues")? }.inner;
        Ok(inner
            .get_mut(queue)
            .map_or(null_mut(), gateway_subscription::borrowed))
    });
    found.unwrap_or(null_mut())
}
