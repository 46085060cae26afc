//! How a queue is read.

use std::ffi::c_char;
use std::time::Duration;

use client::{OnLapped, Start, SubscribeOptions, WaitStrategy};

use crate::arguments::text;
use crate::status::Failure;

/// Where a reader begins.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum gateway_start {
    /// With the next record published.
    GATEWAY_START_HEAD = 0,
    /// With the oldest record that the queue still holds.
    GATEWAY_START_OLDEST = 1,
    /// At `start_position`: at the oldest record (and the difference reported lost) where it is gone, with the next
    /// one where it is yet to come.
    GATEWAY_START_AT = 2,
    /// Where state can be rebuilt: with the last session start, reset or snapshot that the queue's channel has told, or with
    /// the first record where it told none. At the oldest record (and the difference reported lost) where that is gone.
    GATEWAY_START_RESYNC = 3,
}

/// Where a reader that was overtaken goes on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum gateway_on_lapped {
    /// At the oldest record that the queue still holds: smallest loss.
    GATEWAY_ON_LAPPED_OLDEST = 0,
    /// At the newest record: lowest latency, largest loss.
    GATEWAY_ON_LAPPED_LATEST = 1,
    /// At the last session start, reset or snapshot, from which state can be rebuilt; at the oldest record where that is
    /// overwritten, and in a queue of several channels.
    GATEWAY_ON_LAPPED_RESYNC = 2,
}

/// What `gateway_subscription_wait` does while there is no record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum gateway_wait {
    /// Polls without pause: lowest latency, one core.
    GATEWAY_WAIT_SPIN = 0,
    /// Lets others run between polls: a core shared with other work.
    GATEWAY_WAIT_YIELD = 1,
    /// Sleeps `sleep_ns` between polls: next to no processor time.
    GATEWAY_WAIT_SLEEP = 2,
    /// Sleeps in the kernel until the gateway rings: no processor time while nothing comes.
    GATEWAY_WAIT_BLOCK = 3,
}

/// How to read a queue. Zeros are the defaults; `struct_bytes` must be `sizeof(gateway_subscribe_options)`, by which
/// the library knows the fields that the program knew when it was compiled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_subscribe_options {
    /// `sizeof(gateway_subscribe_options)`.
    pub struct_bytes: u32,
    /// A `gateway_start`.
    pub start: u32,
    /// Position to start at, of `GATEWAY_START_AT`: slots of the queue since the gateway started.
    pub start_position: u64,
    /// The gateway's run that `start_position` belongs to, of a `gateway_checkpoint`: in any other run the reader begins
    /// with the oldest record. 0 for the present run.
    pub start_run: u64,
    /// A `gateway_on_lapped`.
    pub on_lapped: u32,
    /// A `gateway_wait`.
    pub wait: u32,
    /// Nanoseconds between two polls, of `GATEWAY_WAIT_SLEEP`; 0 stands for 50,000.
    pub sleep_ns: u64,
    /// What the reader calls itself in the gateway's metrics and status, up to 31 bytes; null for `unnamed`.
    pub name: *const c_char,
}

/// How long a sleep is if nobody says.
const SLEEP_DEFAULT: Duration = Duration::from_micros(50);

/// The strategy of a `gateway_wait` and its nanoseconds.
pub(crate) fn wait_strategy(wait: u32, sleep_ns: u64) -> Result<WaitStrategy, Failure> {
    match (wait, sleep_ns) {
        (0, _) => Ok(WaitStrategy::Spin),
        (1, _) => Ok(WaitStrategy::Yield),
        (2, 0) => Ok(WaitStrategy::Sleep(SLEEP_DEFAULT)),
        (2, nanoseconds) => Ok(WaitStrategy::Sleep(Duration::from_nanos(nanoseconds))),
        (3, _) => Ok(WaitStrategy::Block),
        (other, _) => Err(unknown("wait", other)),
    }
}

fn unknown(field: &str, value: u32) -> Failure {
    Failure::argument(format!(
        "{field} is {value}, which this library does not know"
    ))
}

impl gateway_subscribe_options {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        start: 0,
        start_position: 0,
        start_run: 0,
        on_lapped: 0,
        wait: 0,
        sleep_ns: 0,
        name: std::ptr::null(),
    };

    /// The options at `pointer`, of which the program may know fewer fields than this library, or more.
    ///
    /// # Safety
    /// `pointer` is null or points to as many readable bytes as its first field says.
    pub(crate) unsafe fn read(pointer: *const Self) -> Result<SubscribeOptions, Failure> {
        if pointer.is_null() {
            // SAFETY: the defaults have no name.
            return unsafe { Self::DEFAULT.checked() };
        }
        // SAFETY: the caller's promise covers the first field.
        let bytes = unsafe { (&raw const (*pointer).struct_bytes).read() } as usize;
        if bytes < size_of::<Self>() {
            return Err(Failure::argument(format!(
                "options.struct_bytes is {bytes}: set it to sizeof(gateway_subscribe_options)"
            )));
        }
        // SAFETY: the caller's promise covers `bytes` bytes.
        let unknown = unsafe {
            std::slice::from_raw_parts(
                pointer.cast::<u8>().add(size_of::<Self>()),
                bytes - size_of::<Self>(),
            )
        };
        if unknown.iter().any(|&byte| byte != 0) {
            return Err(Failure::argument(
                "options has fields set that this library does not know: use the library of the program's gateway.h",
            ));
        }
        // SAFETY: as long as the struct at least; its name is the caller's promise.
        unsafe { pointer.read().checked() }
    }

    /// # Safety
    /// `name` is null or a zero-terminated text.
    unsafe fn checked(self) -> Result<SubscribeOptions, Failure> {
        let start = match self.start {
            0 => Start::Head,
            1 => Start::Oldest,
            2 => Start::At(self.start_position),
            3 => Start::Resync,
            other => return Err(unknown("options.start", other)),
        };
        let on_lapped = match self.on_lapped {
            0 => OnLapped::Oldest,
            1 => OnLapped::Latest,
            2 => OnLapped::Resync,
            other => return Err(unknown("options.on_lapped", other)),
        };
        let wait = wait_strategy(self.wait, self.sleep_ns)?;
        let mut options = SubscribeOptions {
            start,
            run: (self.start_run != 0).then_some(self.start_run),
            on_lapped,
            wait,
            ..SubscribeOptions::default()
        };
        if !self.name.is_null() {
            // SAFETY: the caller's promise.
            options.name = unsafe { text(self.name, "options.name")? }.to_owned();
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// What a later header may have.
    #[repr(C)]
    struct Later {
        options: gateway_subscribe_options,
        more: u64,
    }

    fn later(more: u64) -> Later {
        let mut options = gateway_subscribe_options::DEFAULT;
        options.struct_bytes = size_of::<Later>() as u32;
        options.wait = gateway_wait::GATEWAY_WAIT_SLEEP as u32;
        options.name = c"later".as_ptr();
        Later { options, more }
    }

    fn read(later: &Later) -> Result<SubscribeOptions, Failure> {
        // SAFETY: as many bytes as `struct_bytes` says, with a static name.
        unsafe { gateway_subscribe_options::read(std::ptr::from_ref(later).cast()) }
    }

    #[test]
    fn a_program_of_a_later_header_is_understood_as_long_as_it_asks_for_nothing_unknown() {
        let options = read(&later(0)).unwrap();
        assert_eq!(options.name, "later");
        assert_eq!(options.wait, WaitStrategy::Sleep(SLEEP_DEFAULT));
        assert!(read(&later(1)).is_err());
    }

    #[test]
    fn each_way_to_wait_is_the_rust_clients() {
        use gateway_wait::{GATEWAY_WAIT_BLOCK, GATEWAY_WAIT_SPIN, GATEWAY_WAIT_YIELD};
        for (number, wait) in [
            (GATEWAY_WAIT_SPIN, WaitStrategy::Spin),
            (GATEWAY_WAIT_YIELD, WaitStrategy::Yield),
            (GATEWAY_WAIT_BLOCK, WaitStrategy::Block),
        ] {
            let mut later = later(0);
            later.options.wait = number as u32;
            assert_eq!(read(&later).unwrap().wait, wait);
        }
    }

    #[test]
    fn null_stands_for_the_defaults() {
        // SAFETY: null.
        let options = unsafe { gateway_subscribe_options::read(std::ptr::null()) }.unwrap();
        assert_eq!(options, SubscribeOptions::default());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for change in [
            |options: &mut gateway_subscribe_options| options.struct_bytes = 8,
            |options: &mut gateway_subscribe_options| options.start = 99,
            |options: &mut gateway_subscribe_options| options.on_lapped = 99,
            |options: &mut gateway_subscribe_options| options.wait = 99,
            |options: &mut gateway_subscribe_options| options.name = c"\xFF".as_ptr(),
        ] {
            let mut later = later(0);
            change(&mut later.options);
            assert!(read(&later).is_err(), "{:?}", later.options);
        }
    }
}
