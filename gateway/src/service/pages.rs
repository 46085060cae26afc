//! Pages of metrics and of the status, drawn no more often than anybody can use them.
//!
//! Drawing takes the housekeeping thread, which also looks after interfaces and readers. Whoever asks faster than this gets
//! the page of a moment ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::broker::LogGate;
use axum::body::Bytes;

/// Pages drawn a second, for as long as they are asked for faster.
pub(super) const PER_SECOND: u32 = 20;
/// Pages drawn at once, after a time with fewer.
const AT_ONCE: u32 = 20;

/// The last page, and whether it is time for another.
#[derive(Debug)]
pub(super) struct Pages {
    state: Mutex<Last>,
    reused: AtomicU64,
    told: LogGate,
}

#[derive(Debug, Default)]
struct Last {
    page: Option<Bytes>,
    /// When the allowance is whole again.
    whole: Option<Instant>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            reused: AtomicU64::new(0),
            told: LogGate::new(1),
        }
    }
}

impl Pages {
    /// A page: drawn anew, or the last one. Of the latter `tell` says so now and then, told how often it was kept quiet.
    pub(super) fn page<E>(
        &self,
        now: Instant,
        draw: impl FnOnce() -> Result<String, E>,
        tell: impl FnOnce(u64),
    ) -> Result<Bytes, E> {
        let mut last = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let each = Duration::from_secs(1) / PER_SECOND;
        let whole = last.whole.map_or(now, |whole| whole.max(now)) + each;
        if whole > now + each * AT_ONCE
            && let Some(page) = &last.page
        {
            self.reused.fetch_add(1, Ordering::Relaxed);
            if let Some(held_back) = self.told.pass() {
                tell(held_back);
            }
            return Ok(page.clone());
        }
        let page = Bytes::from(draw()?);
        last.whole = Some(whole);
        last.page = Some(page.clone());
        Ok(page)
    }

    /// How many were given a page of a moment ago.
    pub(super) fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_thousand_pages_a_second_draw_twenty_pages_a_second() {
        let (pages, start, drawn) = (Pages::default(), Instant::now(), Cell::new(0_u32));
        for ms in 0..10_000 {
            let draw = || {
                drawn.set(drawn.get() + 1);
                Ok::<_, Infallible>(drawn.get().to_string())
            };
            let page = pages
                .page(start + Duration::from_millis(ms), draw, |_| ())
                .unwrap();
            // The newest there is.
            assert_eq!(page, drawn.get().to_string());
        }
        assert!((215..=225).contains(&drawn.get()), "{} pages", drawn.get());
        assert_eq!(pages.reused() + u64::from(drawn.get()), 10_000);
    }

    #[test]
    fn whoever_pages_at_leisure_always_gets_a_new_page() {
        let (pages, start) = (Pages::default(), Instant::now());
        for second in 0..100 {
            let draw = || Ok::<_, Infallible>(second.to_string());
            let page = pages.page(start + Duration::from_millis(100 * second), draw, |_| ());
            assert_eq!(page.unwrap(), second.to_string());
        }
        assert_eq!(pages.reused(), 0);
    }

    #[test]
    fn a_page_that_cannot_be_drawn_takes_nothing_from_the_next() {
        let (pages, now) = (Pages::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(pages.page(now, || Err("no"), |_| ()), Err("no"));
        }
        assert_eq!(
            pages
                .page(now, || Ok::<_, ()>("yes".to_owned()), |_| ())
                .unwrap(),
            "yes"
        );
    }
}
