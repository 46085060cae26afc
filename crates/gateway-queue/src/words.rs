//! Words in a memory file: how an answer that is too long for a message is passed on.
//!
//! Nobody can change the file or let it grow. Its maker can empty it: a descriptor that a reader keeps would hold the
//! memory otherwise. So it is read, never mapped: a file that was emptied reads short, where a mapping of it would kill
//! its reader.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::SealFlags;

use crate::{QueueError, mapping};

/// Words that are written or read at a time.
const CHUNK_WORDS: usize = 8_192;

const SEALS: SealFlags = SealFlags::GROW
    .union(SealFlags::WRITE)
    .union(SealFlags::SEAL);

/// A file of words that is lent. Dropped, it is empty, whoever has a descriptor of it.
#[derive(Debug)]
pub struct LentWords {
    file: File,
    bytes: u64,
}

impl LentWords {
    /// Writes `words` to a memory file under a `name` that shows in `/proc`.
    ///
    /// # Errors
    /// [`QueueError::System`] where the kernel refuses memory or a descriptor.
    pub fn new(name: &str, words: &[u64]) -> Result<Self, QueueError> {
        let (fd, _) = mapping::create_file(name, size_of_val(words), false)?;
        let file = File::from(fd);
        let mut bytes = Vec::with_capacity(CHUNK_WORDS * 8);
        let mut offset = 0;
        for chunk in words.chunks(CHUNK_WORDS) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|word| word.to_le_bytes()));
            file.write_all_at(&bytes, offset)
                .map_err(|source| QueueError::System {
                    operation: "write to a memory file",
                    source,
                })?;
            offset += bytes.len() as u64;
        }
        rustix::fs::fcntl_add_seals(&file, SEALS)
            .map_err(QueueError::system("seal a memory file"))?;
        Ok(Self {
            file,
            bytes: offset,
        })
    }

    /// A descriptor for a reader.
    ///
    /// # Errors
    /// [`QueueError::System`] where the process has no descriptor left.
    pub fn read_only_fd(&self) -> Result<OwnedFd, QueueError> {
        mapping::reopen_read_only(&self.file)
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for LentWords {
    fn drop(&mut self) {
        // Shrinking is not sealed; a file that cannot be shrunk ends with its last descriptor.
        let _ = self.file.set_len(0);
    }
}

/// Reads the words of a file that is lent, which are to be so many.
///
/// # Errors
/// [`QueueError::NotSealed`] where somebody could change it meanwhile, [`QueueError::Damaged`] where it has another
/// length, [`QueueError::System`] where the kernel refuses, or its maker empties it meanwhile.
pub fn read_words(fd: &OwnedFd, count: usize) -> Result<Vec<u64>, QueueError> {
    mapping::require_seals(fd.as_fd(), SEALS)?;
    let found = mapping::file_bytes(fd.as_fd())?;
    if found != count as u64 * 8 {
        return Err(QueueError::Damaged {
            what: format!("a file of {found} bytes for {count} words"),
        });
    }
    let read = |operation| move |source| QueueError::System { operation, source };
    let file = File::from(fd.try_clone().map_err(read("duplicate a descriptor"))?);
    let mut words = Vec::with_capacity(count);
    let mut bytes = vec![0; CHUNK_WORDS * 8];
    while words.len() < count {
        let now = (count - words.len()).min(CHUNK_WORDS);
        let place = &mut bytes[..now * 8];
        file.read_exact_at(place, words.len() as u64 * 8)
            .map_err(read("read a memory file that was lent"))?;
        let (chunks, _) = place.as_chunks::<8>();
        words.extend(chunks.iter().map(|bytes| u64::from_le_bytes(*bytes)));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn words(count: usize) -> Vec<u64> {
        (0..count as u64).map(|word| word << 33 | word).collect()
    }

    #[test]
    fn words_survive_the_file_and_nobody_changes_them() {
        for count in [0, 1, CHUNK_WORDS, 3 * CHUNK_WORDS + 7] {
            let lent = LentWords::new("test", &words(count)).unwrap();
            assert_eq!(lent.bytes(), count as u64 * 8);
            let fd = lent.read_only_fd().unwrap();
            assert_eq!(read_words(&fd, count).unwrap(), words(count));
            assert!(matches!(
                read_words(&fd, count + 1),
                Err(QueueError::Damaged { .. })
            ));
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
            // Root, and whoever has the gateway's user, opens it; the seals refuse.
            if let Ok(file) = File::options().write(true).open(path) {
                assert!(file.write_at(&[1; 8], 0).is_err());
                assert!(file.set_len(1 << 20).is_err());
            }
        }
    }

    #[test]
    fn a_descriptor_that_a_reader_keeps_holds_no_memory() {
        let lent = LentWords::new("test", &words(100_000)).unwrap();
        let fd = lent.read_only_fd().unwrap();
        drop(lent);
        assert_eq!(mapping::file_bytes(fd.as_fd()).unwrap(), 0);
        assert!(read_words(&fd, 100_000).is_err());
    }

    #[test]
    fn a_file_that_somebody_may_change_is_refused() {
        let (fd, _) = mapping::create_file("test", 8, false).unwrap();
        assert!(matches!(
            read_words(&fd, 1),
            Err(QueueError::NotSealed { .. })
        ));
    }
}
