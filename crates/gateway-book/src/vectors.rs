//! Comparisons of several numbers at once: by AVX2, written by hand, or by any processor.
//!
//! What compares is handed down as a value, so that one code is compiled for both. That of [`Avx2`] exists only where the
//! processor has it.

/// Numbers that [`Vectors::below`] compares.
pub(crate) const KEYS: usize = 12;

pub(crate) trait Vectors: Copy {
    /// How many of `keys` are below `key`. All are compared and counted: which it is is chance, and a branch that is
    /// mispredicted takes longer.
    fn below(self, keys: &[i64; KEYS], key: i64) -> usize;

    /// A bit for each of `words` that is `word`.
    fn same(self, words: &[u64; 4], word: u64) -> u32;

    /// Does what is seldom done, as a function of its own that is compiled for the same processors.
    fn apart(self, what: impl Apart) -> u64;
}

/// What is seldom done. Not a closure, as that might be compiled for any processor.
pub(crate) trait Apart {
    /// To be inlined always.
    fn run<V: Vectors>(self, vectors: V) -> u64;
}

/// For any processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Vectors for Portable {
    #[inline(always)]
    fn below(self, keys: &[i64; KEYS], key: i64) -> usize {
        let mut below = 0;
        for at in keys {
            below += u64::from(*at < key);
        }
        below as usize
    }

    #[inline(always)]
    fn same(self, words: &[u64; 4], word: u64) -> u32 {
        let mut same = 0;
        for (place, at) in words.iter().enumerate() {
            same |= u32::from(*at == word) << place;
        }
        same
    }

    #[inline(never)]
    fn apart(self, what: impl Apart) -> u64 {
        what.run(self)
    }
}

/// For processors with AVX2: all that came since 2013, nearly.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// # Safety
    /// The processor has what [`has_avx2`] looks for.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Vectors for Avx2 {
    #[inline(always)]
    fn below(self, keys: &[i64; KEYS], key: i64) -> usize {
        use std::arch::x86_64::{
            _mm256_castsi256_pd, _mm256_castsi256_ps, _mm256_cmpgt_epi64, _mm256_loadu_si256,
            _mm256_movemask_pd, _mm256_movemask_ps, _mm256_packs_epi32, _mm256_set1_epi64x,
        };
        let vectors = keys.as_ptr().cast();
        // SAFETY: the processor has AVX2, or there would be no such value; the three vectors are the twelve keys, and
        // loads need no alignment.
        unsafe {
            let key = _mm256_set1_epi64x(key);
            let first = _mm256_cmpgt_epi64(key, _mm256_loadu_si256(vectors));
            let second = _mm256_cmpgt_epi64(key, _mm256_loadu_si256(vectors.add(1)));
            let third = _mm256_cmpgt_epi64(key, _mm256_loadu_si256(vectors.add(2)));
            // Half as wide, two vectors' answers are one vector's: which is whose does not matter.
            let eight = _mm256_packs_epi32(first, second);
            let eight = _mm256_movemask_ps(_mm256_castsi256_ps(eight));
            let four = _mm256_movemask_pd(_mm256_castsi256_pd(third));
            (eight | four << 8).count_ones() as usize
        }
    }

    #[inline(always)]
    fn same(self, words: &[u64; 4], word: u64) -> u32 {
        use std::arch::x86_64::{
            _mm256_castsi256_pd, _mm256_cmpeq_epi64, _mm256_loadu_si256, _mm256_movemask_pd,
            _mm256_set1_epi64x,
        };
        // SAFETY: the processor has AVX2, or there would be no such value; the vector is the four words, and loads need no
        // alignment.
        unsafe {
            let word = _mm256_set1_epi64x(word.cast_signed());
            let same = _mm256_cmpeq_epi64(word, _mm256_loadu_si256(words.as_ptr().cast()));
            _mm256_movemask_pd(_mm256_castsi256_pd(same)) as u32
        }
    }

    #[inline(always)]
    fn apart(self, what: impl Apart) -> u64 {
        // SAFETY: the processor has these, or there would be no such value.
        unsafe { by_vectors(self, what) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
fn by_vectors(vectors: Avx2, what: impl Apart) -> u64 {
    what.run(vectors)
}

/// Whether the processor has AVX2, and what came with it that the code around is compiled for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_compare_alike() {
        if !has_avx2() {
            eprintln!("skipped: the processor lacks AVX2");
            return;
        }
        // SAFETY: just found out.
        let by_vectors = unsafe { Avx2::new() };
        let numbers = [
            i64::MIN,
            i64::MIN + 1,
            -2,
            -1,
            0,
            1,
            2,
            i64::MAX - 1,
            i64::MAX,
        ];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match state % 3 {
                0 => numbers[(state >> 32) as usize % numbers.len()],
                _ => state.cast_signed() >> (state % 64),
            }
        };
        for _ in 0..20_000 {
            let keys: [i64; KEYS] = std::array::from_fn(|_| draw());
            for key in numbers.iter().chain(&keys).copied().chain([draw()]) {
                assert_eq!(
                    by_vectors.below(&keys, key),
                    Portable.below(&keys, key),
                    "{keys:?}, {key}"
                );
                let words = std::array::from_fn(|at| keys[at].cast_unsigned());
                let word = key.cast_unsigned();
                assert_eq!(
                    by_vectors.same(&words, word),
                    Portable.same(&words, word),
                    "{words:?}, {word}"
                );
            }
        }
    }
}
