//! The hot path of our queue as functions of their own, to be disassembled: in the product it is inlined.

use gateway_queue::{Poll, Publisher, Subscriber};

/// Publishes a record of one slot.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) fn gateway_hot_publish(publisher: &mut Publisher, record: &[u64; 7]) {
    publisher.publish_array(record);
}

/// Polls once; whether there was a record.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) fn gateway_hot_poll(subscriber: &mut Subscriber, record: &mut [u64; 7]) -> bool {
    match subscriber.poll() {
        Poll::Record(found) => {
            for (to, from) in record.iter_mut().zip(found.words) {
                *to = *from;
            }
            true
        }
        _ => false,
    }
}

type Publish = fn(&mut Publisher, &[u64; 7]);
type Poll7 = fn(&mut Subscriber, &mut [u64; 7]) -> bool;

/// Their addresses.
pub(crate) const FUNCTIONS: (Publish, Poll7) = (gateway_hot_publish, gateway_hot_poll);
