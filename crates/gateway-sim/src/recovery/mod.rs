//! What a venue offers to those who have lost something: re-request servers, gap request proxies, Glimpse and spin
//! servers, and MDP 3.0's snapshot loop, beside the lines.
//!
//! [`rerequest`], [`gap_request`], [`glimpse`] and [`spin`] say what is answered, without sockets or a clock, and do wrong what they are told to do
//! wrong; [`Servers`] runs them on threads of their own. All read the [`Venue`] that the publisher writes.
//!
//! What is drawn depends on the seed and on the order in which requests and connections come, and on nothing else.

pub mod counts;
pub mod gap_request;
pub mod glimpse;
pub mod market_recovery;
pub mod rerequest;
pub mod spin;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use counts::{
    GapRequestCounts, GlimpseCounts, MarketRecoveryCounts, RecoveryReport, RerequestCounts,
    ServerReport, SpinCounts,
};
use gap_request::{GapLines, GapRequestOptions, GapRequestServer};
use glimpse::{GlimpseOptions, GlimpseServer};
use market_recovery::{Loop, MarketRecoveryOptions};
use rerequest::RerequestOptions;
use spin::{SpinOptions, SpinServer};

use crate::SimError;
use crate::transmit::Transmit;
use crate::venue::Venue;

/// How long a thread may take to notice something that it does not wait for.
const TICK: Duration = Duration::from_millis(2);

/// Whether a server is down: set by a scenario, read by the server.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<AtomicBool>);

impl Switch {
    /// Turns the server off or on.
    pub fn set_down(&self, down: bool) {
        // Relaxed: the flag orders nothing.
        self.0.store(down, Ordering::Relaxed);
    }

    /// Whether the server is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

/// Servers on threads, until they are dropped or asked to finish.
#[derive(Debug)]
pub struct Servers {
    venue: Arc<Venue>,
    start: Instant,
    stop: Arc<AtomicBool>,
    rerequest: Vec<Running<RerequestCounts>>,
    gap_request: Vec<Running<GapRequestCounts>>,
    spin: Vec<Running<SpinCounts>>,
    glimpse: Vec<Running<GlimpseCounts>>,
    market_recovery: Option<JoinHandle<MarketRecoveryCounts>>,
    instrument_definition: Option<JoinHandle<MarketRecoveryCounts>>,
}

#[derive(Debug)]
struct Running<C> {
    name: String,
    address: SocketAddr,
    thread: JoinHandle<C>,
}

/// What a server's thread has of its surroundings.
#[derive(Clone)]
struct Surroundings {
    venue: Arc<Venue>,
    start: Instant,
    stop: Arc<AtomicBool>,
    switch: Switch,
}

impl Surroundings {
    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn stopped(&self) -> bool {
        // Relaxed: the flag orders nothing.
        self.stop.load(Ordering::Relaxed)
    }
}

impl Servers {
    /// No servers yet, of a venue.
    #[must_use]
    pub fn new(venue: Arc<Venue>) -> Self {
        Self {
            venue,
            start: Instant::now(),
            stop: Arc::default(),
            rerequest: Vec::new(),
            gap_request: Vec::new(),
            spin: Vec::new(),
            glimpse: Vec::new(),
            market_recovery: None,
            instrument_definition: None,
        }
    }

    /// The venue.
    #[must_use]
    pub fn venue(&self) -> &Arc<Venue> {
        &self.venue
    }

    /// Starts a re-request server; returns where it listens.
    ///
    /// # Errors
    /// [`SimError::Server`].
    pub fn add_rerequest(
        &mut self,
        name: &str,
        address: SocketAddr,
        options: RerequestOptions,
        switch: &Switch,
    ) -> Result<SocketAddr, SimError> {
        let surroundings = self.surroundings(switch);
        let (address, thread) = udp::start(address, options, surroundings).map_err(failed(
            name,
            "re-request",
            address,
        ))?;
        self.rerequest.push(Running {
            name: name.to_owned(),
            address,
            thread,
        });
        Ok(address)
    }

    /// Starts a gap request proxy, which sends on `lines`; returns where it listens.
    ///
    /// # Errors
    /// [`SimError::Server`].
    pub fn add_gap_request(
        &mut self,
        name: &str,
        address: SocketAddr,
        (options, lines): (GapRequestOptions, GapLines),
        switch: &Switch,
    ) -> Result<SocketAddr, SimError> {
        let surroundings = self.surroundings(switch);
        let server = GapRequestServer::new(options, lines);
        let (address, thread) = tcp::start(address, server, surroundings).map_err(failed(
            name,
            "gap request",
            address,
        ))?;
        self.gap_request.push(Running {
            name: name.to_owned(),
            address,
            thread,
        });
        Ok(address)
    }

    /// Starts a spin server; returns where it listens.
    ///
    /// # Errors
    /// [`SimError::Server`].
    pub fn add_spin(
        &mut self,
        name: &str,
        address: SocketAddr,
        options: SpinOptions,
        switch: &Switch,
    ) -> Result<SocketAddr, SimError> {
        let surroundings = self.surroundings(switch);
        let (address, thread) = tcp::start(address, SpinServer::new(options), surroundings)
            .map_err(failed(name, "spin", address))?;
        self.spin.push(Running {
            name: name.to_owned(),
            address,
            thread,
        });
        Ok(address)
    }

    /// Starts a Glimpse server; returns where it listens.
    ///
    /// # Errors
    /// [`SimError::Server`].
    pub fn add_glimpse(
        &mut self,
        name: &str,
        address: SocketAddr,
        options: GlimpseOptions,
        switch: &Switch,
    ) -> Result<SocketAddr, SimError> {
        let surroundings = self.surroundings(switch);
        let (address, thread) = tcp::start(address, GlimpseServer::new(options), surroundings)
            .map_err(failed(name, "Glimpse", address))?;
        self.glimpse.push(Running {
            name: name.to_owned(),
            address,
            thread,
        });
        Ok(address)
    }

    /// Starts the market recovery feed, or the instrument feed, on `lines`.
    ///
    /// # Errors
    /// [`SimError::Server`].
    pub fn add_loop(
        &mut self,
        told: Loop,
        options: MarketRecoveryOptions,
        lines: Vec<Box<dyn Transmit + Send>>,
        switch: &Switch,
    ) -> Result<(), SimError> {
        let surroundings = self.surroundings(switch);
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let started = market_recovery::start(told, options, lines, surroundings);
        let (thread, name, kind) = match told {
            Loop::Snapshots => (&mut self.market_recovery, "M1", "market recovery"),
            Loop::Definitions => (
                &mut self.instrument_definition,
                "D1",
                "instrument definition",
            ),
        };
        *thread = Some(started.map_err(failed(name, kind, nowhere))?);
        Ok(())
    }

    /// Name, kind and port of each server.
    pub fn listening(&self) -> impl Iterator<Item = (&str, &'static str, u16)> {
        let rerequest = self.rerequest.iter();
        let proxies = self.gap_request.iter();
        let spin = self.spin.iter();
        let glimpse = self.glimpse.iter();
        rerequest
            .map(|server| (server.name.as_str(), "re-request", server.address.port()))
            .chain(
                proxies.map(|server| (server.name.as_str(), "gap request", server.address.port())),
            )
            .chain(spin.map(|server| (server.name.as_str(), "spin", server.address.port())))
            .chain(glimpse.map(|server| (server.name.as_str(), "Glimpse", server.address.port())))
    }

    /// Stops all servers; connections are closed. What became of all that came.
    #[must_use]
    pub fn finish(mut self) -> RecoveryReport {
        self.stop.store(true, Ordering::Relaxed);
        RecoveryReport {
            rerequest: std::mem::take(&mut self.rerequest)
                .into_iter()
                .map(Running::join)
                .collect(),
            gap_request: std::mem::take(&mut self.gap_request)
                .into_iter()
                .map(Running::join)
                .collect(),
            spin: std::mem::take(&mut self.spin)
                .into_iter()
                .map(Running::join)
                .collect(),
            glimpse: std::mem::take(&mut self.glimpse)
                .into_iter()
                .map(Running::join)
                .collect(),
            market_recovery: self.market_recovery.take().map(joined),
            instrument_definition: self.instrument_definition.take().map(joined),
        }
    }

    fn surroundings(&self, switch: &Switch) -> Surroundings {
        Surroundings {
            venue: Arc::clone(&self.venue),
            start: self.start,
            stop: Arc::clone(&self.stop),
            switch: switch.clone(),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl<C> Running<C> {
    fn join(self) -> ServerReport<C> {
        ServerReport {
            name: self.name,
            address: self.address,
            counts: joined(self.thread),
        }
    }
}

/// What a thread has counted.
fn joined<C>(thread: JoinHandle<C>) -> C {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn failed(
    name: &str,
    kind: &'static str,
    address: SocketAddr,
) -> impl FnOnce(std::io::Error) -> SimError {
    let name = name.to_owned();
    move |source| SimError::Server {
        name,
        kind,
        address,
        source,
    }
}
