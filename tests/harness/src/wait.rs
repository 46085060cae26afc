//! Waiting for something to become true, never for ever.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Looks every few milliseconds until `look` returns a value; fails after `limit` with `what` was awaited. The last look is
/// later than that: on a machine that stands still meanwhile the time may be over between two looks.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let late = Instant::now() >= deadline;
        if let Some(value) = look()? {
            return Ok(value);
        }
        if late {
            bail!("waited {:.1} s in vain for {what}", limit.as_secs_f64());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
