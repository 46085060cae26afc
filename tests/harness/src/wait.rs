//! Waiting for something to become true, never for ever.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Looks every few milliseconds until `look` returns a value; fails after `limit` with `what` was awaited.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {:.1} s in vain for {what}", limit.as_secs_f64());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
