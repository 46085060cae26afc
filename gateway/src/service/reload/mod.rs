//! A new configuration for a running gateway: what applies at once, and what waits for a restart.
//!
//! Entitlements, limits of clients, symbols and classes of queues, and where lines are apply to a running gateway, all
//! together or not at all: filters are made first (on a thread of its own) and new groups joined, every worker is asked
//! whether it takes its filters, and when the last one has changed over, interfaces and broker are told the rest. All else
//! waits for the next start, and is named. Where somebody loses an entitlement, or a queue has another filter, the queue is
//! rotated; who attaches later finds nothing of before another filter.

mod difference;
mod lines;

use std::future::pending;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::assembly;
use super::books::Books;
use super::offer;
use super::ports::Ports;
use super::rotation::{Before, Rotations};
use super::state::State;
use super::status::Difference;
use crate::config::{Config, ConfigError};
use crate::worker::WorkerHandle;
use crate::worker::filter::Filter;
use lines::Ahead;

/// How often workers' answers are looked for.
const LOOK: Duration = Duration::from_millis(1);
/// How long workers may be too busy to take new filters: nothing is reloaded then.
const TAKE_MAX: Duration = Duration::from_secs(5);
/// A worker that has not changed over after this time is told of.
const SWITCH_MAX: Duration = Duration::from_secs(2);

/// Reloads, one at a time.
#[derive(Debug)]
pub(super) struct Reloader {
    /// What was read last.
    loaded: Config,
    /// What runs: the configuration of the start, with what was reloaded since.
    running: Config,
    work: Work,
    /// Groups that interfaces are about to join.
    ahead: Ahead,
}

/// What a reload is busy with.
#[derive(Debug)]
enum Work {
    Idle,
    /// Filters are made.
    Making(Box<Next>, JoinHandle<Vec<(usize, Box<Filter>)>>),
    /// They are there; workers have too many other commands to read.
    Waiting(Box<Next>, Vec<(usize, Box<Filter>)>, Instant),
    /// Workers change over.
    Switching {
        next: Box<Next>,
        /// Channels, by index in the configuration, whose old filter did not come back yet.
        left: Vec<usize>,
        since: Instant,
        told: bool,
    },
}

/// A configuration on its way.
#[derive(Debug)]
struct Next {
    loaded: Config,
    running: Config,
    differences: Vec<Difference>,
    /// Queues, by index, that have another filter.
    refiltered: Vec<usize>,
}

impl Reloader {
    /// For a gateway that was started with this configuration.
    pub(super) fn new(started: &Config) -> Self {
        Self {
            loaded: started.clone(),
            running: started.clone(),
            work: Work::Idle,
            ahead: Ahead::default(),
        }
    }

    /// Whether a reload is under way: the next one has to wait.
    pub(super) const fn is_busy(&self) -> bool {
        !matches!(self.work, Work::Idle)
    }

    /// Waits for the next look at what is under way. Never returns while nothing is; may be dropped at any time.
    pub(super) async fn step(&self) {
        if self.is_busy() {
            sleep(LOOK).await;
        } else {
            pending::<()>().await;
        }
    }

    /// Goes on with a new configuration, or with the present one where the new one has mistakes.
    pub(super) fn begin(
        &mut self,
        state: &State,
        workers: &[WorkerHandle],
        read: Result<Config, ConfigError>,
    ) {
        let new = match read {
            Ok(new) => new,
            Err(error) => return refuse(state, &error.to_string()),
        };
        super::warn_of(&new);
        let differences = difference::between(&self.loaded, &new);
        let (mut running, refiltered) = with_filters(&self.running, &new);
        if let Err(cause) = lines::move_in(&mut running, &new) {
            return refuse(state, &cause);
        }
        let channels: Vec<usize> = (0..running.channels.len())
            .filter(|channel| {
                let mut queues = refiltered.iter().map(|queue| &running.queues[*queue]);
                queues.any(|queue| queue.channels.contains(channel))
            })
            .collect();
        let orders: Vec<_> = channels
            .into_iter()
            .map(|channel| {
                let seat = state.channels[channel];
                (
                    channel,
                    assembly::wants(&running, channel, |queue| state.queues[queue].index),
                    running.channels[channel].feed,
                    workers[seat.worker].symbols[seat.index].clone(),
                )
            })
            .collect();
        let making = tokio::task::spawn_blocking(move || {
            let make = |(channel, wants, feed, symbols): (_, Vec<_>, _, _)| {
                let filter = Filter::successor(&wants, assembly::classes_of(feed), &symbols)
                    .with_type_at(assembly::type_at(feed));
                (channel, Box::new(filter))
            };
            orders.into_iter().map(make).collect()
        });
        let next = Next {
            loaded: new,
            running,
            differences,
            refiltered,
        };
        self.work = Work::Making(Box::new(next), making);
    }

    /// Goes on with what is under way.
    pub(super) fn tend(
        &mut self,
        state: &State,
        workers: &[WorkerHandle],
        rotations: &mut Rotations,
        books: &Books,
        ports: &mut Ports,
    ) {
        self.ahead.tend();
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Idle => {}
            Work::Making(next, thread) if thread.is_finished() => match super::finished(thread) {
                Some(filters) => {
                    let moves = lines::moves(state, &self.running, &next.running);
                    match lines::join_ahead(&moves, ports, &mut self.ahead) {
                        Ok(()) => {
                            self.work = send(state, workers, next, filters, Instant::now());
                        }
                        Err(cause) => refuse(state, &cause),
                    }
                }
                None => refuse(
                    state,
                    "the thread that makes filters panicked; this is a defect, please report it",
                ),
            },
            Work::Waiting(_, _, since) if since.elapsed() > TAKE_MAX => refuse(
                state,
                "a worker does not read its commands; is its core taken by another process (`top -H`)?",
            ),
            Work::Waiting(next, filters, since) => {
                self.work = send(state, workers, next, filters, since);
            }
            Work::Switching { next, left, .. } if left.is_empty() => {
                self.commit(state, rotations, books, ports, *next);
            }
            Work::Switching {
                next,
                left,
                since,
                told,
            } => {
                let late = since.elapsed() > SWITCH_MAX;
                if late && !told {
                    error!(
                        "a worker does not change over to new filters; is its core taken by another process (`top -H`)?"
                    );
                }
                self.work = Work::Switching {
                    next,
                    left,
                    since,
                    told: told || late,
                };
            }
            busy @ Work::Making(..) => self.work = busy,
        }
    }

    /// Takes note that a worker has changed over.
    pub(super) fn take_back(&mut self, state: &State, worker: usize, channel: usize) {
        if let Work::Switching { left, .. } = &mut self.work {
            left.retain(|index| {
                let seat = state.channels[*index];
                (seat.worker, seat.index) != (worker, channel)
            });
        }
    }

    /// Tells the broker, and everybody.
    fn commit(
        &mut self,
        state: &State,
        rotations: &mut Rotations,
        books: &Books,
        ports: &mut Ports,
        next: Next,
    ) {
        let Next {
            loaded,
            running,
            mut differences,
            refiltered,
        } = next;
        let owed = difference::between(&state.config, &loaded);
        for difference in differences.iter_mut().filter(|d| d.at_restart) {
            // What an earlier reload changed and this one takes back is as it runs.
            let same = |d: &Difference| d.item == difference.item && d.key == difference.key;
            difference.at_restart = owed.iter().any(same);
        }
        lines::begin(lines::moves(state, &self.running, &running), ports);
        *state.lines.lock().unwrap_or_else(PoisonError::into_inner) =
            running.channels.iter().map(|c| c.lines.clone()).collect();
        let (mut rotating, narrowed_books) = offer_anew(state, &loaded);
        rotating.extend(&refiltered);
        rotating.sort_unstable();
        rotating.dedup();
        for difference in &differences {
            info!(applies = difference.when(), "configuration: {difference}");
        }
        let queues = rotating.iter();
        let queues = queues.map(|queue| state.config.queues[*queue].name.as_str());
        let names: Vec<_> = queues
            .chain(narrowed_books.iter().map(String::as_str))
            .collect();
        info!(
            entitlements = loaded.entitlements.len(),
            differences = differences.len(),
            rotating = ?names,
            "reloaded"
        );
        let waiting = difference::waiting(&owed);
        for what in &waiting {
            warn!("takes effect at the next start: {what}");
        }
        for queue in rotating {
            let before = if refiltered.contains(&queue) {
                Before::LetGo
            } else {
                Before::Kept
            };
            rotations.begin(state, queue, before);
        }
        for book in &narrowed_books {
            books.rotate(book);
        }
        self.loaded = loaded;
        self.running = running;
        // Last: whoever waits for it finds everything done.
        state.reloads.apply(waiting, differences);
    }
}

fn refuse(state: &State, cause: &str) {
    error!(
        cause,
        "nothing is reloaded: the running configuration stays"
    );
    state.reloads.refuse(cause);
}

/// The running configuration with the filters that a new one has for its queues; and which queues differ.
fn with_filters(running: &Config, new: &Config) -> (Config, Vec<usize>) {
    let mut next = running.clone();
    let mut refiltered = Vec::new();
    for (index, queue) in next.queues.iter_mut().enumerate() {
        let has_book = |config: &Config| {
            let mut books = config.books.iter();
            books.any(|book| config.queues[book.queue].name == queue.name)
        };
        let wanted = new.queues.iter().find(|wanted| wanted.name == queue.name);
        let Some(wanted) = wanted.filter(|_| !has_book(running) && !has_book(new)) else {
            continue;
        };
        if queue.symbols != wanted.symbols || queue.classes != wanted.classes {
            queue.symbols.clone_from(&wanted.symbols);
            queue.classes = wanted.classes;
            refiltered.push(index);
        }
    }
    (next, refiltered)
}

/// Sends all filters, or none while a worker would not take all of its own. Nobody else gives commands meanwhile.
fn send(
    state: &State,
    workers: &[WorkerHandle],
    next: Box<Next>,
    filters: Vec<(usize, Box<Filter>)>,
    since: Instant,
) -> Work {
    let takes_all = workers.iter().enumerate().all(|(index, worker)| {
        let of_it = filters
            .iter()
            .filter(|(channel, _)| state.channels[*channel].worker == index);
        worker.has_room_for(of_it.count())
    });
    if !takes_all {
        return Work::Waiting(next, filters, since);
    }
    let left = filters.iter().map(|(channel, _)| *channel).collect();
    for (channel, filter) in filters {
        let seat = state.channels[channel];
        if let Err(cause) = workers[seat.worker].refilter(seat.index, filter) {
            // It has ended, and the service ends with it.
            error!(worker = workers[seat.worker].name, %cause, "no new filter");
        }
    }
    Work::Switching {
        next,
        left,
        since: Instant::now(),
        told: false,
    }
}

/// Gives the broker the new entitlements and limits; the queues, by index, and books, by name, that somebody may not
/// read any more.
fn offer_anew(state: &State, new: &Config) -> (Vec<usize>, Vec<String>) {
    let entitlements = offer::entitlements(new);
    let before = state.catalogue.now();
    let narrowed = |name: &str| before.entitlements.narrowed(&entitlements, name);
    // The conflated queues of books are not among these.
    let queues = (0..)
        .zip(&state.config.queues)
        .filter(|(_, queue)| narrowed(&queue.name))
        .map(|(index, _)| index)
        .collect();
    let books = before.books.iter().map(|book| book.name());
    let books = books
        .filter(|book| narrowed(book))
        .map(str::to_owned)
        .collect();
    state.catalogue.change(|offer| {
        offer.entitlements = entitlements;
        offer.limits = offer::limits(new);
    });
    (queues, books)
}
