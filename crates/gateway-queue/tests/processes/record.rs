//! Records that tell their own damage, and who keeps count of them.

use gateway_queue::{RecordRef, Subscriber};

/// Lengths in words, over and over: an order (56 bytes, one slot), a definition (520 bytes, ten slots), statistics
/// (80 bytes, two), an imbalance (112 bytes, two).
const LENGTHS: [usize; 8] = [7, 7, 7, 65, 7, 10, 7, 14];
/// Slots in front of each of these.
const OFFSETS: [u64; 8] = [0, 1, 2, 3, 13, 14, 16, 17];
/// Slots of all of them.
const PERIOD: u64 = 19;
pub(crate) const WORDS_MAX: usize = 65;

/// Where record `id` begins.
fn position(id: u64) -> u64 {
    id / 8 * PERIOD + OFFSETS[(id % 8) as usize]
}

/// Record `id` of the queue that `seed` tells from all others. Each word but the first follows from seed, record and
/// place; the last is a checksum of those before.
pub(crate) fn fill(seed: u64, id: u64, buffer: &mut [u64; WORDS_MAX]) -> &[u64] {
    let words = &mut buffer[..LENGTHS[(id % 8) as usize]];
    let last = words.len() - 1;
    for (index, word) in (0..).zip(words[..last].iter_mut()) {
        *word = (seed ^ id ^ (index << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    words[0] = (id << 8) | (words.len() as u64 * 2);
    words[last] = checksum(&words[..last]);
    words
}

fn checksum(words: &[u64]) -> u64 {
    words.iter().fold(0x6A09_E667_F3BC_C908, |sum, word| {
        (sum ^ word)
            .wrapping_mul(0x0000_0100_0000_01B3)
            .rotate_left(29)
    })
}

/// Follows one reader's stream and panics where it is not whole, in order, without repetition and accounted for to the
/// slot.
#[derive(Debug)]
pub(crate) struct Tally {
    seed: u64,
    /// Position up to which everything was received or counted as lost; unknown before the first of both.
    accounted: Option<u64>,
    /// Where the reader began.
    start: u64,
    /// The last that it heard was a loss.
    overtaken: bool,
    pub(crate) records: u64,
    /// Slots.
    pub(crate) lost: u64,
}

impl Tally {
    pub(crate) const fn new(seed: u64, start: u64) -> Self {
        Self {
            seed,
            accounted: None,
            start,
            overtaken: false,
            records: 0,
            lost: 0,
        }
    }

    pub(crate) fn record(&mut self, found: RecordRef<'_>) {
        let id = found.words[0] >> 8;
        let (last, others) = found.words.split_last().unwrap();
        assert_eq!(*last, checksum(others), "torn at {}", found.position);
        let mut expected = [0; WORDS_MAX];
        let expected = fill(self.seed, id, &mut expected);
        assert_eq!(found.words, expected, "not record {id}");
        assert_eq!(found.position, position(id), "record {id} is elsewhere");
        match self.accounted {
            Some(accounted) => assert_eq!(
                found.position, accounted,
                "repeated, reordered or missing: record {id}"
            ),
            // A reader that joins inside of a record goes on with the next one, and no later.
            None => assert!(
                (self.start..self.start + 10).contains(&found.position),
                "began at {}, first record at {}",
                self.start,
                found.position
            ),
        }
        self.accounted = Some(position(id + 1));
        self.overtaken = false;
        self.records += 1;
    }

    /// So many slots were lost.
    pub(crate) fn lose(&mut self, slots: u64, subscriber: &Subscriber) {
        assert!(slots > 0, "lost nothing");
        let (position, header) = (subscriber.position(), subscriber.header());
        if let Some(accounted) = self.accounted {
            assert_eq!(accounted + slots, position, "counted {slots} as lost");
            // Nobody loses what the publisher had not reached; the rest of a record that an overrun cut off comes by
            // itself.
            let reached = subscriber.head() + 2 * u64::from(header.block);
            assert!(
                self.overtaken || reached >= accounted + header.slots,
                "lost {slots} slots at {accounted}, and the publisher was at {reached}"
            );
        }
        self.overtaken = true;
        self.accounted = Some(position);
        self.lost += slots;
    }

    /// Everything up to `head` was received or lost.
    pub(crate) fn ends_at(&self, head: u64) {
        assert_eq!(self.accounted.unwrap_or(head), head);
    }
}

#[test]
fn positions_follow_from_the_lengths() {
    let mut expected = 0;
    let mut buffer = [0; WORDS_MAX];
    for id in 0..20 {
        assert_eq!(position(id), expected);
        expected += fill(1, id, &mut buffer).len().div_ceil(7) as u64;
    }
}

#[test]
#[should_panic(expected = "torn")]
fn a_record_with_one_wrong_bit_is_found() {
    let mut buffer = [0; WORDS_MAX];
    let len = fill(1, 3, &mut buffer).len();
    buffer[40] ^= 1 << 17;
    Tally::new(1, 0).record(RecordRef {
        position: 3,
        words: &buffer[..len],
    });
}
