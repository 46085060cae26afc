//! `gateway bench scenarios`

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{print, tell};
use crate::ingest::{InterfaceRequest, Mode, SocketWait, Tier};
use crate::scenarios::measure::{self, Plan, Stopped};
use crate::scenarios::packet::{PACKET_BYTES_MAX, PACKET_BYTES_MIN};
use crate::scenarios::receiver::Settings;
use crate::scenarios::report::{Report, sfnt, svg, table};
use crate::scenarios::respond::Responder;
use crate::scenarios::{Link, Path, REQUESTER_PORT, RESPONDER_PORT};
use crate::worker::pin;

/// Options of `gateway bench scenarios`.
#[derive(Debug, Args)]
pub(super) struct Scenarios {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Answer requests, until SIGINT or SIGTERM
    Respond(Respond),
    /// Send requests to a responder, measure, and report
    Measure(Box<Measure>),
    /// Put the JSON files of several measurements into one report
    Report(Show),
}

/// How an end receives.
#[derive(Debug, Args)]
struct End {
    /// The interface under test
    #[arg(short, long, value_name = "NAME")]
    interface: String,
    /// The tier for the gateway's paths: auto, zero-copy, copy, skb or socket
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = mode)]
    mode: Mode,
    /// Use a tier against the list of drivers and kernels
    #[arg(long)]
    force: bool,
    /// Processor of the thread that sends or answers
    #[arg(long, value_name = "CPU")]
    core: Option<usize>,
    /// Processor of the worker of the path gateway-queue
    #[arg(long, value_name = "CPU")]
    worker_core: Option<usize>,
}

impl End {
    fn settings(&self, address: Ipv4Addr, port: u16) -> Settings {
        Settings {
            interface: InterfaceRequest {
                mode: self.mode,
                force: self.force,
                socket_wait: SocketWait::Spin,
                ..InterfaceRequest::new(&self.interface, Vec::new())
            },
            address,
            port,
            worker_core: self.worker_core,
        }
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    if text == "auto" {
        return Ok(Mode::Auto);
    }
    [Tier::ZeroCopy, Tier::Copy, Tier::Skb, Tier::Socket]
        .into_iter()
        .find(|tier| tier.to_string() == text)
        .map(Mode::Exactly)
        .ok_or_else(|| "use auto, zero-copy, copy, skb or socket".to_owned())
}

#[derive(Debug, Args)]
struct Respond {
    #[command(flatten)]
    end: End,
    /// This machine's address on that interface
    #[arg(short, long, value_name = "IP")]
    address: Ipv4Addr,
    /// UDP port that requests go to
    #[arg(long, value_name = "PORT", default_value_t = RESPONDER_PORT)]
    port: u16,
    /// Where requesters connect to [default: the same address and port, by TCP]
    #[arg(long, value_name = "IP:PORT")]
    control: Option<SocketAddr>,
    /// End when the first requester is done
    #[arg(long)]
    once: bool,
}

impl Respond {
    fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::watch()?;
        let responder = Responder {
            settings: self.end.settings(self.address, self.port),
            control: self
                .control
                .unwrap_or_else(|| SocketAddr::from((self.address, self.port))),
            core: self.end.core,
            once: self.once,
        };
        responder
            .serve(&|| interrupt.is_noted(), &|line| tell(line))
            .map_err(|message| Failure::new(Exit::Interface, message))
    }
}

#[derive(Debug, Args)]
struct Measure {
    /// The responder's address under test
    #[arg(value_name = "IP[:PORT]", value_parser = peer)]
    peer: SocketAddrV4,
    #[command(flatten)]
    end: End,
    /// This machine's address on that interface [default: the one that it sends to the responder from]
    #[arg(short, long, value_name = "IP")]
    address: Option<Ipv4Addr>,
    /// UDP port that replies come to
    #[arg(long, value_name = "PORT", default_value_t = REQUESTER_PORT)]
    port: u16,
    /// Where the responder listens [default: the responder's address and port, by TCP]
    #[arg(long, value_name = "IP:PORT")]
    control: Option<SocketAddr>,
    /// What lies between: vm-vm-virtual, vm-host-vf, vm-vm-vf, other
    #[arg(long, value_name = "LINK", default_value = "other")]
    link: Link,
    /// Ways in: kernel-block, kernel-spin, gateway, gateway-queue
    #[arg(long, value_name = "PATH,..", value_delimiter = ',', default_values_t = Path::ALL)]
    path: Vec<Path>,
    /// Bytes of payload
    #[arg(long, value_name = "BYTES,..", value_delimiter = ',', default_values_t = [64, 256, 1_400], value_parser = size)]
    size: Vec<usize>,
    /// Also at these rates, requests a second; times then count from when each should have been sent
    #[arg(long, value_name = "RATE,..", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: Vec<u64>,
    /// Times that everything is measured; the report has the medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Requests of a measurement ...
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = iterations)]
    iterations: usize,
    /// ... or seconds, whichever comes first
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Requests before each measurement that do not count
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    warm_up: usize,
    /// A reply that takes longer is lost
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    reply_limit_ms: u64,
    /// The two machines' clocks are kept together and differ by so much at most: adds one-way times
    #[arg(long, value_name = "NS")]
    clock_error_ns: Option<u64>,
    #[command(flatten)]
    output: Output,
    /// Keep every sample: PREFIX-PATH-BYTES[-RATE]-ROUND.dat, a number of nanoseconds a line
    #[arg(long, value_name = "PREFIX")]
    raw: Option<PathBuf>,
}

fn peer(text: &str) -> Result<SocketAddrV4, String> {
    text.parse()
        .or_else(|_| text.parse().map(|ip| SocketAddrV4::new(ip, RESPONDER_PORT)))
        .map_err(|_| "use an IPv4 address, or one with a port: 192.0.2.1:24500".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| (PACKET_BYTES_MIN..=PACKET_BYTES_MAX).contains(bytes))
        .ok_or_else(|| format!("use {PACKET_BYTES_MIN} to {PACKET_BYTES_MAX}"))
}

fn iterations(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=10_000_000).contains(count))
        .ok_or_else(|| "use 1 to 10000000".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.001..=3_600.0).contains(seconds))
        .ok_or_else(|| "use 0.001 to 3600".to_owned())
}

impl Measure {
    fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::watch()?;
        if let Some(core) = self.end.core {
            pin("the thread that measures (--core)", core)
                .map_err(|error| Failure::new(Exit::Usage, error))?;
        }
        let address = match self.address {
            Some(address) => address,
            None => measure::own_address(self.peer)
                .map_err(|message| Failure::new(Exit::Interface, message))?,
        };
        let plan = Plan {
            settings: self.end.settings(address, self.port),
            peer: self.peer,
            control: self.control.unwrap_or(SocketAddr::V4(self.peer)),
            link: self.link,
            paths: self.path,
            sizes: self.size,
            rates: self.rate,
            rounds: self.rounds,
            iterations: self.iterations,
            time_limit: Duration::from_secs_f64(self.seconds),
            warm_up: self.warm_up,
            reply_limit: Duration::from_millis(self.reply_limit_ms),
            clock_error_ns: self.clock_error_ns,
            raw: self.raw.is_some(),
        };
        let mut report = measure::run(&plan, &|| interrupt.is_noted(), &|line| tell(line))
            .map_err(|stopped| match stopped {
                Stopped::Interrupted => Failure::new(
                    Exit::Interrupted,
                    "interrupted: nothing is reported of a measurement that was not finished",
                ),
                Stopped::Failed(message) => Failure::new(Exit::Interface, message),
            })?;
        if let Some(prefix) = &self.raw {
            write_raw(prefix, &mut report)?;
        }
        self.output.show(&[report])
    }
}

/// Writes the samples to files, and takes them out of the report.
fn write_raw(prefix: &FilePath, report: &mut Report) -> Result<(), Failure> {
    for row in &mut report.rows {
        for (number, round) in row.rounds.iter_mut().enumerate() {
            let rate = row.rate.map_or_else(String::new, |rate| format!("-{rate}"));
            let direction = match row.direction {
                crate::scenarios::report::Direction::HalfRoundTrip => "",
                crate::scenarios::report::Direction::OneWay => "-one-way",
            };
            let name = format!(
                "{}-{}{direction}-{}{rate}-{}.dat",
                prefix.display(),
                row.path,
                row.bytes,
                number + 1
            );
            let lines: String = std::mem::take(&mut round.raw)
                .iter()
                .map(|ns| format!("{ns}\n"))
                .collect();
            write(FilePath::new(&name), &lines)?;
        }
    }
    Ok(())
}

#[derive(Debug, Args)]
struct Output {
    /// Also as JSON, for `report`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also in the columns of sfnt-pingpong
    #[arg(long, value_name = "FILE")]
    sfnt: Option<PathBuf>,
    /// Also as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Output {
    fn show(&self, reports: &[Report]) -> Result<(), Failure> {
        print(table(reports))?;
        if let Some(file) = &self.json {
            let text = serde_json::to_string_pretty(reports)
                .map_err(|error| Failure::new(Exit::Internal, error))?;
            write(file, &text)?;
        }
        if let Some(file) = &self.sfnt {
            write(file, &sfnt(reports))?;
        }
        if let Some(file) = &self.svg {
            write(file, &svg(reports))?;
        }
        Ok(())
    }
}

fn write(file: &FilePath, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| {
        Failure::new(
            Exit::Output,
            format!("cannot write {}: {error}", file.display()),
        )
    })
}

#[derive(Debug, Args)]
struct Show {
    /// What `measure --json` wrote
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let mut reports: Vec<Report> = Vec::new();
        for file in &self.files {
            let refuse = |cause: String| {
                Failure::new(
                    Exit::InputFile,
                    format!("cannot read {}: {cause}", file.display()),
                )
            };
            let text = fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
            let more: Vec<Report> = serde_json::from_str(&text).map_err(|error| {
                refuse(format!("{error}; give files that `measure --json` wrote"))
            })?;
            reports.extend(more);
        }
        reports.sort_by_key(|report| Link::ALL.iter().position(|link| *link == report.link));
        self.output.show(&reports)
    }
}

impl Scenarios {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.role {
            Role::Respond(respond) => respond.run(),
            Role::Measure(measure) => measure.run(),
            Role::Report(show) => show.run(),
        }
    }
}
