//! How a queue is to be made.

use crate::layout::{BLOCKS_PER_RING, NAME_BYTES_MAX, SLOTS_MAX, SLOTS_MIN};
use crate::{QueueError, RECORD_WORDS_MAX, SLOT_PAYLOAD_WORDS};

/// How a queue is to be made.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Name by which readers ask for it: 1 to 63 bytes, no control characters.
    pub name: String,
    /// Slots of 64 bytes, a power of two from 64 to 2³⁰. More slots let a reader sleep longer; latency does not
    /// depend on them. Default 65,536 (4 MiB).
    pub slots: u64,
    /// What the records are: the reader's to interpret.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// Largest record in bytes, at most 1,024 and at most a sixteenth of the ring. Default 520, a DBN definition.
    pub record_bytes_max: u32,
    /// Use 2 MiB pages where the machine has some to spare.
    pub huge_pages: bool,
    /// Keep the ring in memory (`mlock`), as far as the process may.
    pub lock_memory: bool,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            slots: 65_536,
            schema_id: 0,
            schema_version: 0,
            record_bytes_max: 520,
            huge_pages: false,
            lock_memory: true,
        }
    }
}

impl PublisherOptions {
    pub(crate) fn validate(&self) -> Result<(), QueueError> {
        let refuse = |option, value: &dyn ToString, remedy: String| {
            Err(QueueError::Option {
                option,
                value: value.to_string(),
                remedy,
            })
        };
        check_name("name", &self.name)?;
        if !self.slots.is_power_of_two() || !(SLOTS_MIN..=SLOTS_MAX).contains(&self.slots) {
            let near = self.slots.clamp(SLOTS_MIN, SLOTS_MAX).next_power_of_two();
            return refuse(
                "slots",
                &self.slots,
                format!("use a power of two from 64 to 2^30, such as {near}"),
            );
        }
        let words = (self.record_bytes_max as usize).div_ceil(8);
        if words == 0 || words > RECORD_WORDS_MAX {
            return refuse(
                "record_bytes_max",
                &self.record_bytes_max,
                "use 1 to 1024".into(),
            );
        }
        let needed =
            (words.div_ceil(SLOT_PAYLOAD_WORDS) as u64 * BLOCKS_PER_RING).next_power_of_two();
        if self.slots < needed {
            return refuse(
                "slots",
                &self.slots,
                format!(
                    "records of {} bytes need at least {needed} slots",
                    self.record_bytes_max
                ),
            );
        }
        Ok(())
    }
}

/// Refuses a name that does not fit a header.
pub(crate) fn check_name(option: &'static str, name: &str) -> Result<(), QueueError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(QueueError::Option {
            option,
            value: format!("{name:?}"),
            remedy: format!("use 1 to {NAME_BYTES_MAX} bytes of plain text"),
        });
    }
    Ok(())
}
