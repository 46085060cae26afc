//! What all clients, one user, one client, and the log, may take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Limits;

/// Requests of one client that are answered in a second; further ones wait.
pub const REQUESTS_PER_SECOND: u32 = 100;

/// Lets [`REQUESTS_PER_SECOND`] pass, and as many at once after a pause.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the request would be answered that used up all allowance.
    horizon: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { horizon: now }
    }

    /// Takes one request; returns how long it has to wait.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let second = Duration::from_secs(1);
        self.horizon = self.horizon.max(now) + second / REQUESTS_PER_SECOND;
        self.horizon.saturating_duration_since(now + second)
    }
}

/// Who is connected, by user.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    clients: Mutex<HashMap<Option<u32>, usize>>,
}

/// A client that counts as connected until this is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    admissions: Arc<Admissions>,
    uid: Option<u32>,
}

/// Why one more client cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("there are {max} clients already, as many as allowed: raise max_clients")]
    Clients { max: usize },
    #[error(
        "this user has {max} clients already, as many as one user may have: raise max_clients_per_user"
    )]
    User { max: usize },
}

impl Admissions {
    /// Takes a client of that user in, if there is room.
    pub(super) fn admit(
        self: &Arc<Self>,
        uid: Option<u32>,
        limits: Limits,
    ) -> Result<Admission, Full> {
        let mut clients = self.lock();
        if clients.values().sum::<usize>() >= limits.clients_max {
            return Err(Full::Clients {
                max: limits.clients_max,
            });
        }
        let of_user = clients.entry(uid).or_default();
        if *of_user >= limits.clients_per_user_max {
            return Err(Full::User {
                max: limits.clients_per_user_max,
            });
        }
        *of_user += 1;
        Ok(Admission {
            admissions: Arc::clone(self),
            uid,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<u32>, usize>> {
        // Whoever panicked held it for one map operation: the map is whole.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut clients = self.admissions.lock();
        if let Some(of_user) = clients.get_mut(&self.uid) {
            *of_user -= 1;
            if *of_user == 0 {
                clients.remove(&self.uid);
            }
        }
    }
}

/// Lets one line a second into the log, after a quiet time so many at once, and counts those it held back.
#[derive(Debug)]
pub(crate) struct LogGate {
    lines_at_once: u32,
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    /// When the allowance is whole again; each line puts it off by a second.
    whole: Option<Instant>,
    held_back: u64,
}

impl LogGate {
    pub(crate) fn new(lines_at_once: u32) -> Self {
        Self {
            lines_at_once,
            state: Mutex::default(),
        }
    }

    /// How many were held back since the last one that passed, if this one passes.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let second = Duration::from_secs(1);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = state.whole.map_or(now, |whole| whole.max(now)) + second;
        if whole > now + second * self.lines_at_once {
            state.held_back += 1;
            return None;
        }
        state.whole = Some(whole);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_answered_at_the_allowed_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let waits: Vec<_> = (0..300).map(|_| pace.take(start)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert!(
            waits[299] > Duration::from_millis(1_900),
            "{:?}",
            waits[299]
        );
        // After a pause the allowance is back.
        assert!(pace.take(start + Duration::from_secs(60)).is_zero());
    }

    #[test]
    fn one_user_cannot_take_the_room_of_all() {
        let admissions = Arc::new(Admissions::default());
        let limits = Limits {
            clients_max: 4,
            clients_per_user_max: 2,
        };
        let admit = |uid| admissions.admit(Some(uid), limits);
        let mut first = vec![admit(1), admit(1)];
        assert!(first.iter().all(Result::is_ok));
        assert!(matches!(admit(1), Err(Full::User { max: 2 })));
        let mut others = vec![admit(2), admit(3)];
        assert!(others.iter().all(Result::is_ok));
        assert!(matches!(admit(4), Err(Full::Clients { max: 4 })));
        first.pop();
        assert!(admit(1).is_ok());
        others.clear();
        first.clear();
        assert!(admissions.lock().is_empty(), "users are forgotten");
    }

    #[test]
    fn the_log_hears_one_line_a_second_and_how_many_it_missed() {
        let gate = LogGate::new(1);
        let start = Instant::now();
        let at = |ms| gate.pass_at(start + Duration::from_millis(ms));
        assert_eq!(at(0), Some(0));
        for ms in 1..1_000 {
            assert_eq!(at(ms), None);
        }
        assert_eq!((at(1_000), at(1_001)), (Some(999), None));
    }

    #[test]
    fn after_a_quiet_time_the_log_hears_several_at_once_and_then_one_a_second() {
        let gate = LogGate::new(50);
        let start = Instant::now();
        let passed = |ms| gate.pass_at(start + Duration::from_millis(ms)).is_some();
        assert_eq!((0..1_000).filter(|_| passed(0)).count(), 50);
        assert_eq!((1..=20_000).filter(|ms| passed(*ms)).count(), 20);
        assert_eq!((0..1_000).filter(|_| passed(200_000)).count(), 50);
    }
}
