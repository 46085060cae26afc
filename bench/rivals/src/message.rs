//! What all queues carry: 56 bytes, each of them a function of the message's number.

/// Seven words. The first begins with the header of an order's record as our queue and its client know it: 14 words of
/// 32 bits, type 0xA0.
pub(crate) type Message = [u64; 7];

/// The number of the message that ends a measurement.
pub(crate) const END: u64 = u64::MAX >> 8;

/// Message number `n`.
#[inline(always)]
pub(crate) const fn message(n: u64) -> Message {
    [
        n << 16 | 0xA0 << 8 | 14,
        n,
        n ^ 2,
        n ^ 3,
        n ^ 4,
        n ^ 5,
        n ^ 6,
    ]
}

/// The number of a message.
#[inline(always)]
pub(crate) const fn number(message: &Message) -> u64 {
    message[1]
}

/// Whether `received` is message number `n`, every word of it.
#[inline(always)]
pub(crate) fn is_message(received: &Message, n: u64) -> bool {
    let expected = message(n);
    let mut difference = 0;
    for (got, wanted) in received.iter().zip(&expected) {
        difference |= got ^ wanted;
    }
    difference == 0
}

/// Counts the messages of a stream, and those that are not the next one, whole.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// Number of the next message.
    pub(crate) next: u64,
    /// Messages that were torn, out of order, or followed a loss.
    pub(crate) wrong: u64,
}

impl Checker {
    /// Takes a message; whether it was [`END`].
    #[inline(always)]
    pub(crate) fn take(&mut self, received: &Message) -> bool {
        if is_message(received, self.next) {
            self.next += 1;
            return false;
        }
        self.other(received)
    }

    #[cold]
    fn other(&mut self, received: &Message) -> bool {
        if is_message(received, END) {
            return true;
        }
        self.wrong += 1;
        self.next = number(received) + 1;
        false
    }

    /// # Errors
    /// Where a message was wrong: the figures beside it are worth nothing.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.wrong == 0,
            "{} of {} messages were torn, lost or out of order",
            self.wrong,
            self.next
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_a_lost_and_a_repeated_message_are_each_noticed() {
        let mut torn = message(1);
        torn[6] = message(2)[6];
        for wrong in [torn, message(2), message(0)] {
            let mut checker = Checker::default();
            assert!(!checker.take(&message(0)));
            assert!(!checker.take(&wrong));
            assert_eq!(checker.wrong, 1);
            assert!(checker.finish().is_err());
        }
    }

    #[test]
    fn a_whole_stream_ends_without_a_complaint() {
        let mut checker = Checker::default();
        assert!((0..300).all(|n| !checker.take(&message(n))));
        assert!(checker.take(&message(END)));
        assert_eq!((checker.next, checker.wrong), (300, 0));
    }
}
