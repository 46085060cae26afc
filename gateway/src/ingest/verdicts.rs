//! What the XDP program counted.

use std::fmt;
use std::ops::Add;
use std::sync::Arc;

use aya::maps::{MapData, MapError, PerCpuArray};
use gateway_wire::shared::{COUNTERS, Note, Verdict};

/// The XDP program's counters, summed over all CPUs, since it was loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerdictCounts([u64; COUNTERS]);

impl VerdictCounts {
    /// How many frames got this verdict.
    #[must_use]
    pub const fn get(&self, verdict: Verdict) -> u64 {
        self.0[verdict.index() as usize]
    }

    /// How many redirected frames have this note.
    #[must_use]
    pub const fn note(&self, note: Note) -> u64 {
        self.0[note.index() as usize]
    }

    /// None but of this note.
    #[cfg(test)]
    pub(super) fn of_note(note: Note, count: u64) -> Self {
        let mut counts = Self::default();
        counts.0[note.index() as usize] = count;
        counts
    }

    /// All frames that the program saw: each has exactly one verdict.
    #[must_use]
    pub fn frames(&self) -> u64 {
        Verdict::ALL.iter().map(|verdict| self.get(*verdict)).sum()
    }
}

impl Add for VerdictCounts {
    type Output = Self;

    /// What two programs have counted that took each other's place.
    fn add(mut self, other: Self) -> Self {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
        self
    }
}

impl Default for VerdictCounts {
    fn default() -> Self {
        Self([0; COUNTERS])
    }
}

impl fmt::Debug for VerdictCounts {
    /// Only what is not zero, by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdicts = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name(), self.get(*verdict)));
        let notes = Note::ALL.iter().map(|note| (note.name(), self.note(*note)));
        f.debug_map()
            .entries(verdicts.chain(notes).filter(|(_, count)| *count != 0))
            .finish()
    }
}

/// Reads the counters; outlives the attachment and may be sent to another thread.
#[derive(Clone)]
pub struct VerdictReader(Arc<PerCpuArray<MapData, u64>>);

impl VerdictReader {
    pub(super) fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self(Arc::new(map))
    }

    /// Reads all counters: a system call each, so for the control plane. Counters go on while it reads, so that a
    /// frame may be in one of two counters read one after the other, or in neither.
    ///
    /// # Errors
    ///
    /// What the kernel says; it has no reason to refuse while this process may use BPF.
    pub fn read(&self) -> Result<VerdictCounts, MapError> {
        let mut counts = VerdictCounts::default();
        for (index, count) in (0..).zip(&mut counts.0) {
            *count = self.0.get(&index, 0)?.iter().sum();
        }
        Ok(counts)
    }
}

impl fmt::Debug for VerdictReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerdictReader").finish()
    }
}
