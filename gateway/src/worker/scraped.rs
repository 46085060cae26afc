//! A scrape has the worker execute nothing: over the same packets it executes the same instructions with a scraper as
//! without one, counted one by one.
//!
//! The counting is done by single steps (`ptrace`) of a process made for it, without address randomisation and with a
//! clock that stands still, so that nothing but the packets decides what is executed.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{self, BufWriter};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_channel::bounded;
use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::class::Classes;
use gateway_feed::itch50::{self, ItchConfig, ItchDecoder};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_feed::sink::Output;
use gateway_queue::clock::Clock;
use gateway_queue::{Publisher, PublisherOptions, QueueHandle};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_wire::build::UdpFrame;

use super::board::{Rounds, WorkerBoard};
use super::control;
use super::feed::FeedChannel;
use super::filter::{Filter, Want};
use super::poll::{Lane, Source, Worker, WorkerChannel, WorkerInput};
use super::route::{LineOf, Route};
use super::sink::Outlet;
use crate::config;
use crate::config::model::Wait;
use crate::ingest::{Pace, PcapIngest, Provider, Stream, UdpChecksum};
use crate::metrics;
use crate::service::state::State;

/// In the environment of the process that is counted: whether it is scraped.
const SCRAPED: &str = "GATEWAY_TEST_SCRAPED";
/// In the environment of the process that is counted: the capture.
const CAPTURE: &str = "GATEWAY_TEST_CAPTURE";
const GROUP: [u8; 4] = [239, 1, 2, 3];
const PORT: u16 = 5_001;
/// A single step takes ten microseconds or more, and a message some thousand where the compiler optimises nothing.
const MESSAGES: u64 = 8;

/// What the process prints at its end, in front of the number of scrapes.
const SCRAPES: &str = "scrapes: ";

/// A worker with one channel of two lines, and a capture of the first of them.
pub(super) fn worker(capture: &Path) -> (Worker, QueueHandle) {
    let streams = [Stream {
        group: GROUP.into(),
        port: PORT,
        sources: Vec::new(),
    }];
    let pace = Pace::AsFastAsPossible;
    let provider = PcapIngest::open(capture, &streams, pace, UdpChecksum::Ignore).unwrap();
    let filter = Filter::new(
        &[Want {
            queue: 0,
            output: Output::Plain,
            symbols: vec!["*".to_owned()],
            classes: Classes::ALL,
            shared: false,
        }],
        itch50::classes,
    );
    let decoder = ItchDecoder::new(&ItchConfig::default()).unwrap();
    let channel = Channel::new(ChannelConfig::default(), decoder);
    let (publisher, handle) = Publisher::create(&PublisherOptions {
        name: "scraped".to_owned(),
        slots: 1_024,
        ..PublisherOptions::default()
    })
    .unwrap();
    let (_, inbox) = control::line(0);
    let worker = Worker {
        inputs: vec![Source::new(WorkerInput {
            provider: Provider::Pcap(provider),
            routes: vec![Route::Line(LineOf {
                channel: 0,
                line: LineId(0),
            })],
        })],
        lanes: vec![Lane::new(
            WorkerChannel {
                feed: FeedChannel::NasdaqItch50(Box::new(channel)),
                filter,
                recovers: false,
            },
            None,
        )],
        due: u64::MAX,
        outlets: vec![Outlet::new(publisher)],
        wait: Wait::Spin,
        board: Arc::new(WorkerBoard::new(1, 1, 1)),
        inbox,
        events: bounded(1).0,
        retired: bounded(1).0,
        rounds: Rounds::default(),
    };
    (worker, handle)
}

/// What the control plane knows of a worker that shows itself on `board`.
fn state(board: Arc<WorkerBoard>, queue: QueueHandle) -> State {
    let group = Ipv4Addr::from(GROUP);
    let config = format!(
        r#"
[[capture]]
name = "flow"
file = "flow.pcap"
[[worker]]
name = "w0"
inputs = ["flow"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{{ name = "A", group = "{group}", port = {PORT} }}]
[[queue]]
name = "all"
channels = ["itch"]
"#
    );
    let config = config::parse(&config, Path::new("/")).unwrap();
    State::of_worker(config, board, vec![queue])
}

/// A scrape, as the metrics server makes it.
fn scrape(state: &State) -> String {
    metrics::render(&state.status(), Instant::now()).unwrap()
}

/// Has whoever counts begin, or end.
fn mark() {
    // SAFETY: a signal to this thread, which whoever traces it takes away; nothing else is sent it.
    unsafe { libc::raise(libc::SIGUSR1) };
}

/// Not a test of its own: what the one below counts, in a process of its own.
#[test]
#[ignore = "it is run by a_scrape_has_the_worker_execute_nothing"]
fn the_process_that_is_counted() {
    let Some(capture) = std::env::var_os(CAPTURE) else {
        return;
    };
    let (mut worker, queue) = worker(Path::new(&capture));
    let state = Arc::new(state(Arc::clone(&worker.board), queue));
    let clock = Clock::manual(1_700_000_000_000_000_000);
    let (over, scrapes) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    // Everything that the worker has is there before: what the scraper takes cannot move it.
    let scraper = (std::env::var(SCRAPED).unwrap() == "yes").then(|| {
        let (over, scrapes) = (Arc::clone(&over), Arc::clone(&scrapes));
        let state = Arc::clone(&state);
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let page = scrape(&state);
                assert!(page.contains("gateway_stage_latency_seconds_bucket"));
                scrapes.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    while scraper.is_some() && scrapes.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    // SAFETY: it makes the parent's thread the tracer of this one, and touches no memory.
    let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } == 0;
    let before = scrapes.load(Ordering::Relaxed);
    if traced {
        mark();
    }
    let mut now = clock.now();
    loop {
        now += 500_000;
        clock.set(now);
        if worker.poll(0, &clock) == 0 {
            break;
        }
        worker.show(now);
        // The poll after the last packet tells the control plane, by the process's clock: it is not counted.
        if worker.inputs[0].packets() == MESSAGES {
            break;
        }
    }
    if traced {
        mark();
    }
    assert_eq!(worker.inputs[0].packets(), MESSAGES);
    assert!(worker.outlets[0].records > 0);
    println!("{SCRAPES}{}", scrapes.load(Ordering::Relaxed) - before);
    over.store(true, Ordering::Relaxed);
    if let Some(scraper) = scraper {
        scraper.join().unwrap();
    }
    // What the scraper drew is what the worker did.
    let page = scrape(&state);
    let count =
        format!("{{stage=\"ring_pub\",feed=\"nasdaq-itch50\",channel=\"itch\"}} {MESSAGES}\n");
    assert!(
        page.contains(&format!("gateway_stage_latency_seconds_count{count}")),
        "{page}"
    );
}

/// What became of a thread of this thread's child.
enum Halt {
    /// It stopped, by this signal.
    Signal { thread: i32, signal: i32 },
    /// The process has ended, with this code.
    Ended(i32),
}

/// Waits for a thread of this thread's child.
fn halt() -> Halt {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    assert!(thread > 0, "{}", io::Error::last_os_error());
    if libc::WIFSTOPPED(status) {
        let signal = libc::WSTOPSIG(status);
        return Halt::Signal { thread, signal };
    }
    assert!(libc::WIFEXITED(status), "status {status}");
    Halt::Ended(libc::WEXITSTATUS(status))
}

/// Instructions of the worker, and scrapes meanwhile; `None` where the system lets nobody count.
#[expect(
    clippy::zombie_processes,
    reason = "where it has ended, `halt` has waited for it"
)]
fn counted(capture: &Path, scraped: &str) -> Option<(u64, u64)> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "worker::scraped::the_process_that_is_counted"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(SCRAPED, scraped)
        .env(CAPTURE, capture)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped());
    // SAFETY: one system call between fork and exec, which touches no memory.
    unsafe {
        command.pre_exec(|| {
            libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
            Ok(())
        });
    }
    let child = command.spawn().unwrap();
    let thread = match halt() {
        Halt::Signal { thread, signal } => {
            assert_eq!(signal, libc::SIGUSR1);
            thread
        }
        // It went well, and nobody may trace it.
        Halt::Ended(0) => return None,
        Halt::Ended(code) => panic!("the process that is counted ended with {code}"),
    };
    let mut steps = 0;
    loop {
        // SAFETY: `thread` is traced by this thread, and stopped.
        let stepped = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, thread, 0, 0) };
        assert_eq!(stepped, 0, "{}", io::Error::last_os_error());
        match halt() {
            Halt::Signal { signal, .. } if signal == libc::SIGTRAP => steps += 1,
            Halt::Signal { signal, .. } if signal == libc::SIGUSR1 => break,
            Halt::Signal { signal, .. } => panic!("signal {signal}"),
            Halt::Ended(code) => panic!("it ended with {code} while it was counted"),
        }
    }
    // SAFETY: as above.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, thread, 0, 0) };
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let (_, rest) = said.split_once(SCRAPES).unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    Some((steps, digits.parse().unwrap()))
}

/// A packet a message; those numbered in `lost` are not there.
pub(super) fn write_capture(path: &Path, lost: &[u64]) {
    let mut messages = OrderFlow::new(FlowOptions {
        messages: MESSAGES,
        symbols: 5,
        ..FlowOptions::default()
    });
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let mut packets = PacketBuilder::new(Session::from_name("TEST").unwrap(), 1, 1400);
    let mut time = 1_700_000_000_000_000_000;
    for number in 1..=MESSAGES {
        packets.push(messages.next().unwrap().bytes).unwrap();
        time += 20_000;
        packets.finish(|payload| {
            if lost.contains(&number) {
                return;
            }
            let mut frame = [0; 2_048];
            let udp = UdpFrame {
                destination: GROUP,
                destination_port: PORT,
                payload,
                ..UdpFrame::default()
            };
            let length = udp.write(&mut frame).unwrap();
            writer.write(time, &frame[..length]).unwrap();
        });
    }
    writer.finish().unwrap();
}

#[test]
fn a_scrape_has_the_worker_execute_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("flow.pcap");
    write_capture(&capture, &[]);
    let Some(alone) = counted(&capture, "no") else {
        println!("skipped: this system lets nobody trace a process of his own");
        return;
    };
    assert_eq!(alone.1, 0);
    let again = counted(&capture, "no").unwrap();
    assert_eq!(alone, again, "the replay is not the same each time");
    let scraped = counted(&capture, "yes").unwrap();
    assert!(scraped.1 > 0, "nobody scraped");
    println!(
        "{} instructions, {} scrapes meanwhile",
        scraped.0, scraped.1
    );
    assert_eq!(scraped.0, alone.0, "instructions of the worker");
}
