//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gateway_feed::moldudp64::Session;
use gateway_sim::clock::Pace;
use gateway_sim::flow::SYMBOLS_MAX;
use gateway_sim::impairment::Impairments;
use gateway_sim::scenario::HISTORY_MESSAGES;
use gateway_sim::transmit::Egress;

const AFTER_HELP: &str = "\
Examples:
  gateway-sim generate --messages 1000000 --line-a 239.1.1.1:5001 --line-b 239.1.1.2:5001 \\
      --interface veth1 --loss-a 0.02 --loss-b 0.02 --pace rate=200000 --json
  gateway-sim generate --messages 1000000 --output day.itch
  gateway-sim replay 12302019.NASDAQ_ITCH50.gz --line-a 239.1.1.1:5001 --pace capture --speed 10
  gateway-sim replay lines.pcap --raw --interface veth1
  gateway-sim scenario both_lines_gap --interface veth1 --listen 10.1.1.1 --speed 5
  gateway-sim probe 239.255.77.77:26499 --interface veth1

Nothing leaves this machine by accident: without --interface or --source, multicast goes out of
the loopback interface; the time to live is 1; other destinations than groups and loopback need
--allow-unicast.

Exit codes: 0 done, or stopped by SIGINT or SIGTERM; 1 sending, writing or listening failed;
2 usage; 3 mistake in a scenario; 4 interface missing; 5 no privilege; 9 input file unreadable or damaged (what comes before the
damage is published and reported).";

/// A simulated exchange: publishes ITCH 5.0 as MoldUDP64 on lines A and B, and does to them what networks do.
#[derive(Debug, Parser)]
#[command(name = "gateway-sim", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print the report as one JSON object and nothing else.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish the messages of a file: a raw ITCH file, or a capture (pcap, pcapng) of MoldUDP64; either may be gzipped.
    ///
    /// Of a capture, the lines of its first session are merged by sequence number, repacked and published under the
    /// same session and numbers; messages that the capture lacks stay missing. With --raw its frames are injected as
    /// they are instead.
    Replay(Box<Replay>),
    /// Generate a trading day: a consistent order flow in a real day's mix of messages, fixed by the seed.
    Generate(Box<Generate>),
    /// Rehearse a scenario: what is published, what goes wrong with lines and servers, and when, out of one file.
    ///
    /// docs/rehearsals.md explains the files; those that come with the program are in config/scenarios.
    Scenario(Box<Play>),
    /// Write manual pages and completions for bash, zsh and fish.
    Manual(gateway_manual::Manual),
    /// Send numbered packets to a group, for `gateway doctor --probe` on another machine to count.
    Probe(Probe),
}

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Where to: what the doctor listens for.
    #[arg(value_name = "GROUP:PORT", default_value = "239.255.77.77:26499")]
    pub(crate) destination: SocketAddrV4,
    /// Packets a second.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// So many packets [default: until it is stopped].
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Bytes of payload.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(24..=1_472))]
    pub(crate) bytes: u16,
    #[command(flatten)]
    pub(crate) egress: EgressArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Play {
    /// A scenario's file, or the name of one that comes with the program.
    #[arg(required_unless_present = "list")]
    pub(crate) scenario: Option<PathBuf>,
    /// List the scenarios that come with the program.
    #[arg(long, conflicts_with_all = ["scenario", "print"])]
    pub(crate) list: bool,
    /// Print the scenario's file instead.
    #[arg(long)]
    pub(crate) print: bool,
    /// So many times as fast: paces, pauses and heartbeats, but not what lines and servers take, nor the time at the end.
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    pub(crate) speed: f64,
    /// Decides all that is drawn [default: the file's].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Send a line somewhere else than the file says.
    #[arg(long = "line", value_name = "NAME=GROUP:PORT", value_parser = line)]
    pub(crate) lines: Vec<(String, SocketAddrV4)>,
    /// Address on which the servers listen.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    #[command(flatten)]
    pub(crate) egress: EgressArguments,
}

/// Where packets leave the machine.
#[derive(Debug, Args)]
pub(crate) struct EgressArguments {
    /// Interface that packets leave by [default: that of --source, else lo].
    #[arg(long, value_name = "NAME", help_heading = "Lines")]
    pub(crate) interface: Option<String>,
    /// Source address of the packets.
    #[arg(long, value_name = "IP", help_heading = "Lines")]
    pub(crate) source: Option<Ipv4Addr>,
    /// Time to live: 1 keeps packets on the local network.
    #[arg(long, default_value_t = 1, help_heading = "Lines")]
    pub(crate) ttl: u8,
    /// Allow destinations other than multicast groups and loopback.
    #[arg(long, help_heading = "Lines")]
    pub(crate) allow_unicast: bool,
}

impl EgressArguments {
    pub(crate) fn egress(&self) -> Egress {
        Egress {
            interface: self.interface.clone(),
            source: self.source,
            ttl: self.ttl,
            allow_unicast: self.allow_unicast,
        }
    }
}

/// Servers beside the lines.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Answer re-requests at this UDP address; may be given several times.
    #[arg(
        long,
        value_name = "IP:PORT",
        help_heading = "Servers",
        conflicts_with = "output_pcap"
    )]
    pub(crate) rerequest: Vec<SocketAddr>,
    /// With PITCH: answer gap requests at this TCP address (session sub id 0001, username FIRM, password gaps); may be given
    /// several times.
    #[arg(
        long,
        value_name = "IP:PORT",
        help_heading = "Servers",
        requires = "gap_response",
        conflicts_with = "output_pcap"
    )]
    pub(crate) gap_request: Vec<SocketAddr>,
    /// Send what was asked for by gap requests to this group; may be given several times.
    #[arg(
        long,
        value_name = "GROUP:PORT",
        help_heading = "Servers",
        requires = "gap_request"
    )]
    pub(crate) gap_response: Vec<SocketAddrV4>,
    /// With PITCH: serve spin images at this TCP address (credentials as for gap requests); may be given several times.
    #[arg(
        long,
        value_name = "IP:PORT",
        help_heading = "Servers",
        conflicts_with = "output_pcap"
    )]
    pub(crate) spin: Vec<SocketAddr>,
    /// Serve Glimpse snapshots at this TCP address (username glimps, password glimpse); may be given several times.
    #[arg(
        long,
        value_name = "IP:PORT",
        help_heading = "Servers",
        conflicts_with = "output_pcap"
    )]
    pub(crate) glimpse: Vec<SocketAddr>,
    /// With MDP 3.0: send snapshots of all instruments over and over to this group; may be given several times.
    #[arg(
        long,
        value_name = "GROUP:PORT",
        help_heading = "Servers",
        conflicts_with = "output_pcap"
    )]
    pub(crate) market_recovery: Vec<SocketAddrV4>,
    /// With MDP 3.0: send definitions of all instruments over and over to this group; may be given several times.
    #[arg(
        long,
        value_name = "GROUP:PORT",
        help_heading = "Servers",
        conflicts_with = "output_pcap"
    )]
    pub(crate) instrument_definition: Vec<SocketAddrV4>,
    /// Time between two packets of the snapshots, and of the definitions, in microseconds.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=60_000_000), help_heading = "Servers")]
    pub(crate) market_recovery_interval_us: u64,
    /// Part of the snapshots' packets that each line loses, 0 to 1.
    #[arg(long, value_name = "F", default_value = "0", value_parser = rate, requires = "market_recovery", help_heading = "Servers")]
    pub(crate) market_recovery_loss: f64,
    /// Messages that can be had by re-requests and gap requests, the last ones.
    #[arg(long, value_name = "N", default_value_t = HISTORY_MESSAGES, help_heading = "Servers")]
    pub(crate) history_messages: u32,
    /// With servers: for how long they and the heartbeats go on behind the last message.
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(..=86_400_000), help_heading = "Servers")]
    pub(crate) linger_ms: u64,
}

impl ServerArguments {
    pub(crate) fn are_any(&self) -> bool {
        let asked = self.rerequest.len() + self.gap_request.len();
        let loops = self.market_recovery.len() + self.instrument_definition.len();
        asked + self.spin.len() + self.glimpse.len() + loops > 0
    }
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The file.
    pub(crate) file: PathBuf,
    /// Inject the capture's frames byte for byte by AF_PACKET (needs CAP_NET_RAW): VLAN tags, wrong checksums and all.
    ///
    /// Frames to no multicast group are left out unless --allow-unicast. --pace rate counts frames.
    #[arg(
        long,
        requires = "interface",
        conflicts_with_all = [
            "line_a", "line_b", "source", "ttl", "loss_a", "loss_b", "duplicate", "duplicate_a", "duplicate_b", "reorder",
            "reorder_a", "reorder_b", "delay_a_us", "delay_b_us", "jitter_a_us", "jitter_b_us", "session", "first_sequence", "messages_per_packet", "mtu", "heartbeat_ms", "pause_ms", "end_of_session", "seed",
            "output_pcap", "rerequest", "gap_request", "gap_response", "spin", "glimpse", "market_recovery", "instrument_definition",
            "history_messages", "linger_ms",
        ]
    )]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

/// What is generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Feed {
    /// Nasdaq TotalView-ITCH 5.0 over MoldUDP64
    #[default]
    #[value(name = "nasdaq-itch50")]
    NasdaqItch50,
    /// Nasdaq BBO 2.1 over MoldUDP64: the same day, by the best bid and offer of each security
    NasdaqBbo,
    /// IEX TOPS 1.6: the same day, its best prices and trades
    IexTops,
    /// IEX DEEP 1.0: the same day, its price levels and trades
    IexDeep,
    /// IEX DEEP+: the same day, its orders and trades
    IexDeepPlus,
    /// Cboe PITCH of US equities: the same day, as one unit tells it
    CboePitchEquities,
    /// CME MDP 3.0: the same day, as one channel tells it; numbers, and with them --pace rate, are of packets
    CmeMdp3,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// In which protocol.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) feed: Feed,
    /// Of PITCH: the unit's number.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) unit: u8,
    /// With MDP 3.0: reset the channel after each so many messages of the day, and tell anew what rests; 0: never.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) channel_reset_every: u64,
    /// Of IEX: the channel's number [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) channel: Option<u32>,
    /// Securities listed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(SYMBOLS_MAX)))]
    pub(crate) symbols: u32,
    /// Messages in all, at least 4 a security and 6; 0: until stopped. As ITCH has them: other feeds
    /// have others for the same day.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) messages: u64,
    /// The most orders that rest in the book at a time.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) orders_max: u32,
    /// Write a raw ITCH file (each message behind its 2-byte big-endian length) instead of sending.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["line_a", "line_b", "output_pcap", "rerequest", "gap_request", "spin", "glimpse"])]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Group and port of line A.
    #[arg(long, value_name = "GROUP:PORT", help_heading = "Lines")]
    pub(crate) line_a: Option<SocketAddrV4>,
    /// Group and port of line B.
    #[arg(
        long,
        value_name = "GROUP:PORT",
        requires = "line_a",
        help_heading = "Lines"
    )]
    pub(crate) line_b: Option<SocketAddrV4>,
    #[command(flatten)]
    pub(crate) egress: EgressArguments,
    /// Write the lines' packets to a capture file instead of sending them, in no time.
    #[arg(long, value_name = "FILE", requires = "line_a", help_heading = "Lines")]
    pub(crate) output_pcap: Option<PathBuf>,

    /// Part of line A's packets that is never sent, 0 to 1.
    #[arg(long, value_name = "F", default_value = "0", value_parser = rate, help_heading = "Impairments")]
    pub(crate) loss_a: f64,
    /// Part of line B's packets that is never sent, 0 to 1.
    #[arg(long, value_name = "F", default_value = "0", value_parser = rate, help_heading = "Impairments")]
    pub(crate) loss_b: f64,
    /// Part of each line's packets that is sent twice, 0 to 1.
    #[arg(long, value_name = "F", default_value = "0", value_parser = rate, help_heading = "Impairments")]
    pub(crate) duplicate: f64,
    /// The same for line A alone.
    #[arg(long, value_name = "F", value_parser = rate, help_heading = "Impairments")]
    pub(crate) duplicate_a: Option<f64>,
    /// The same for line B alone.
    #[arg(long, value_name = "F", value_parser = rate, help_heading = "Impairments")]
    pub(crate) duplicate_b: Option<f64>,
    /// Part of each line's packets that is overtaken by the next one to three, 0 to 1.
    ///
    /// Such a packet waits for the next one for at most 100 ms, and once overtaken for 300 µs to be overtaken again.
    #[arg(long, value_name = "F", default_value = "0", value_parser = rate, help_heading = "Impairments")]
    pub(crate) reorder: f64,
    /// The same for line A alone.
    #[arg(long, value_name = "F", value_parser = rate, help_heading = "Impairments")]
    pub(crate) reorder_a: Option<f64>,
    /// The same for line B alone.
    #[arg(long, value_name = "F", value_parser = rate, help_heading = "Impairments")]
    pub(crate) reorder_b: Option<f64>,
    /// Delay of line A in microseconds, at most a minute.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay(), help_heading = "Impairments")]
    pub(crate) delay_a_us: u64,
    /// Delay of line B in microseconds, at most a minute.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay(), help_heading = "Impairments")]
    pub(crate) delay_b_us: u64,
    /// Further delay of each packet of line A, evenly from 0 to so many microseconds; packets keep their order.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay(), help_heading = "Impairments")]
    pub(crate) jitter_a_us: u64,
    /// Further delay of each packet of line B, evenly from 0 to so many microseconds; packets keep their order.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = delay(), help_heading = "Impairments")]
    pub(crate) jitter_b_us: u64,
    #[command(flatten)]
    pub(crate) servers: ServerArguments,

    /// Decides the impairments and the generated flow: the same seed gives the same packets.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Session name, up to ten ASCII characters [default: the capture's, else GWSIM00001]; of IEX the session's number in
    /// up to eight hexadecimal digits [default: 4e1d0000].
    #[arg(long, value_name = "NAME", value_parser = session, help_heading = "Packets")]
    pub(crate) session: Option<Session>,
    /// Sequence number of the first message [default: the capture's, else 1].
    #[arg(long, value_name = "N", help_heading = "Packets")]
    pub(crate) first_sequence: Option<u64>,
    /// The most messages a packet.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 12,
        value_parser = clap::value_parser!(u16).range(1..=65_534),
        help_heading = "Packets"
    )]
    pub(crate) messages_per_packet: u16,
    /// MTU of the interface in bytes: no packet is longer, IPv4 and UDP headers included.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_500,
        value_parser = clap::value_parser!(u32).range(100..=65_535),
        help_heading = "Packets"
    )]
    pub(crate) mtu: u32,
    /// Idle time after which a heartbeat is sent; one is also sent first and last. 0: none.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=86_400_000), help_heading = "Packets")]
    pub(crate) heartbeat_ms: u64,
    /// For how long heartbeats alone are sent before the first message: numbers that begin anew within a session are
    /// believed for them.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86_400_000), help_heading = "Packets")]
    pub(crate) pause_ms: u64,
    /// End the session behind the last message (three packets on each line).
    #[arg(long, help_heading = "Packets")]
    pub(crate) end_of_session: bool,

    /// When messages leave: `asap`, `capture` (by the file's time stamps) or `rate=MESSAGES_PER_SECOND`.
    #[arg(long, value_name = "PACE", default_value = "asap", value_parser = pace, help_heading = "Pace")]
    pub(crate) pace: Pace,
    /// With `--pace capture`: so many times as fast.
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed, help_heading = "Pace")]
    pub(crate) speed: f64,
}

impl Publish {
    /// What is done to the packets of line A.
    pub(crate) fn impairments_a(&self) -> Impairments {
        Impairments {
            loss: self.loss_a,
            duplicate: self.duplicate_a.unwrap_or(self.duplicate),
            reorder: self.reorder_a.unwrap_or(self.reorder),
            delay_ns: self.delay_a_us * 1_000,
            jitter_ns: self.jitter_a_us * 1_000,
        }
    }

    /// What is done to the packets of line B.
    pub(crate) fn impairments_b(&self) -> Impairments {
        Impairments {
            loss: self.loss_b,
            duplicate: self.duplicate_b.unwrap_or(self.duplicate),
            reorder: self.reorder_b.unwrap_or(self.reorder),
            delay_ns: self.delay_b_us * 1_000,
            jitter_ns: self.jitter_b_us * 1_000,
        }
    }

    /// The pace, sped up.
    pub(crate) fn pace(&self) -> Pace {
        match self.pace {
            Pace::Capture { .. } => Pace::Capture { speed: self.speed },
            other => other,
        }
    }
}

fn delay() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(..=60_000_000)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a part between 0 and 1, such as 0.02 for 2 %".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    positive(text).ok_or_else(|| "a factor above 0, such as 10 or 0.5".to_owned())
}

fn pace(text: &str) -> Result<Pace, String> {
    match (text, text.strip_prefix("rate=").and_then(positive)) {
        ("asap", _) => Ok(Pace::Asap),
        ("capture", _) => Ok(Pace::Capture { speed: 1.0 }),
        (_, Some(messages_per_s)) => Ok(Pace::Rate { messages_per_s }),
        _ => Err("one of asap, capture, rate=N with N messages a second".to_owned()),
    }
}

/// A finite number from 10^-6 to 10^12: beyond, times overflow.
fn positive(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|number| (1e-6..=1e12).contains(number))
}

fn line(text: &str) -> Result<(String, SocketAddrV4), String> {
    text.split_once('=')
        .and_then(|(name, to)| Some((name.to_owned(), to.parse().ok()?)))
        .ok_or_else(|| "a line's name and where it goes, such as A=239.1.1.1:5001".to_owned())
}

fn session(text: &str) -> Result<Session, String> {
    let graphic = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    Session::from_name(text)
        .filter(|_| graphic)
        .ok_or_else(|| "one to ten printable ASCII characters".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn each_line_has_its_impairments_and_the_common_ones_where_it_has_none() {
        let line = "gateway-sim generate --loss-a 0.1 --loss-b 0.2 --duplicate 0.3 --duplicate-b 0 --reorder 0.4 \
                    --reorder-a 0.5 --delay-a-us 6 --jitter-a-us 7 --jitter-b-us 8";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Generate(generate) = arguments.command else {
            panic!("{arguments:?}")
        };
        let a = Impairments {
            loss: 0.1,
            duplicate: 0.3,
            reorder: 0.5,
            delay_ns: 6_000,
            jitter_ns: 7_000,
        };
        let b = Impairments {
            loss: 0.2,
            duplicate: 0.0,
            reorder: 0.4,
            delay_ns: 0,
            jitter_ns: 8_000,
        };
        assert_eq!(generate.publish.impairments_a(), a);
        assert_eq!(generate.publish.impairments_b(), b);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).map(|_| ());
        parse("gateway-sim generate --line-a 239.1.1.1:5001 --loss-a 1 --pace rate=0.5").unwrap();
        parse("gateway-sim replay f --raw --interface veth1 --pace capture --speed 2 --json")
            .unwrap();
        parse("gateway-sim scenario --list --json").unwrap();
        parse("gateway-sim scenario x --line A=239.1.1.1:1 --line B=239.1.1.2:1 --speed 2")
            .unwrap();
        for line in [
            "gateway-sim generate --loss-a 1.1",
            "gateway-sim generate --loss-a nan",
            "gateway-sim generate --pace rate=0",
            "gateway-sim generate --pace rate=inf",
            "gateway-sim generate --pace fast",
            "gateway-sim generate --symbols 0",
            "gateway-sim generate --line-b 239.1.1.1:5001",
            "gateway-sim generate --output f --line-a 239.1.1.1:5001",
            "gateway-sim generate --session 12345678901",
            "gateway-sim generate --session ",
            "gateway-sim generate --session é",
            "gateway-sim replay f --raw",
            "gateway-sim replay f --raw --interface veth1 --loss-a 0.1",
            "gateway-sim replay f --raw --interface veth1 --jitter-b-us 5",
            "gateway-sim replay",
            "gateway-sim generate --output f --rerequest 127.0.0.1:1",
            "gateway-sim generate --line-a 239.1.1.1:5001 --gap-request 127.0.0.1:1",
            "gateway-sim generate --line-a 239.1.1.1:5001 --gap-response 239.1.1.3:5001",
            "gateway-sim generate --line-a 239.1.1.1:5001 --market-recovery-loss 0.5",
            "gateway-sim replay f --raw --interface veth1 --glimpse 127.0.0.1:1",
            "gateway-sim scenario",
            "gateway-sim scenario x --list",
            "gateway-sim scenario x --line A",
            "gateway-sim scenario x --speed 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
