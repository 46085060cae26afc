//! The ways from the wire to a strategy, each ready to be measured.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Result, bail};
use gateway_client::{Client, Event, Record, SubscribeOptions, Subscription};
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::itch50::{ItchConfig, ItchDecoder};
use gateway_feed::moldudp64::MoldUdp64;
use gateway_feed::sink::Output;
use gateway_guard::look::Look;
use gateway_queue::clock::Clock;
use gateway_test_harness::Gateway;

use super::arrivals::Arrivals;
use super::link::{Bench, pin};
use super::packets::packet_of;
use super::receive::{Receive, Recv, Recvmmsg};

/// A way from the wire to a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// An AF_XDP socket and nothing else, with or without busy polling.
    Bare { busy_poll: bool },
    /// `recv` in a loop, then the gateway's own arbitration and decoder, in one process with the strategy.
    Recv,
    /// `recvmmsg`, the same.
    Recvmmsg,
    /// A thread that sleeps in `recv`, the same.
    Blocking,
    /// The gateway, from whose queue the strategy's own process reads.
    Gateway { tier: &'static str, busy_poll: bool },
}

impl Way {
    /// Its name in the tables.
    pub(super) fn name(self) -> String {
        let polled = |busy_poll| if busy_poll { ", busy polling" } else { "" };
        match self {
            Self::Bare { busy_poll } => format!("bare AF_XDP{}", polled(busy_poll)),
            Self::Recv => "spinning recv".into(),
            Self::Recvmmsg => "spinning recvmmsg".into(),
            Self::Blocking => "blocking recv".into(),
            Self::Gateway { tier, busy_poll } => {
                format!("gateway, {tier} tier{}", polled(busy_poll))
            }
        }
    }

    /// Whether it asks for busy polling.
    pub(super) const fn polls(self) -> bool {
        match self {
            Self::Bare { busy_poll } | Self::Gateway { busy_poll, .. } => busy_poll,
            Self::Recv | Self::Recvmmsg | Self::Blocking => false,
        }
    }

    /// Makes it ready; what receives in this process does so on a thread of `scope`.
    pub(super) fn start<'scope, 'env>(
        self,
        bench: &'env Bench,
        scope: &'scope Scope<'scope, 'env>,
        seen: &'env Seen,
    ) -> Result<Contender<'scope>> {
        let core = bench.receiver_core;
        let thread = match self {
            Self::Bare { busy_poll } => spawn(
                scope,
                bench.bare(seen.rx_entries, busy_poll)?,
                None,
                seen,
                core,
            ),
            Self::Recv => {
                let receiver = Recv::spinning(bench.joined_socket()?)?;
                spawn(scope, receiver, Some(Decode::new()?), seen, core)
            }
            Self::Blocking => {
                let receiver = Recv::blocking(bench.joined_socket()?)?;
                spawn(scope, receiver, Some(Decode::new()?), seen, core)
            }
            Self::Recvmmsg => {
                let receiver = Recvmmsg::spinning(bench.joined_socket()?)?;
                spawn(scope, receiver, Some(Decode::new()?), seen, core)
            }
            Self::Gateway { tier, busy_poll } => {
                let gateway = bench.gateway(tier, seen.rx_entries, busy_poll)?;
                let client = Client::connect(gateway.socket())?;
                let subscription = client.subscribe("all", &SubscribeOptions::named("bench"))?;
                return Ok(Contender::Gateway {
                    gateway,
                    subscription: Some(Box::new(subscription)),
                });
            }
        };
        let end = End(&seen.over);
        Ok(Contender::Here { thread, end })
    }
}

/// What a measurement shares with the thread that receives.
pub(super) struct Seen {
    /// When each packet was there.
    pub(super) arrivals: Arrivals,
    /// Messages of a packet.
    pub(super) messages: u64,
    /// Entries of an AF_XDP socket's RX ring.
    rx_entries: u32,
    /// Packets received.
    pub(super) packets: AtomicU64,
    /// Whether the measurement is over. Written by the measuring thread and read by the receiving one; nothing else is
    /// handed over by it: relaxed.
    pub(super) over: AtomicBool,
}

impl Seen {
    /// For so many packets of so many messages, and rings of so many entries.
    pub(super) fn of(packets: usize, messages: u64, rx_entries: u32) -> Self {
        Self {
            arrivals: Arrivals::of(packets),
            messages,
            rx_entries,
            packets: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }
}

/// Says that the measurement is over.
pub(super) struct End<'seen>(&'seen AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Read by the thread that receives; nothing else is handed over.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One that is ready.
pub(super) enum Contender<'scope> {
    /// A thread of this process receives.
    Here {
        /// The thread.
        thread: ScopedJoinHandle<'scope, Result<()>>,
        /// Ends it, should the measurement fail.
        end: End<'scope>,
    },
    /// The gateway does, and the strategy polls its queue.
    Gateway {
        /// The process.
        gateway: Gateway,
        /// The strategy's; none where nobody reads.
        subscription: Option<Box<Subscription>>,
    },
}

impl Contender<'_> {
    /// What a strategy does between two looks at the clock: in this process nothing, else one poll.
    #[inline]
    ///
    /// # Errors
    /// The gateway has ended.
    pub(super) fn look(&mut self, seen: &Seen, clock: &Clock) -> Result<()> {
        let Self::Gateway {
            subscription: Some(subscription),
            ..
        } = self
        else {
            std::hint::spin_loop();
            return Ok(());
        };
        match subscription.poll() {
            Event::Record(Record::Mbo(order)) => {
                let now = clock.steady_now();
                let packet = u64::from(order.sequence).wrapping_sub(1) / seen.messages;
                seen.arrivals.set(packet, now);
            }
            Event::Empty => std::hint::spin_loop(),
            Event::Record(_) | Event::Lost(_) => {}
            Event::Closed(why) => bail!("the gateway's queue ended: {why}"),
        }
        Ok(())
    }

    /// Whether a thread of this process that should receive has ended; [`finish`](Self::finish) tells why.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Here { thread, .. } if thread.is_finished())
    }

    /// Ends it.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Here { thread, end } => {
                drop(end);
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            Self::Gateway { .. } => Ok(()),
        }
    }
}

/// What a worker does with a packet before it publishes.
struct Decode {
    channel: Channel<ItchDecoder, MoldUdp64>,
    sink: Look,
}

impl Decode {
    fn new() -> Result<Self> {
        let decoder = ItchDecoder::new(&ItchConfig::default())?;
        Ok(Self {
            channel: Channel::new(ChannelConfig::default(), decoder),
            sink: Look::new(Output::Plain),
        })
    }
}

fn spawn<'scope, 'env, R: Receive + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    mut receiver: R,
    mut decode: Option<Decode>,
    seen: &'env Seen,
    core: usize,
) -> ScopedJoinHandle<'scope, Result<()>> {
    scope.spawn(move || {
        pin(core)?;
        let clock = Clock::global();
        while !seen.over.load(Ordering::Relaxed) {
            let taken = receiver.poll(|payload| {
                if let Some(Decode { channel, sink }) = &mut decode {
                    let _ = channel.on_packet(LineId(0), clock.steady_now(), payload, sink);
                }
                if let Some(packet) = packet_of(payload, seen.messages) {
                    seen.arrivals.set(packet, clock.steady_now());
                }
            })?;
            if taken > 0 {
                // Read by the measuring thread when all is over; this thread is the only one that writes.
                let packets = seen.packets.load(Ordering::Relaxed);
                seen.packets
                    .store(packets + taken as u64, Ordering::Relaxed);
            }
        }
        Ok(())
    })
}
