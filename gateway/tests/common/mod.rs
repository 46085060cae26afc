//! A capture of lines A and B with known losses, made by our own encoders, and a gateway that plays it.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod users;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway::config::Config;
use gateway::service::{self, Order, ServiceError};
use gateway_capture::{LinkType, PcapWriter};
use gateway_client::Client;
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_wire::build::UdpFrame;

pub const GROUP_A: [u8; 4] = [233, 54, 12, 111];
pub const GROUP_B: [u8; 4] = [233, 49, 196, 111];
pub const PORT: u16 = 26_477;
/// 2026-11-20 14:30 UTC, a Friday: half past nine in New York.
const START_NS: u64 = 1_795_185_000_000_000_000;
const MESSAGES_PER_PACKET: u16 = 8;

/// What a capture holds, and what must come out of it.
pub struct Truth {
    /// Messages that at least one line carries, with their sequences.
    pub delivered: Vec<(u64, Vec<u8>)>,
    /// First and last of what neither line carries.
    pub gaps: Vec<(u64, u64)>,
    /// Packets in the file.
    pub packets: u64,
    /// The sequence behind the last message.
    pub next: u64,
}

/// Writes a day of `messages` messages at `path`. `lost(line, packet)` says what a line drops; `pause_ns(packet)` is
/// added to the time before a packet.
pub fn write_capture(
    path: &Path,
    messages: u64,
    lost: impl Fn(usize, u64) -> bool,
    pause_ns: impl Fn(u64) -> u64,
) -> Truth {
    let mut flow = OrderFlow::new(FlowOptions {
        messages,
        symbols: 20,
        ..FlowOptions::default()
    });
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let mut packets = PacketBuilder::new(Session::from_name("TEST").unwrap(), 1, 1400);
    let mut truth = Truth {
        delivered: Vec::new(),
        gaps: Vec::new(),
        packets: 0,
        next: 1,
    };
    let (mut time, mut number) = (START_NS, 0);
    let mut batch: Vec<(u64, Vec<u8>)> = Vec::new();
    loop {
        let message = flow.next().map(|message| message.bytes.to_vec());
        let over = message.is_none();
        if let Some(message) = message {
            packets.push(&message).unwrap();
            batch.push((truth.next, message));
            truth.next += 1;
        }
        if packets.count() == MESSAGES_PER_PACKET || (over && packets.count() > 0) {
            time += 20_000 + pause_ns(number);
            packets.finish(|payload| {
                for line in 0..2 {
                    if !lost(line, number) {
                        write_frame(&mut writer, line, time + line as u64 * 3_000, payload);
                        truth.packets += 1;
                    }
                }
            });
            let both = lost(0, number) && lost(1, number);
            let (first, last) = (batch[0].0, batch[batch.len() - 1].0);
            match (both, truth.gaps.last_mut()) {
                (true, Some(gap)) if gap.1 + 1 == first => gap.1 = last,
                (true, _) => truth.gaps.push((first, last)),
                (false, _) => truth.delivered.append(&mut batch),
            }
            batch.clear();
            number += 1;
        }
        if over {
            break;
        }
    }
    for line in 0..2 {
        write_frame(&mut writer, line, time + 100_000, &packets.end_of_session());
        truth.packets += 1;
    }
    writer.finish().unwrap();
    truth
}

/// Writes a session of `messages`, in one packet on line A, at `path`.
pub fn write_messages(path: &Path, messages: &[&[u8]]) {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let mut packets = PacketBuilder::new(Session::from_name("TEST").unwrap(), 1, 1400);
    for message in messages {
        packets.push(message).unwrap();
    }
    packets.finish(|payload| write_frame(&mut writer, 0, START_NS, payload));
    write_frame(&mut writer, 0, START_NS + 1_000, &packets.end_of_session());
    writer.finish().unwrap();
}

fn write_frame(writer: &mut PcapWriter<BufWriter<File>>, line: usize, time: u64, payload: &[u8]) {
    let mut frame = [0; 2048];
    let length = UdpFrame {
        destination: [GROUP_A, GROUP_B][line],
        destination_port: PORT,
        payload,
        ..UdpFrame::default()
    }
    .write(&mut frame)
    .unwrap();
    writer.write(time, &frame[..length]).unwrap();
}

/// A configuration that plays `file`, with a queue of plain and one of native records, and more of `queues`.
pub fn config(folder: &Path, file: &Path, pace: &str, queues: &str) -> Config {
    gateway::config::parse(&toml(folder, file, pace, queues, ""), folder).unwrap()
}

/// The text of that configuration; `metrics` is the server's address.
pub fn toml(folder: &Path, file: &Path, pace: &str, queues: &str, metrics: &str) -> String {
    format!(
        r#"
[gateway]
broker_socket = "{socket}"
metrics_listen = "{metrics}"
log = "human"
[[capture]]
name = "cap"
file = "{file}"
pace = "{pace}"
[[worker]]
name = "w0"
inputs = ["cap"]
wait = "sleep"
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{{ group = "233.54.12.111", port = 26477 }}, {{ group = "233.49.196.111", port = 26477 }}]
[[queue]]
name = "all"
channels = ["itch"]
[[queue]]
name = "native"
channels = ["itch"]
records = "native"
{queues}
"#,
        socket = folder.join("broker.sock").display(),
        file = file.display(),
    )
}

/// A gateway in this process; stopped when dropped.
pub struct Running {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServiceError>>>,
    orders: tokio::sync::mpsc::Sender<Order>,
    pub socket: PathBuf,
}

impl Running {
    pub fn start(config: Config) -> Self {
        let socket = config.gateway.broker_socket.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (orders, orders_out) = tokio::sync::mpsc::channel(4);
        let thread = std::thread::spawn(move || {
            let stop = async {
                let _ = stopped.await;
            };
            service::run_reloadable(config, stop, orders_out)
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
            orders,
            socket,
        }
    }

    /// A client, once the gateway answers.
    pub fn client(&self) -> Client {
        until("the gateway to answer", || {
            Client::connect(&self.socket).ok()
        })
    }

    /// Gives the gateway another configuration.
    pub fn reload(&self, config: Config) {
        let order = Order::Reload(Box::new(Ok(config)));
        self.orders.blocking_send(order).unwrap();
    }

    pub fn stop(&mut self) -> Result<(), ServiceError> {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.stop.is_some() {
            let _ = self.stop();
        }
    }
}

/// What `try_it` gives, as soon as it gives something.
pub fn until<T>(what: &str, mut try_it: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = try_it() {
            return found;
        }
        assert!(Instant::now() < limit, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
