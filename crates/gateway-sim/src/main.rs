//! `gateway-sim`: the simulated exchange on the command line.

#[path = "main/arguments.rs"]
mod arguments;
#[path = "main/output.rs"]
mod output;
#[path = "main/play.rs"]
mod play;
#[path = "main/probe.rs"]
mod probe;
#[path = "main/summary.rs"]
mod summary;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use arguments::{Arguments, Command, Feed, Generate, Publish, Replay, ServerArguments};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use gateway_capture::{CaptureReader, FileKind, ItchFileReader, sniff};
use gateway_feed::moldudp64::Session;
use gateway_feed::pitch::session;
use gateway_feed::soupbintcp::Credentials;
use gateway_sim::SimError;
use gateway_sim::capture_source::CaptureSource;
use gateway_sim::clock::{Clock, Pace, RealClock, VirtualClock};
use gateway_sim::flow::{BboFlow, FlowOptions, IexFeed, IexFlow, Mdp3Flow, OrderFlow, PitchFlow};
use gateway_sim::inject::inject;
use gateway_sim::packetiser::{Framing, IexStream, PackOptions};
use gateway_sim::publisher::{Line, Part, Progress, Publisher, SessionPlan};
use gateway_sim::recovery::gap_request::{GapLines, GapRequestOptions};
use gateway_sim::recovery::glimpse::{GlimpseFaults, GlimpseOptions};
use gateway_sim::recovery::market_recovery::{Loop, MarketRecoveryOptions};
use gateway_sim::recovery::rerequest::{RerequestFaults, RerequestOptions};
use gateway_sim::recovery::spin::SpinOptions;
use gateway_sim::recovery::{Servers, Switch};
use gateway_sim::report::Report;
use gateway_sim::scenario;
use gateway_sim::source::{ItchFileSource, Source};
use gateway_sim::transmit::{BATCH_MAX, Egress, PacketSocket, PcapFile, Transmit, UdpLine};
use gateway_sim::venue::Venue;
use output::{print, print_line, tell};
use summary::{InjectSummary, Summary};

const SESSION_DEFAULT: Session = Session(*b"GWSIM00001");
/// The same of IEX, whose sessions are numbers.
const IEX_SESSION_DEFAULT: Session = Session(*b"4e1d0000  ");
/// At pace `capture`, messages of one packet came within this time, as an exchange's own packets do.
const PACKET_WINDOW_NS: u64 = 50_000;
/// IPv4 and UDP headers in front of an answer to a re-request.
const IP_UDP_BYTES: usize = 28;
/// Who is let in by a gap request proxy.
const SESSION_SUB_ID: &str = "0001";
const GAP_USERNAME: &str = "FIRM";
const GAP_PASSWORD: &str = "gap7Qz9kX";
/// The most messages of one gap request, as Cboe allows.
const GAP_MESSAGES_MAX: u16 = 100;
/// Captures that are written start on 2019-12-30 at 09:30 New York time, the day that the message mix is from.
const PCAP_START_NS: u64 = 1_577_716_200_000_000_000;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    let result = watch_signals(&stop).and_then(|()| match &arguments.command {
        Command::Replay(replay) if replay.raw => run_raw(replay, arguments.json, &stop),
        Command::Replay(replay) => run_replay(replay, arguments.json, &stop),
        Command::Generate(generate) => run_generate(generate, arguments.json, &stop),
        Command::Scenario(play) => play::run(play, arguments.json, &stop),
        Command::Manual(manual) => manual
            .write(Arguments::command())
            .with_context(|| format!("cannot write to {}", manual.directory().display())),
        Command::Probe(probe) => probe::run(probe, arguments.json, &stop),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Our own errors name their cause already; others leave it to their chain.
            match error.downcast_ref::<SimError>() {
                Some(error) => tell(format_args!("gateway-sim: {error}\n")),
                None => tell(format_args!("gateway-sim: {error:#}\n")),
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The exit code that the help text documents.
fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<SimError>() {
        Some(SimError::UnicastRefused { .. }) => 2,
        Some(SimError::Scenario { .. }) => 3,
        Some(SimError::Interface { .. }) => 4,
        Some(SimError::Privilege { .. }) => 5,
        Some(SimError::Source(_) | SimError::NothingToReplay { .. }) => 9,
        _ => 1,
    }
}

/// The first SIGINT or SIGTERM ends the session cleanly, a second one the program.
fn watch_signals(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .context("cannot watch for SIGINT and SIGTERM")?;
    }
    Ok(())
}

fn run_generate(generate: &Generate, json: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let options = FlowOptions {
        seed: generate.publish.seed,
        symbols: generate.symbols,
        messages: generate.messages,
        orders_max: generate.orders_max,
        interval_ns: match generate.publish.pace {
            Pace::Rate { messages_per_s } => ((1e9 / messages_per_s) as u64).max(1),
            _ => FlowOptions::default().interval_ns,
        },
    };
    if options.messages != 0 && options.messages < options.messages_min() {
        let reason = format!(
            "--messages {} is less than opening and closing of {} securities take: give at least {}, or fewer --symbols",
            options.messages,
            options.symbols,
            options.messages_min()
        );
        usage(&reason);
    }
    let mut flow = OrderFlow::new(options);
    let start = (SESSION_DEFAULT, 1);
    let is_iex = matches!(
        generate.feed,
        Feed::IexTops | Feed::IexDeep | Feed::IexDeepPlus
    );
    if generate.channel.is_some() && !is_iex {
        usage(
            "--channel is IEX's: add --feed iex-tops, iex-deep or iex-deep-plus, or leave it out",
        );
    }
    if generate.feed != Feed::NasdaqItch50 {
        let servers = &generate.publish.servers;
        let of_others = !(servers.rerequest.is_empty() && servers.glimpse.is_empty());
        if of_others || generate.output.is_some() {
            usage(
                "only --feed nasdaq-itch50 has these servers, and a file of its messages: leave out --rerequest, --glimpse and --output",
            );
        }
    }
    if generate.feed != Feed::CmeMdp3 && generate.channel_reset_every != 0 {
        usage("--channel-reset-every is MDP 3.0's: add --feed cme-mdp3");
    }
    let publish = &generate.publish;
    let iex = |feed, flow| {
        if publish.first_sequence.is_some_and(|first| first != 1) {
            usage(
                "--first-sequence: a session of IEX begins with 1, because it counts the bytes before, too",
            );
        }
        let stream = IexStream {
            feed,
            channel: generate.channel.unwrap_or(1),
            session: iex_session(publish.session.unwrap_or(IEX_SESSION_DEFAULT)),
        };
        let start = (Framing::IexTp(stream), (IEX_SESSION_DEFAULT, 1));
        let mut flow = IexFlow::new(feed, flow);
        run_publish(&mut flow, publish, start, json, stop, |_, _| ())
    };
    match generate.feed {
        Feed::CboePitchEquities => {
            let (mut flow, framing) = (PitchFlow::new(flow), Framing::PitchUnit(generate.unit));
            return run_publish(&mut flow, publish, (framing, start), json, stop, |_, _| ());
        }
        Feed::NasdaqBbo => {
            let (mut flow, framing) = (BboFlow::new(flow), Framing::MoldUdp64);
            return run_publish(&mut flow, publish, (framing, start), json, stop, |_, _| ());
        }
        Feed::CmeMdp3 => {
            let flow = Mdp3Flow::new(flow);
            let mut flow = flow.with_channel_resets(generate.channel_reset_every);
            let framing = Framing::Mdp3;
            return run_publish(&mut flow, publish, (framing, start), json, stop, |_, _| ());
        }
        Feed::IexTops => return iex(IexFeed::Tops, flow),
        Feed::IexDeep => return iex(IexFeed::Deep, flow),
        Feed::IexDeepPlus => return iex(IexFeed::DeepPlus, flow),
        Feed::NasdaqItch50 => {}
    }
    match &generate.output {
        Some(path) => write_itch_file(&mut flow, path, json, stop),
        None => {
            let start = (Framing::MoldUdp64, start);
            run_publish(&mut flow, &generate.publish, start, json, stop, |_, _| ())
        }
    }
}

/// The number that a session of IEX has.
fn iex_session(name: Session) -> u32 {
    let text = String::from_utf8_lossy(name.0.trim_ascii_end()).into_owned();
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(&text, 16).ok();
    number.filter(|_| is_hexadecimal).unwrap_or_else(|| {
        usage(&format!(
            "--session {text}: a session of IEX is a number of up to eight hexadecimal digits"
        ))
    })
}

fn write_itch_file(
    flow: &mut OrderFlow,
    path: &Path,
    json: bool,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let failed = |source| SimError::Output {
        name: path.display().to_string(),
        source,
    };
    let mut output = BufWriter::new(File::create(path).map_err(failed)?);
    let (mut messages, mut bytes) = (0_u64, 0_u64);
    // Relaxed: the flag orders nothing.
    while let Some(message) = flow.next().filter(|_| !stop.load(Ordering::Relaxed)) {
        let length = message.bytes.len() as u16;
        output
            .write_all(&length.to_be_bytes())
            .and_then(|()| output.write_all(message.bytes))
            .map_err(failed)?;
        messages += 1;
        bytes += 2 + u64::from(length);
    }
    output.flush().map_err(failed)?;
    let file = path.display().to_string();
    if json {
        print_line(serde_json::json!({ "file": file, "messages": messages, "bytes": bytes }))
    } else {
        print_line(format_args!(
            "wrote {messages} messages, {bytes} bytes to {file}"
        ))
    }
}

fn run_replay(replay: &Replay, json: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let path = &replay.file;
    let nothing = |reason| SimError::NothingToReplay {
        name: path.display().to_string(),
        reason,
    };
    match sniff(path).map_err(SimError::from)? {
        FileKind::LengthPrefixed => {
            let mut source = ItchFileSource::new(ItchFileReader::open(path).map_err(SimError::from)?);
            let start = (Framing::MoldUdp64, (SESSION_DEFAULT, 1));
            run_publish(&mut source, &replay.publish, start, json, stop, |_, _| ())
        }
        FileKind::Pcap | FileKind::Pcapng => {
            let mut source = CaptureSource::new(CaptureReader::open(path).map_err(SimError::from)?);
            let start = match source.session() {
                Some(start) => start,
                // A file that is damaged before its first message says so itself.
                None => {
                    source.next().map_err(SimError::from)?;
                    return Err(nothing(
                        "holds no MoldUDP64 message; replay its frames as they are with --raw --interface NAME",
                    )
                    .into());
                }
            };
            let start = (Framing::MoldUdp64, start);
            run_publish(&mut source, &replay.publish, start, json, stop, |source, report| {
                report.source = Some(source.counts().clone());
            })
        }
        FileKind::Unknown => Err(nothing(
            "neither pcap, pcapng nor messages behind 2-byte big-endian lengths, plain or gzip-compressed",
        )
        .into()),
    }
}

/// Publishes `source` in `framing`, which starts with session and sequence number `start` unless the user says otherwise.
fn run_publish<S: Source>(
    source: &mut S,
    arguments: &Publish,
    (framing, start): (Framing, (Session, u64)),
    json: bool,
    stop: &AtomicBool,
    complete: impl FnOnce(&S, &mut Report),
) -> anyhow::Result<()> {
    let Some(line_a) = arguments.line_a else {
        usage("--line-a GROUP:PORT is missing: where shall the packets go?");
    };
    let destinations = [
        ("A", Some(line_a), arguments.impairments_a()),
        ("B", arguments.line_b, arguments.impairments_b()),
    ];
    let egress = arguments.egress.egress();
    let pcap = match &arguments.output_pcap {
        Some(path) => {
            let failed = |source| SimError::Output {
                name: path.display().to_string(),
                source,
            };
            Some(PcapFile::create(path, PCAP_START_NS).map_err(failed)?)
        }
        None => None,
    };
    let mut lines = Vec::new();
    for (name, destination, impairments) in destinations {
        let Some(destination) = destination else {
            continue;
        };
        let transmit: Box<dyn Transmit> = match &pcap {
            Some(pcap) => Box::new(pcap.line(destination)),
            None => Box::new(UdpLine::new(destination, &egress)?),
        };
        let line = Line {
            name: name.to_owned(),
            destination,
            impairments,
            transmit,
        };
        if !json {
            print_line(announcement(&line, arguments, &egress))?;
        }
        lines.push(line);
    }
    let pace = arguments.pace();
    let servers = serve(arguments, framing, &egress, json)?;
    let plan = SessionPlan {
        pack: PackOptions {
            framing,
            session: arguments.session.unwrap_or(start.0),
            first_sequence: arguments.first_sequence.unwrap_or(start.1),
            messages_max: arguments.messages_per_packet,
            mtu: arguments.mtu as usize,
            window_ns: matches!(pace, Pace::Capture { .. }).then_some(PACKET_WINDOW_NS),
        },
        heartbeat_ns: (arguments.heartbeat_ms > 0).then_some(arguments.heartbeat_ms * 1_000_000),
        linger_ns: servers
            .as_ref()
            .map_or(0, |_| arguments.servers.linger_ms * 1_000_000),
        end_of_session_ns: arguments.end_of_session.then_some(0),
        parts: vec![Part {
            pace,
            pause_ns: arguments.pause_ms * 1_000_000,
            ..Part::default()
        }],
    };
    let batch = if pcap.is_some() { 1 } else { BATCH_MAX };
    let live = !json && io::stderr().is_terminal();
    let mut progress = |progress: Progress| {
        if live {
            let seconds = progress.elapsed_ns as f64 / 1e9;
            tell(format_args!(
                "\r{} messages, {} packets, {seconds:.1} s ",
                progress.messages, progress.packets
            ));
        }
    };
    let venue = servers.as_ref().map(|servers| Arc::clone(servers.venue()));
    let publish = |clock: &mut dyn Clock| {
        let mut publisher =
            Publisher::new(lines, arguments.seed, batch, venue, clock, &mut progress);
        let error = publisher.session(source, &plan).err();
        publisher.finish(error)
    };
    let (mut reports, error) = if pcap.is_some() {
        publish(&mut VirtualClock::new(stop))
    } else {
        publish(&mut RealClock::new(stop))
    };
    let mut report = reports.pop().unwrap_or_default();
    if let Some(servers) = servers {
        report.recovery = servers.finish();
    }
    if live {
        tell("\r\x1b[K");
    }
    complete(source, &mut report);
    if json {
        print_line(serde_json::to_string(&report).context("cannot write the report")?)?;
    } else {
        print(Summary(&report))?;
    }
    if let (Some(pcap), Some(path)) = (pcap, &arguments.output_pcap) {
        pcap.flush().map_err(|source| SimError::Output {
            name: path.display().to_string(),
            source,
        })?;
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// Starts the servers, where there are to be any.
fn serve(
    arguments: &Publish,
    framing: Framing,
    egress: &Egress,
    json: bool,
) -> anyhow::Result<Option<Servers>> {
    let ServerArguments {
        rerequest,
        gap_request,
        gap_response,
        spin,
        glimpse,
        history_messages,
        market_recovery,
        instrument_definition,
        market_recovery_interval_us,
        market_recovery_loss,
        ..
    } = &arguments.servers;
    if !arguments.servers.are_any() {
        return Ok(None);
    }
    let seed = arguments.seed;
    let mut servers = Servers::new(Arc::new(Venue::new(*history_messages as usize)));
    for (number, address) in (0..).zip(rerequest) {
        let options = RerequestOptions {
            history_messages: u64::from(*history_messages),
            packet_bytes_max: (arguments.mtu as usize).saturating_sub(IP_UDP_BYTES),
            faults: RerequestFaults::default(),
            seed,
            number,
        };
        let name = format!("R{}", number + 1);
        servers.add_rerequest(&name, *address, options, &Switch::default())?;
    }
    if !gap_request.is_empty() {
        let Framing::PitchUnit(unit) = framing else {
            usage("--gap-request is PITCH's: add --feed cboe-pitch-equities, or give --rerequest");
        };
        let line = |to| -> Result<Box<dyn Transmit + Send>, SimError> {
            Ok(Box::new(UdpLine::new(to, egress)?))
        };
        let lines: Result<Vec<_>, _> = gap_response.iter().copied().map(line).collect();
        let lines = GapLines::new(lines?);
        for (number, address) in gap_request.iter().enumerate() {
            let options = GapRequestOptions {
                credentials: pitch_credentials()?,
                unit,
                history_messages: u64::from(*history_messages),
                request_messages_max: GAP_MESSAGES_MAX,
                packet_bytes_max: (arguments.mtu as usize).saturating_sub(IP_UDP_BYTES),
            };
            let name = format!("P{}", number + 1);
            let served = (options, lines.clone());
            servers.add_gap_request(&name, *address, served, &Switch::default())?;
        }
    }
    if !spin.is_empty() && !matches!(framing, Framing::PitchUnit(_)) {
        usage("--spin is PITCH's: add --feed cboe-pitch-equities, or give --glimpse");
    }
    for (number, address) in spin.iter().enumerate() {
        let options = SpinOptions {
            credentials: pitch_credentials()?,
            offer_ns: None,
        };
        let name = format!("S{}", number + 1);
        servers.add_spin(&name, *address, options, &Switch::default())?;
    }
    for (number, address) in (0..).zip(glimpse) {
        let options = GlimpseOptions {
            credentials: Credentials::new(scenario::USERNAME, scenario::PASSWORD)?,
            session: None,
            faults: GlimpseFaults::default(),
            seed,
            number,
        };
        let name = format!("G{}", number + 1);
        servers.add_glimpse(&name, *address, options, &Switch::default())?;
    }
    let loops = [
        (Loop::Snapshots, market_recovery, *market_recovery_loss),
        (Loop::Definitions, instrument_definition, 0.0),
    ];
    for (told, groups, loss) in loops
        .into_iter()
        .filter(|(_, groups, _)| !groups.is_empty())
    {
        if framing != Framing::Mdp3 {
            usage(
                "--market-recovery and --instrument-definition are MDP 3.0's: add --feed cme-mdp3",
            );
        }
        let line = |to| -> Result<Box<dyn Transmit + Send>, SimError> {
            Ok(Box::new(UdpLine::new(to, egress)?))
        };
        let lines: Result<Vec<_>, _> = groups.iter().copied().map(line).collect();
        let options = MarketRecoveryOptions {
            interval: Duration::from_micros(*market_recovery_interval_us),
            packet_bytes_max: (arguments.mtu as usize).saturating_sub(IP_UDP_BYTES),
            loss,
            seed,
        };
        servers.add_loop(told, options, lines?, &Switch::default())?;
    }
    if !json {
        for (name, kind, port) in servers.listening() {
            print_line(format_args!("{kind} server {name} on port {port}"))?;
        }
    }
    Ok(Some(servers))
}

/// Who is let in by gap request proxies and spin servers.
fn pitch_credentials() -> anyhow::Result<session::Credentials> {
    Ok(session::Credentials::new(
        SESSION_SUB_ID,
        GAP_USERNAME,
        GAP_PASSWORD,
    )?)
}

/// What is going to happen on a line.
fn announcement(line: &Line, arguments: &Publish, egress: &Egress) -> String {
    let Line {
        name,
        destination: to,
        impairments,
        ..
    } = line;
    let out = match (
        &arguments.output_pcap,
        egress.source,
        egress.interface_name(),
    ) {
        (Some(path), _, _) => format!("into {}", path.display()),
        (None, _, _) if !to.ip().is_multicast() => "over its route".to_owned(),
        (None, Some(source), None) => {
            format!("out of the interface of {source}, ttl {}", egress.ttl)
        }
        (None, _, interface) => format!("out of {}, ttl {}", interface.unwrap_or("lo"), egress.ttl),
    };
    format!(
        "line {name} to {to} {out}; loss {} %, duplicates {} %, reordered {} %, delay {} µs, jitter {} µs",
        impairments.loss * 100.0,
        impairments.duplicate * 100.0,
        impairments.reorder * 100.0,
        impairments.delay_ns / 1_000,
        impairments.jitter_ns / 1_000
    )
}

fn run_raw(replay: &Replay, json: bool, stop: &AtomicBool) -> anyhow::Result<()> {
    let Some(interface) = &replay.publish.egress.interface else {
        usage("--raw needs --interface NAME");
    };
    let mut reader = CaptureReader::open(&replay.file).map_err(SimError::from)?;
    let mut socket = PacketSocket::open(interface)?;
    if !json {
        print_line(format_args!(
            "frames of {} onto {interface} as they are",
            replay.file.display()
        ))?;
    }
    let mut clock = RealClock::new(stop);
    let publish = &replay.publish;
    let (report, error) = inject(
        &mut reader,
        &mut socket,
        publish.pace(),
        publish.egress.allow_unicast,
        &mut clock,
    );
    if json {
        print_line(serde_json::to_string(&report).context("cannot write the report")?)?;
    } else {
        print(InjectSummary(&report))?;
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// Ends the program over a combination of arguments that clap cannot judge.
fn usage(reason: &str) -> ! {
    use clap::CommandFactory;
    Arguments::command()
        .error(ErrorKind::ValueValidation, reason)
        .exit()
}
