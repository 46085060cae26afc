//! Reading a queue.

use std::ffi::c_char;
use std::time::Duration;

use client::{Checkpoint, Clock, JoinOutcome, Subscription};

use crate::arguments::{exclusive, hand_out, reference, take_back, text};
use crate::connection::gateway_client;
use crate::event::{Step, gateway_event};
use crate::options::gateway_subscribe_options;
use crate::status::{Failure, gateway_status, guard, guarded};

/// A reader of one queue. One thread at a time may use it; which one may change.
pub struct gateway_subscription {
    pub(crate) inner: Subscription,
}

// A subscription that another owns is as good as a handle. (`repr(transparent)` would say so, but cbindgen would then
// name the Rust type in the header.)
const _: () = {
    assert!(std::mem::offset_of!(gateway_subscription, inner) == 0);
    assert!(size_of::<gateway_subscription>() == size_of::<Subscription>());
    assert!(align_of::<gateway_subscription>() == align_of::<Subscription>());
};

impl gateway_subscription {
    /// A handle of a subscription that somebody else owns.
    pub(crate) fn borrowed(subscription: &mut Subscription) -> *mut Self {
        std::ptr::from_mut(subscription).cast()
    }
}

/// Signs of life of the worker that publishes a queue.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_health {
    /// Its last heartbeat, nanoseconds since the Unix epoch (compare `gateway_clock_now_ns`); 0 before the first.
    pub heartbeat_ns: u64,
    /// Whether the queue is still being written.
    pub live: bool,
}

/// Where a reader is, in a form that outlives it: a strategy that keeps it goes on there after a restart of its own, by
/// `start_run` and `start_position` of its options.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_checkpoint {
    /// The gateway's run that `position` belongs to.
    pub run: u64,
    /// The next slot to be read, counted since that run began.
    pub position: u64,
}

impl From<Checkpoint> for gateway_checkpoint {
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            run: checkpoint.run,
            position: checkpoint.position,
        }
    }
}

/// What was possible of where a reader asked to begin.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum gateway_join_outcome {
    /// It begins where it asked.
    GATEWAY_JOINED_AS_ASKED = 0,
    /// Slots from the place asked for are overwritten; the first poll reports them as lost.
    GATEWAY_JOINED_LATER = 1,
    /// The position is yet to come: it begins at the next slot to be published.
    GATEWAY_JOINED_NOT_YET = 2,
    /// The position belongs to another run of the gateway: it begins at the oldest record of this one.
    GATEWAY_JOINED_OTHER_RUN = 3,
}

/// What became of the wish to begin at a certain place.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_joined {
    /// The first slot that will be read, counted since the gateway started.
    pub position: u64,
    /// The next slot to be published at that moment.
    pub head: u64,
    /// Slots that are overwritten, of `GATEWAY_JOINED_LATER`; else 0.
    pub lost_slots: u64,
    /// What was possible.
    pub outcome: gateway_join_outcome,
}

/// Begins to read the queue called `queue`. `options` may be null for the defaults. `*subscription` is the reader, or
/// null after a failure; end it with `gateway_subscription_close`.
///
/// Fails with `GATEWAY_ERROR_UNKNOWN_QUEUE`, `GATEWAY_ERROR_NOT_ENTITLED`, `GATEWAY_ERROR_BUSY`,
/// `GATEWAY_ERROR_REFUSED`, `GATEWAY_ERROR_QUEUE`, `GATEWAY_ERROR_CONNECT` or `GATEWAY_ERROR_BROKEN`.
///
/// # Safety
/// `client` is an open connection, `queue` a zero-terminated text, `options` as its first field says, `subscription`
/// may be written; what must not be null is refused where it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_subscribe(
    client: *const gateway_client,
    queue: *const c_char,
    options: *const gateway_subscribe_options,
    subscription: *mut *mut gateway_subscription,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(subscription, "subscription", || {
                let client = reference(client, "client")?;
                let queue = text(queue, "queue")?;
                let options = gateway_subscribe_options::read(options)?;
                let inner = client.inner.subscribe(queue, &options)?;
                Ok(gateway_subscription { inner })
            })
        }
    })
}

/// Ends the subscription; null is nothing. Its last record is gone with it.
///
/// # Safety
/// `subscription` is null or an open one, and nobody uses it or its record any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_close(subscription: *mut gateway_subscription) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(subscription) };
        Ok(())
    });
}

/// Takes the next record, if there is one, and returns at once. No system call while records arrive.
///
/// Returns a `gateway_event_kind`, or a negative `gateway_status`, after which `*event` is unchanged.
///
/// # Safety
/// `subscription` is an open one that no other thread uses meanwhile, and `event` may be written; each may be null,
/// which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_poll(
    subscription: *mut gateway_subscription,
    event: *mut gateway_event,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { step(subscription, event, |inner| Step::of(&inner.poll())) }
}

/// Waits for the next event as the subscription's options say, no longer than `timeout_ns` nanoseconds, after which
/// it is `GATEWAY_EVENT_EMPTY`.
///
/// Returns a `gateway_event_kind`, or a negative `gateway_status`, after which `*event` is unchanged.
///
/// # Safety
/// As of `gateway_subscription_poll`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_wait(
    subscription: *mut gateway_subscription,
    timeout_ns: u64,
    event: *mut gateway_event,
) -> i32 {
    let timeout = Duration::from_nanos(timeout_ns);
    // SAFETY: the caller's promise.
    unsafe { step(subscription, event, |inner| Step::of(&inner.wait(timeout))) }
}

/// # Safety
/// As of `gateway_subscription_poll`.
#[inline(always)]
unsafe fn step(
    subscription: *mut gateway_subscription,
    event: *mut gateway_event,
    take: impl FnOnce(&mut Subscription) -> Step,
) -> i32 {
    let kind = guarded(|| {
        if event.is_null() {
            return Err(Failure::argument("`event` is null"));
        }
        // SAFETY: the caller's promise.
        let subscription = unsafe { exclusive(subscription, "subscription")? };
        let step = take(&mut subscription.inner);
        let found = gateway_event::new(step, &subscription.inner);
        // SAFETY: not null, and the caller's promise.
        unsafe { event.write(found) };
        Ok(found.kind)
    });
    match kind {
        Ok(kind) => kind as i32,
        Err(status) => status as i32,
    }
}

/// Subscribes to the queue of the same name again, after `GATEWAY_EVENT_CLOSED`: after the last record read where the
/// gateway is still the same, else from the first record of its successor. What is overwritten by then is reported as
/// lost.
///
/// Fails as `gateway_client_subscribe` does; the subscription is unchanged then, and the caller may try again later.
///
/// # Safety
/// `subscription` is an open one that no other thread uses meanwhile, or null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_reattach(
    subscription: *mut gateway_subscription,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { exclusive(subscription, "subscription")? }
            .inner
            .reattach()?;
        Ok(())
    })
}

/// Says where the reader is.
///
/// # Safety
/// `subscription` is an open one that no other thread uses meanwhile and `checkpoint` may be written; each may be null,
/// which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_checkpoint(
    subscription: *const gateway_subscription,
    checkpoint: *mut gateway_checkpoint,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (subscription, place) = unsafe {
            (
                reference(subscription, "subscription")?,
                exclusive(checkpoint, "checkpoint")?,
            )
        };
        *place = subscription.inner.checkpoint().into();
        Ok(())
    })
}

/// Says where the reader began when it subscribed or last re-attached, and what was possible.
///
/// # Safety
/// `subscription` is an open one that no other thread uses meanwhile and `joined` may be written; each may be null,
/// which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_joined(
    subscription: *const gateway_subscription,
    joined: *mut gateway_joined,
) -> gateway_status {
    use gateway_join_outcome::{
        GATEWAY_JOINED_AS_ASKED, GATEWAY_JOINED_LATER, GATEWAY_JOINED_NOT_YET,
        GATEWAY_JOINED_OTHER_RUN,
    };
    guard(|| {
        // SAFETY: the caller's promise.
        let (subscription, place) = unsafe {
            (
                reference(subscription, "subscription")?,
                exclusive(joined, "joined")?,
            )
        };
        let found = subscription.inner.joined();
        let (outcome, lost_slots) = match found.outcome {
            JoinOutcome::AsAsked => (GATEWAY_JOINED_AS_ASKED, 0),
            JoinOutcome::Later { slots } => (GATEWAY_JOINED_LATER, slots),
            JoinOutcome::NotYet => (GATEWAY_JOINED_NOT_YET, 0),
            JoinOutcome::OtherRun => (GATEWAY_JOINED_OTHER_RUN, 0),
        };
        *place = gateway_joined {
            position: found.position,
            head: found.head,
            lost_slots,
            outcome,
        };
        Ok(())
    })
}

/// Position of the next slot to be read, counted since the gateway started; 0 where `subscription` is null.
///
/// # Safety
/// `subscription` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_position(
    subscription: *const gateway_subscription,
) -> u64 {
    let found = guarded(|| {
        // SAFETY: the caller's promise.
        let subscription = unsafe { reference(subscription, "subscription")? };
        Ok(subscription.inner.position())
    });
    found.unwrap_or(0)
}

/// Slots lost so far; 0 where `subscription` is null.
///
/// # Safety
/// `subscription` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_lost_slots(
    subscription: *const gateway_subscription,
) -> u64 {
    let found = guarded(|| {
        // SAFETY: the caller's promise.
        let subscription = unsafe { reference(subscription, "subscription")? };
        Ok(subscription.inner.lost())
    });
    found.unwrap_or(0)
}

/// When the queue was made, nanoseconds since the Unix epoch; 0 where `subscription` is null. A queue that took
/// another's place has a later epoch.
///
/// # Safety
/// `subscription` is null or an open one that no other thread uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_epoch(
    subscription: *const gateway_subscription,
) -> u64 {
    let epoch = guarded(|| {
        // SAFETY: the caller's promise.
        let subscription = unsafe { reference(subscription, "subscription")? };
        Ok(subscription.inner.header().epoch)
    });
    epoch.unwrap_or(0)
}

/// Looks for the publisher's signs of life: a worker that is stuck has an old heartbeat while its gateway is
/// connected.
///
/// # Safety
/// `subscription` is an open one that no other thread uses meanwhile and `health` may be written; each may be null,
/// which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_subscription_health(
    subscription: *const gateway_subscription,
    health: *mut gateway_health,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (subscription, place) = unsafe {
            (
                reference(subscription, "subscription")?,
                exclusive(health, "health")?,
            )
        };
        let found = subscription.inner.health();
        *place = gateway_health {
            heartbeat_ns: found.heartbeat_ns,
            live: found.state == client::QueueState::Live,
        };
        Ok(())
    })
}

/// Nanoseconds since the Unix epoch by the gateway's clock, without a system call: what `ts_recv` is to be compared
/// with. The first call of a process takes about 20 ms; a subscription makes it.
#[unsafe(no_mangle)]
pub extern "C" fn gateway_clock_now_ns() -> u64 {
    guarded(|| Ok(Clock::global().now())).unwrap_or(0)
}
