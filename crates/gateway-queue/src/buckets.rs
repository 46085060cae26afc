//! The buckets that durations are counted in: log-linear, of a fixed number.
//!
//! Each power of two is divided into [`SUB_BUCKETS`] equal buckets, so a bucket is never wider than 1/128 of its lower
//! bound: a quantile, told as the bucket's middle, is within 0.4 % of the true value. Below 128 ns every nanosecond
//! has a bucket. Gateway and client may be of different versions: the buckets stay what they are.

/// Buckets for each power of two.
pub const SUB_BUCKETS: u64 = 1 << SUB_BITS;
const SUB_BITS: u32 = 7;
/// Values from here on (about 69 s) count in the last bucket.
pub const VALUE_BITS: u32 = 36;
/// How many there are.
pub const BUCKETS: usize = ((VALUE_BITS - SUB_BITS + 1) as usize) << SUB_BITS;

/// The bucket that `nanos` counts in.
#[inline]
#[must_use]
pub fn bucket_of(nanos: u64) -> usize {
    let value = nanos.min((1 << VALUE_BITS) - 1);
    if value < SUB_BUCKETS {
        return value as usize;
    }
    // The octave's number, and the SUB_BITS bits below the leading one.
    let octave = value.ilog2() - SUB_BITS;
    (((octave as usize) + 1) << SUB_BITS) + ((value >> octave) & (SUB_BUCKETS - 1)) as usize
}

/// Lower bound and width of a bucket.
#[must_use]
pub const fn bounds(index: usize) -> (u64, u64) {
    let octave = (index >> SUB_BITS) as u32;
    let offset = index as u64 & (SUB_BUCKETS - 1);
    match octave {
        0 => (offset, 1),
        octave => ((SUB_BUCKETS + offset) << (octave - 1), 1 << (octave - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_range_and_are_narrow() {
        let mut expected = 0;
        for index in 0..BUCKETS {
            let (low, width) = bounds(index);
            assert_eq!(low, expected);
            assert_eq!(bucket_of(low), index);
            assert_eq!(bucket_of(low + width - 1), index);
            assert!(
                width == 1 || width * 100 <= low,
                "bucket {index} is wider than 1 %"
            );
            expected = low + width;
        }
        assert_eq!(expected, 1 << VALUE_BITS);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }
}
