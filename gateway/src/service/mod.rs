//! The control plane: everything that is not a worker.
//!
//! One thread with a tokio runtime. It opens what packets need, starts the workers, joins groups last, serves readers
//! and scrapes, and takes everything down again in the opposite order. Nothing a worker does waits for it.

mod assembly;
mod books;
mod checkup;
mod error;
mod groups;
mod http;
mod inputs;
mod laps;
mod latency;
mod listener;
pub mod log;
mod losses;
mod offer;
mod pages;
mod ports;
mod readiness;
mod recoveries;
mod reload;
mod rotation;
mod signals;
mod silences;
pub(crate) mod state;
pub mod status;

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gateway_queue::clock::Clock;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

pub use error::ServiceError;
pub use signals::Order;

use crate::broker::{Broker, Offered};
use crate::clock::Clocks;
use crate::config::Config;
use crate::config::model::Confine;
use crate::confine::{self, Bounds, Confinement};
use crate::helper::Helper;
use crate::ingest::{Opener, Tier};
use crate::metrics::latency::WINDOW;
use crate::metrics::threads::Threads;
use crate::worker::{self, Retired, WorkerEvent, WorkerHandle};
use assembly::Assembly;
pub(crate) use assembly::{interface_request, line_streams};
use books::Books;
use checkup::Checkup;
use groups::Groups;
use inputs::{InputState, InterfaceState};
use laps::Laps;
use latency::Latencies;
use listener::Listener;
use losses::Losses;
use pages::{PER_SECOND, Pages};
pub(crate) use ports::LinkState;
use ports::Ports;
use readiness::Readiness;
use reload::Reloader;
use rotation::Rotations;
use silences::Silences;
use state::{Reloads, State, WorkerState};

/// How often workers' events are looked for, and whether the kernel still has joined what it shall.
const TICK: Duration = Duration::from_millis(50);
/// How often the clock is compared with the system's.
const RECALIBRATE: Duration = Duration::from_secs(1);
/// How long workers, readers and scrapes may take to end.
const STOP_MAX: Duration = Duration::from_millis(700);

/// Runs a gateway until SIGTERM or SIGINT, or until the terminal that it was started from hangs up. Any other SIGHUP
/// has it read its configuration again, from `path`. Once it is started it confines the calling process
/// ([`crate::confine`]), which must have no other thread, unless the configuration says `confine = "off"`.
///
/// # Errors
/// It did not start, or cannot go on: [`ServiceError`] has cause, remedy and exit code.
pub fn run(config: Config, path: &Path) -> Result<(), ServiceError> {
    // First of all: it inherits what this process has open.
    let helper = match config.gateway.confine {
        Confine::Off => None,
        Confine::Full => Some(Arc::new(Helper::start(path).map_err(|source| {
            ServiceError::System {
                action: "cannot start the helper process",
                source,
            }
        })?)),
    };
    in_runtime(async {
        let (stop, orders) = signals::watch(path, helper.clone())?;
        let privileges = helper.map_or(Privileges::Kept, |helper| {
            Privileges::Split(helper, Bounds::of(&config, path))
        });
        serve(config, privileges, stop, orders).await
    })
}

/// Runs a gateway until `stop` resolves. The process is not confined.
///
/// # Errors
/// As [`run`].
pub fn run_until(config: Config, stop: impl Future<Output = ()>) -> Result<(), ServiceError> {
    // Without a sender there is never an order.
    let (_, orders) = mpsc::channel(1);
    in_runtime(serve(config, Privileges::Kept, stop, orders))
}

/// Runs a gateway until `stop` resolves, and does what `orders` brings.
///
/// # Errors
/// As [`run`].
pub fn run_reloadable(
    config: Config,
    stop: impl Future<Output = ()>,
    orders: mpsc::Receiver<Order>,
) -> Result<(), ServiceError> {
    in_runtime(serve(config, Privileges::Kept, stop, orders))
}

fn in_runtime(work: impl Future<Output = Result<(), ServiceError>>) -> Result<(), ServiceError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ServiceError::System {
            action: "cannot start the runtime",
            source,
        })?
        .block_on(work)
}

/// What becomes of the rights that this process was started with.
enum Privileges {
    /// It keeps them.
    Kept,
    /// The helper has those that it needs, and the service gives up what is not within these bounds.
    Split(Arc<Helper>, Bounds),
}

async fn serve(
    config: Config,
    privileges: Privileges,
    stop: impl Future<Output = ()>,
    orders: mpsc::Receiver<Order>,
) -> Result<(), ServiceError> {
    let started = Instant::now();
    // First what says that another gateway is running.
    let broker = Broker::bind(&config.gateway.broker_socket)?;
    warn_of(&config);
    let metrics = match &config.gateway.metrics_listen {
        None => None,
        Some(place) => {
            Some(
                Listener::bind(place)
                    .await
                    .map_err(|source| ServiceError::Metrics {
                        address: place.to_string(),
                        source,
                    })?,
            )
        }
    };
    let servers = recoveries::servers(&config)?;
    let opener = match &privileges {
        Privileges::Kept => Opener::Own,
        Privileges::Split(helper, _) => Opener::Helper(Arc::clone(helper)),
    };
    Clock::global();
    let Assembly {
        plans,
        interfaces,
        fitted,
        channels,
        queues,
    } = assembly::assemble(&config, &opener)?;
    let (seats, handles): (Vec<_>, Vec<_>) = queues.into_iter().unzip();
    let catalogue = broker.catalogue();
    catalogue.change(|offer| {
        offer.queues = handles.into_iter().map(Offered::first).collect();
        offer.entitlements = offer::entitlements(&config);
        offer.limits = offer::limits(&config);
    });
    let clocks = Clocks::open();
    // Everything is open, no thread runs yet, and no packet was looked at.
    let (confinement, helper) = match privileges {
        Privileges::Kept => (Confinement::off(), None),
        Privileges::Split(helper, bounds) => {
            let confinement = confine::enter(&bounds);
            confinement.tell("service");
            (confinement, Some(helper))
        }
    };
    // Before there are records, so that they have the first.
    let mut books = Books::start(&config, &catalogue, &broker.registry())?;
    let mut workers = Workers::default();
    for plan in plans {
        workers.0.push(worker::start(plan)?);
    }
    // Only now: a thread starts on the CPUs of the one that starts it, and a worker without a core is not pinned.
    if let Some(core) = config.gateway.housekeeping_core {
        worker::pin("the housekeeping thread", core)?;
    }
    let recoveries = recoveries::make(&config, servers, &channels, &mut workers.0);
    let lines = config.channels.iter().map(|c| c.lines.clone()).collect();
    let state = Arc::new(State {
        config,
        started,
        readiness: Readiness::default(),
        interfaces,
        workers: workers
            .0
            .iter()
            .map(|handle| WorkerState {
                board: Arc::clone(&handle.board),
                running: AtomicBool::new(true),
            })
            .collect(),
        channels,
        lines: Mutex::new(lines),
        recoveries: recoveries.desks.clone(),
        books: books.states(),
        rotations: seats.iter().map(|_| AtomicU64::new(0)).collect(),
        web: Arc::default(),
        reloads: Reloads::default(),
        confinement,
        helper,
        checks: Arc::default(),
        latencies: Latencies::default(),
        threads: Threads::default(),
        clock: Mutex::default(),
        queues: seats,
        catalogue,
        readers: broker.registry(),
    });
    let (ending, ended) = watch::channel(false);
    let mut tasks = tokio::task::JoinSet::new();
    spawn_broker(&mut tasks, broker, &state, ended.clone());
    recoveries.spawn(&mut tasks, &state, &ended);
    if let Some(listener) = metrics {
        spawn_metrics(&mut tasks, listener, &state, ended);
    }
    // Joined last, when packets have somewhere to go.
    let groups = Groups::join(&fitted, &state.interfaces)?;
    let ports = Ports::new(fitted, &opener);
    state.readiness.set_started(true);
    info!(
        name = state.config.gateway.name,
        socket = %state.config.gateway.broker_socket.display(),
        metrics = state.config.gateway.metrics_listen.as_ref().map(ToString::to_string),
        "ready"
    );
    let mut charge = Charge {
        state: &state,
        workers: &workers.0,
        books: &mut books,
        groups,
        ports,
        rotations: Rotations::default(),
        reloader: Reloader::new(&state.config),
        silences: Silences::default(),
        losses: Losses::default(),
        helper_ended: false,
        checkup: Checkup::default(),
        laps: Laps::default(),
        clocks,
    };
    let result = charge.watch_over(stop, orders).await;
    state.readiness.set_started(false);
    let Charge {
        groups,
        ports,
        mut losses,
        ..
    } = charge;
    drop(groups);
    workers.stop();
    losses.look_last(&state);
    // Their queues are closed: they read the rest, and end.
    books.stop(STOP_MAX);
    // Queues are closed: readers that still read get the rest and the reason.
    let _ = ending.send(true);
    let _ = tokio::time::timeout(STOP_MAX, async {
        while tasks.join_next().await.is_some() {}
    })
    .await;
    drop(ports);
    info!("stopped");
    result
}

/// Logs what works and had better be otherwise.
fn warn_of(config: &Config) {
    for warning in &config.warnings {
        warn!(
            key = warning.key,
            what = warning.what,
            remedy = warning.remedy,
            "the configuration works and had better be otherwise"
        );
    }
}

/// Tells that a task has ended, in whatever way.
struct OnEnd {
    state: Arc<State>,
    tell: fn(&Readiness),
}

impl OnEnd {
    fn new(state: &Arc<State>, tell: fn(&Readiness)) -> Self {
        let state = Arc::clone(state);
        Self { state, tell }
    }
}

impl Drop for OnEnd {
    fn drop(&mut self) {
        (self.tell)(&self.state.readiness);
    }
}

fn spawn_broker(
    tasks: &mut tokio::task::JoinSet<()>,
    broker: Broker,
    state: &Arc<State>,
    mut ended: watch::Receiver<bool>,
) {
    let drawn = Arc::clone(state);
    let pages = Pages::default();
    let status = move || {
        let draw = || serde_json::to_string(&drawn.status());
        let tell = |held_back| {
            warn!(
                held_back,
                "the status is asked for more than {PER_SECOND} times a second: that of a moment ago is given"
            );
        };
        let page = pages.page(Instant::now(), draw, tell).unwrap_or_default();
        String::from_utf8_lossy(&page).into_owned()
    };
    let ends = OnEnd::new(state, Readiness::broker_has_ended);
    tasks.spawn(async move {
        let _ends = ends;
        let shutdown = async move {
            let _ = ended.wait_for(|ended| *ended).await;
        };
        if let Err(cause) = broker.run(status, shutdown).await {
            error!(%cause, "the broker ended; no new reader can attach");
        }
    });
}

fn spawn_metrics(
    tasks: &mut tokio::task::JoinSet<()>,
    listener: Listener,
    state: &Arc<State>,
    mut ended: watch::Receiver<bool>,
) {
    let router = http::router(Arc::clone(state));
    let drawn = Arc::clone(state);
    let ends = OnEnd::new(state, Readiness::metrics_have_ended);
    tasks.spawn(async move {
        let _ends = ends;
        let shutdown = async move {
            let _ = ended.wait_for(|ended| *ended).await;
        };
        let desk = Arc::clone(&drawn.web);
        let serve = http::serve(listener, router, desk, http::Limits::default(), shutdown);
        tokio::select! {
            () = serve => {}
            () = drawn.web.draw(&drawn) => {}
        }
    });
}

/// What the control plane looks after while the gateway runs.
struct Charge<'a> {
    state: &'a State,
    workers: &'a [WorkerHandle],
    books: &'a mut Books,
    groups: Groups,
    ports: Ports,
    rotations: Rotations,
    reloader: Reloader,
    silences: Silences,
    losses: Losses,
    /// Whether the helper's end was told.
    helper_ended: bool,
    checkup: Checkup,
    laps: Laps,
    clocks: Clocks,
}

impl Charge<'_> {
    /// Watches workers, interfaces, memberships and clock and takes reloads until told to stop, or until a worker or its
    /// last capture is gone.
    async fn watch_over(
        &mut self,
        stop: impl Future<Output = ()>,
        mut orders: mpsc::Receiver<Order>,
    ) -> Result<(), ServiceError> {
        tokio::pin!(stop);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.tend_clock();
        let mut calibrated = Instant::now();
        let mut turned = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => {
                    // A reader whose queue has just gone on elsewhere shall find it before everything ends.
                    self.take_back();
                    return Ok(());
                }
                Some(order) = orders.recv(), if !self.reloader.is_busy() => self.on_order(order),
                () = self.rotations.step(self.state, self.workers) => {}
                () = self.reloader.step() => {}
                () = self.ports.changed() => {}
                _ = tick.tick() => {}
            }
            self.take_back();
            let rotations = &mut self.rotations;
            self.reloader.tend(
                self.state,
                self.workers,
                rotations,
                self.books,
                &mut self.ports,
            );
            for (index, handle) in self.workers.iter().enumerate() {
                if handle.has_ended() {
                    self.state.workers[index]
                        .running
                        .store(false, Ordering::Relaxed);
                    let name = handle.name.clone();
                    return Err(ServiceError::WorkerDied { name });
                }
                while let Ok(event) = handle.events.try_recv() {
                    self.on_event(index, event)?;
                }
            }
            self.books.tend(&self.state.books);
            let interfaces = &self.state.interfaces;
            self.ports.tend(interfaces, self.workers, &mut self.groups);
            self.groups.tend(interfaces);
            self.silences.look(self.state);
            self.losses.look(self.state, Instant::now());
            self.checkup.tend(&self.state.checks, &self.state.config);
            if !self.books.is_empty() {
                self.laps.look(self.state, self.workers);
            }
            if calibrated.elapsed() >= RECALIBRATE {
                calibrated = Instant::now();
                self.look_at_helper();
                self.tend_clock();
            }
            if turned.elapsed() >= WINDOW {
                turned = Instant::now();
                self.state.turn_windows();
            }
        }
    }

    /// Tells once that the helper has ended: it cannot do so itself where it was killed.
    fn look_at_helper(&mut self) {
        let helper = self.state.helper.as_ref();
        if !self.helper_ended && helper.is_some_and(|helper| !helper.lives()) {
            self.helper_ended = true;
            error!(
                "the helper is gone: interfaces that come back are not opened again; restart the gateway"
            );
        }
    }

    /// Corrects the process's clock, and takes note of how good it is.
    fn tend_clock(&mut self) {
        let found = self.clocks.tend();
        let interfaces = self.state.interfaces.iter();
        interfaces.clone().for_each(InterfaceState::look_at_card);
        let cards = interfaces.filter_map(InterfaceState::card_clock);
        let (sockets, programs): (Vec<_>, Vec<_>) =
            cards.partition(|(tier, _)| *tier == Tier::Socket);
        let off_ns = [sockets, programs].map(|cards| {
            let cards: Vec<_> = cards.into_iter().map(|(_, card)| card).collect();
            self.clocks.compare(&cards)
        });
        self.state.note_clocks(&found, off_ns);
        let clock = &self.state.clock;
        *clock.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Takes what workers are done with.
    fn take_back(&mut self) {
        for (worker, handle) in self.workers.iter().enumerate() {
            while let Ok(retired) = handle.retired.try_recv() {
                match retired {
                    Retired::Queue { queue, publisher } => {
                        self.rotations
                            .take_back(self.state, worker, queue, publisher);
                    }
                    Retired::Filter { channel, filter: _ } => {
                        self.reloader.take_back(self.state, worker, channel);
                    }
                    Retired::Input { input, provider } => {
                        let interfaces = &self.state.interfaces;
                        self.ports.take_back(worker, input, provider, interfaces);
                    }
                }
            }
        }
        self.rotations.look(self.state);
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Reload(read) => self.reloader.begin(self.state, self.workers, *read),
            Order::StepUp => self.ports.step_up(&self.state.interfaces, &mut self.groups),
        }
    }

    fn on_event(&mut self, worker: usize, event: WorkerEvent) -> Result<(), ServiceError> {
        let interfaces = &self.state.interfaces;
        if let WorkerEvent::InputFailed { input, error } = &event
            && self
                .ports
                .lost(worker, *input, error, interfaces, &mut self.groups)
        {
            return Ok(());
        }
        on_capture(interfaces, worker, event)
    }
}

/// The result of a thread that has ended; `None` where it panicked.
pub(crate) fn finished<T>(thread: tokio::task::JoinHandle<T>) -> Option<T> {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    match pin!(thread).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(result)) => Some(result),
        _ => None,
    }
}

/// Takes note of what became of a capture.
fn on_capture(
    interfaces: &[InterfaceState],
    worker: usize,
    event: WorkerEvent,
) -> Result<(), ServiceError> {
    let end = |input, state| {
        let interface = interfaces.iter().find(|i| i.end(worker, input, state));
        interface.map_or_else(String::new, |interface| interface.name.clone())
    };
    match event {
        WorkerEvent::InputFinished { input } => {
            let name = end(input, InputState::Finished);
            info!(input = name, "capture at its end");
            Ok(())
        }
        WorkerEvent::InputFailed { input, error } => {
            let name = end(input, InputState::Failed);
            if interfaces.iter().any(|interface| interface.feeds(worker)) {
                // The other line may well come from another capture.
                error!(input = name, cause = %error, "input failed; its worker goes on with the others");
                return Ok(());
            }
            Err(ServiceError::InputLost {
                name,
                source: error,
            })
        }
    }
}

/// Running workers; dropped, they are stopped, also where starting went wrong half-way.
#[derive(Default)]
struct Workers(Vec<WorkerHandle>);

impl Workers {
    fn stop(&mut self) {
        for handle in &self.0 {
            // One that does not take the command is reported below, when it does not end.
            let _ = handle.stop();
        }
        let deadline = Instant::now() + STOP_MAX;
        for handle in self.0.drain(..) {
            while !handle.has_ended() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            let name = handle.name.clone();
            if !handle.has_ended() {
                error!(worker = name, "did not stop in time; ending without it");
            } else if !handle.join() {
                error!(worker = name, "panicked");
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::inputs::{InputSeat, Plugged};
    use super::state::Seat;
    use super::*;
    use crate::ingest::{IngestError, Tier};

    fn interface(name: &str, worker: usize, index: usize) -> InterfaceState {
        let mut state = InterfaceState::new(name, Tier::Socket);
        state.inputs.push(InputSeat::new(
            Seat { worker, index },
            Some(Plugged::default()),
        ));
        state
    }

    #[test]
    fn a_worker_survives_the_loss_of_all_inputs_but_its_last() {
        let interfaces = [
            interface("a", 0, 0),
            interface("b", 0, 1),
            interface("c", 1, 0),
        ];
        let failed = |input| {
            let name = "a".to_owned();
            let error = IngestError::InterfaceMissing { name };
            on_capture(&interfaces, 0, WorkerEvent::InputFailed { input, error })
        };
        assert!(failed(0).is_ok());
        let lost = failed(1);
        assert!(matches!(lost, Err(ServiceError::InputLost { name, .. }) if name == "b"));
    }
}
