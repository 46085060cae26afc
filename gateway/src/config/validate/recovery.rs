//! Where channels get what their lines have lost.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use gateway_feed::arbitration::OnGap;
use gateway_feed::pitch::session;
use gateway_feed::recovery::planner::SERVERS_MAX;
use gateway_feed::recovery::{Answers, Backoff, PlannerConfig};
use gateway_feed::soupbintcp::Credentials;

use super::super::document::{Field, Findings};
use super::super::model::{
    Channel, Feed, GlimpseServer, Input, PasswordSource, Recovery, SessionServer,
};
use super::super::raw::{RawChannel, RawGlimpse, RawRecovery, RawSession};
use super::inputs::INTERFACE_NAME_MAX;
use super::number;

const MS: u64 = 1_000_000;
/// Longest pauses and times that servers may be given.
const TIME_MS_MAX: u64 = 600_000;

/// The servers of a channel whose lines arrive on `reach`; reports what `on_gap` cannot mean with them.
pub(super) fn recovery(
    channel: &RawChannel,
    feed: Feed,
    base: &Path,
    reach: &[Input],
    findings: &Findings,
) -> Option<Recovery> {
    if feed == Feed::CmeMdp3 {
        market_recovery(channel, findings);
        return None;
    }
    let on_gap = channel.on_gap.as_ref();
    let recovers = on_gap.is_some_and(|field| OnGap::from(field.value) == OnGap::Recover);
    let Some(raw) = &channel.recovery else {
        if let Some(field) = on_gap.filter(|_| recovers && !feed.recovers()) {
            findings.add(&field.place, has_none(feed), HAS_NONE_REMEDY);
        } else if let Some(field) = on_gap.filter(|_| recovers) {
            findings.add(
                &field.place,
                "there is no server that could be asked for what is missing",
                "add [channel.recovery] with the venue's servers, or write \"continue\"",
            );
        }
        return None;
    };
    let recovery = servers(raw, feed, base, findings);
    let is_pitch = feed.pitch_market().is_some();
    let rerequest = raw.rerequest.as_ref().filter(|f| !f.value.is_empty());
    if !feed.recovers() {
        findings.add(&raw.place, has_none(feed), HAS_NONE_REMEDY);
    } else {
        kinds(raw, is_pitch, feed, findings);
    }
    if rerequest.is_none()
        && raw.glimpse.is_empty()
        && raw.gap_request.is_empty()
        && raw.spin.is_empty()
    {
        let servers = if is_pitch {
            "gap_request or spin = [{ address = …, session_sub_id = …, username = …, password_file = … }]"
        } else {
            "rerequest = [\"address:port\"] or glimpse = [{ address = …, username = …, password_file = … }]"
        };
        findings.add(
            &raw.place,
            "it names no server",
            format!("add {servers}, or remove it"),
        );
    }
    if !raw.gap_request.is_empty() && raw.gap_response.is_empty() {
        findings.add(
            &raw.place,
            "it names gap request proxies, and no line on which they send what is asked for",
            "add gap_response = [{ group = \"239.1.1.1\", port = 5001 }], as the venue lists them",
        );
    }
    if reach.iter().any(|input| matches!(input, Input::Capture(_))) {
        findings.add(
            &raw.place,
            "the channel reads a capture, whose messages no server has any more",
            "remove [channel.recovery] and on_gap from channels of captures",
        );
    }
    let asked = rerequest.map(|field| &field.place);
    let asked = asked.or(raw.gap_request.first().map(|raw| &raw.server.place));
    if !recovers && let Some(place) = asked {
        findings.warn(
            place,
            "with on_gap = \"continue\" nothing is asked for again: these servers are not used",
            "set on_gap = \"recover\", or remove them",
        );
    }
    Some(recovery)
}

/// MDP 3.0 has no servers: what is lost comes by itself, on the lines of the snapshot loop.
fn market_recovery(channel: &RawChannel, findings: &Findings) {
    let on_gap = channel.on_gap.as_ref();
    let recovers = on_gap.filter(|field| OnGap::from(field.value) == OnGap::Recover);
    let example = "market_recovery = [{ group = \"224.0.31.43\", port = 14310 }], as CME's configuration file lists them";
    if let Some(field) = &channel.recover_timeout_ms {
        findings.warn(
            &field.place,
            "it has no effect on this feed: a book waits for its snapshot until two loops were whole, or for market_recovery_timeout_ms",
            "remove it, or write market_recovery_timeout_ms in [channel.recovery]",
        );
    }
    let Some(raw) = &channel.recovery else {
        if let Some(field) = recovers {
            findings.add(
                &field.place,
                "there are no lines of market recovery that could make up for what is missing",
                format!("add [channel.recovery] with {example}; or write \"continue\""),
            );
        }
        return;
    };
    if let Some(place) = raw.servers_and_requests().first() {
        findings.add(
            place,
            format!(
                "the feed \"{}\" has no servers to ask",
                Feed::CmeMdp3.name()
            ),
            "MDP 3.0 has market_recovery, market_recovery_timeout_ms and instrument_definition, and nothing else in this section",
        );
    }
    if raw.market_recovery.is_empty() {
        // Definitions are of use whatever becomes of a loss.
        if recovers.is_none() && !raw.instrument_definition.is_empty() {
            return;
        }
        findings.add(&raw.place, "it names no line", format!("add {example}"));
    } else if recovers.is_none() {
        findings.warn(
            &raw.market_recovery[0].place,
            "with on_gap = \"continue\" snapshots are not used, and these lines are received for nothing",
            "set on_gap = \"recover\", or remove them",
        );
    }
}

fn has_none(feed: Feed) -> String {
    format!(
        "the feed \"{}\" has no recovery in this gateway",
        feed.name()
    )
}

const HAS_NONE_REMEDY: &str = "remove [channel.recovery] and write on_gap = \"continue\": the lines are arbitrated, and what both lose is told as a gap";

/// Servers of another feed's protocol are of no use.
fn kinds(raw: &RawRecovery, is_pitch: bool, feed: Feed, findings: &Findings) {
    let of_mold = [
        raw.rerequest.as_ref().map(|field| &field.place),
        raw.glimpse.first().map(|raw| &raw.place),
    ];
    let of_pitch = [
        raw.gap_request.first().map(|raw| &raw.server.place),
        raw.gap_response.first().map(|raw| &raw.place),
        raw.spin.first().map(|raw| &raw.server.place),
    ];
    let of_cme = [
        raw.market_recovery.first().map(|raw| &raw.place),
        raw.instrument_definition.first().map(|raw| &raw.place),
        raw.market_recovery_timeout_ms
            .as_ref()
            .map(|field| &field.place),
    ];
    let of_cme = of_cme.into_iter().flatten();
    let others = if is_pitch { &of_mold[..] } else { &of_pitch };
    for place in others.iter().copied().flatten().chain(of_cme) {
        findings.add(
            place,
            format!("the feed \"{}\" has no such servers", feed.name()),
            if is_pitch {
                "PITCH has gap_request, gap_response and spin"
            } else {
                "MoldUDP64 has rerequest and glimpse"
            },
        );
    }
}

/// What is the default for the servers of a feed. Gap request proxies allow 100 messages a request, and some 320 requests in
/// any second: the rate and what goes at once on top of it.
fn defaults(feed: Feed) -> PlannerConfig {
    let default = PlannerConfig::default();
    if feed.pitch_market().is_some() {
        PlannerConfig {
            request_messages_max: 100,
            requests_per_second: 300,
            requests_burst: 20,
            ..default
        }
    } else {
        default
    }
}

fn servers(raw: &RawRecovery, feed: Feed, base: &Path, findings: &Findings) -> Recovery {
    let default = defaults(feed);
    let many = |field: &Option<Field<u64>>, range, default: u64, unit| {
        number(field.as_ref(), range, default, unit, findings)
    };
    let milliseconds = |field: &Option<Field<u64>>, default_ns: u64| {
        let range = 1..=TIME_MS_MAX;
        many(field, range, default_ns / MS, "milliseconds") * MS
    };
    let rerequest = rerequest(raw.rerequest.as_ref(), findings);
    let glimpse: Vec<_> = raw
        .glimpse
        .iter()
        .map(|raw| glimpse(raw, base, findings))
        .collect();
    let gap_request: Vec<_> = raw
        .gap_request
        .iter()
        .map(|raw| session_server(raw, "10.1.1.1:17001", base, findings))
        .collect();
    let spin: Vec<_> = raw
        .spin
        .iter()
        .map(|raw| session_server(raw, "10.1.1.1:18001", base, findings))
        .collect();
    let proxies = gap_request.iter().map(|server| server.address);
    proxies_are_few_and_different(raw, proxies, findings);
    let source = raw
        .source
        .as_ref()
        .and_then(|field| source(field, findings));
    if let Some(source) = source {
        let sessions = glimpse.iter().map(|server| &server.address);
        let sessions = sessions.chain(
            gap_request
                .iter()
                .chain(&spin)
                .map(|server| &server.address),
        );
        let addresses = rerequest.iter().chain(sessions);
        same_family(raw, source, addresses, findings);
    }
    if let Some(field) = &raw.interface
        && (field.value.is_empty() || field.value.len() > INTERFACE_NAME_MAX)
    {
        findings.add(
            &field.place,
            "not a name that a network interface can have",
            format!("give its name in the kernel, at most {INTERFACE_NAME_MAX} bytes; `ip link` lists them"),
        );
    }
    let planner = PlannerConfig {
        servers: rerequest.len().max(gap_request.len()),
        answers: if gap_request.is_empty() {
            Answers::FromServers
        } else {
            Answers::OnLines
        },
        ask: raw.ask.as_ref().map(|f| f.value.into()).unwrap_or_default(),
        request_messages_max: many(
            &raw.request_messages_max,
            1..=65_534,
            default.request_messages_max.into(),
            "messages",
        ) as u16,
        requests_outstanding_max: many(
            &raw.requests_outstanding_max,
            1..=64,
            default.requests_outstanding_max as u64,
            "requests",
        ) as usize,
        answer_timeout_ns: milliseconds(&raw.answer_timeout_ms, default.answer_timeout_ns),
        attempts_max: many(
            &raw.attempts_max,
            1..=1_000,
            default.attempts_max.into(),
            "requests",
        ) as u32,
        hole_messages_max: many(
            &raw.hole_messages_max,
            1..=100_000_000,
            default.hole_messages_max,
            "messages",
        ),
        requests_per_second: many(
            &raw.requests_per_second,
            1..=1_000_000,
            default.requests_per_second.into(),
            "requests a second",
        ) as u32,
        requests_burst: many(
            &raw.requests_burst,
            1..=100_000,
            default.requests_burst.into(),
            "requests",
        ) as u32,
        backoff: backoff(
            (&raw.backoff_min_ms, &raw.backoff_max_ms),
            default.backoff,
            findings,
        ),
        snapshot_servers: glimpse.len().max(spin.len()),
        snapshot_attempts_max: many(
            &raw.snapshot_attempts_max,
            1..=1_000,
            default.snapshot_attempts_max.into(),
            "attempts",
        ) as u32,
        snapshot_backoff: backoff(
            (&raw.snapshot_backoff_min_ms, &raw.snapshot_backoff_max_ms),
            default.snapshot_backoff,
            findings,
        ),
    };
    Recovery {
        rerequest,
        gap_request,
        spin,
        glimpse,
        source,
        interface: raw.interface.as_ref().map(|field| field.value.clone()),
        planner,
        snapshot_timeout: Duration::from_nanos(milliseconds(&raw.snapshot_timeout_ms, 30_000 * MS)),
        snapshot_bytes_max: (many(&raw.snapshot_mib_max, 1..=65_536, 512, "MiB") as usize) << 20,
    }
}

/// A pause that doubles from the first to the second.
fn backoff(
    (min, max): (&Option<Field<u64>>, &Option<Field<u64>>),
    default: Backoff,
    findings: &Findings,
) -> Backoff {
    let range = || 1..=TIME_MS_MAX;
    let unit = "milliseconds";
    let min_ms = number(min.as_ref(), range(), default.min_ns / MS, unit, findings);
    let max_ms = number(max.as_ref(), range(), default.max_ns / MS, unit, findings);
    if min_ms > max_ms
        && let Some(field) = min.as_ref().or(max.as_ref())
    {
        findings.add(
            &field.place,
            format!("the first pause, {min_ms} ms, is longer than the longest, {max_ms} ms"),
            "lower the one or raise the other",
        );
    }
    Backoff {
        min_ns: min_ms * MS,
        max_ns: max_ms * MS,
    }
}

fn rerequest(field: Option<&Field<Vec<String>>>, findings: &Findings) -> Vec<SocketAddr> {
    let Some(field) = field else {
        return Vec::new();
    };
    if field.value.len() > SERVERS_MAX {
        findings.add(
            &field.place,
            format!("more than {SERVERS_MAX} servers"),
            "name the nearest ones",
        );
    }
    let mut servers = Vec::new();
    for written in &field.value {
        match server(written) {
            Ok(address) if servers.contains(&address) => findings.add(
                &field.place,
                format!("\"{written}\" is there twice"),
                "name each server once",
            ),
            Ok(address) => servers.push(address),
            Err(what) => findings.add(
                &field.place,
                format!("\"{written}\" is {what}"),
                "write the server's address and port as \"10.1.1.1:26410\" or \"[2001:db8::1]:26410\"",
            ),
        }
    }
    servers
}

/// An address and port that something can be sent to.
fn server(written: &str) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = written.parse().map_err(|_| "no IP address and port")?;
    if address.ip().is_multicast() {
        Err("a multicast group: servers have addresses of their own")
    } else if address.ip().is_unspecified() || address.port() == 0 {
        Err("no address that something can be sent to")
    } else {
        Ok(address)
    }
}

fn glimpse(raw: &RawGlimpse, base: &Path, findings: &Findings) -> GlimpseServer {
    if let Some(field) = &raw.username
        && let Err(error) = Credentials::new(&field.value, "x")
    {
        findings.add(&field.place, error.to_string(), AS_GIVEN);
    }
    GlimpseServer {
        address: session_address(raw, "10.1.1.1:26420", findings),
        username: super::text(raw.username.as_ref(), ""),
        password: password(raw, base, findings),
    }
}

fn session_server(
    raw: &RawSession,
    example: &str,
    base: &Path,
    findings: &Findings,
) -> SessionServer {
    let id = super::text(raw.session_sub_id.as_ref(), "");
    let username = super::text(raw.server.username.as_ref(), "");
    // One after the other, so that each mistake is told where it is.
    for (field, id, username) in [
        (&raw.session_sub_id, id.as_str(), "x"),
        (&raw.server.username, "x", username.as_str()),
    ] {
        if let Some(field) = field
            && let Err(error) = session::Credentials::new(id, username, "x")
        {
            findings.add(&field.place, error.to_string(), AS_GIVEN);
        }
    }
    SessionServer {
        address: session_address(&raw.server, example, findings),
        session_sub_id: id,
        username,
        password: password(&raw.server, base, findings),
    }
}

fn proxies_are_few_and_different(
    raw: &RawRecovery,
    addresses: impl Iterator<Item = SocketAddr>,
    findings: &Findings,
) {
    let mut seen = Vec::new();
    for (raw, address) in raw.gap_request.iter().zip(addresses) {
        if seen.len() == SERVERS_MAX {
            findings.add(
                &raw.server.place,
                format!("more than {SERVERS_MAX} servers"),
                "name the nearest ones",
            );
        }
        if seen.contains(&address) && address.port() != 0 {
            findings.add(
                &raw.server.place,
                format!("{address} is there twice"),
                "name each server once",
            );
        }
        seen.push(address);
    }
}

/// A session that is kept with a proxy is of one channel: a proxy lets nobody in twice.
pub(super) fn sessions_differ(raw: &[RawChannel], channels: &[Channel], findings: &Findings) {
    let mut seen: Vec<(&SessionServer, &str)> = Vec::new();
    for (raw, channel) in raw.iter().zip(channels) {
        let (Some(raw), Some(recovery)) = (&raw.recovery, &channel.recovery) else {
            continue;
        };
        if channel.on_gap != OnGap::Recover {
            continue;
        }
        let before = seen.len();
        for (raw, server) in raw.gap_request.iter().zip(&recovery.gap_request) {
            let of_another = seen[..before].iter().find(|(other, _)| {
                let id = (&server.session_sub_id, &server.username);
                other.address == server.address
                    && (&other.session_sub_id, &other.username) == id
                    && server.address.port() != 0
            });
            if let Some((_, other)) = of_another {
                findings.add(
                    &raw.server.place,
                    format!(
                        "session \"{}\" of \"{}\" with {} is kept by channel \"{other}\" already, and a proxy lets nobody in twice",
                        server.session_sub_id, server.username, server.address
                    ),
                    "have the venue give each channel a session of its own, and name another session_sub_id here",
                );
            }
            seen.push((server, &channel.name));
        }
    }
}

const AS_GIVEN: &str = "write it as the venue has given it";

/// The address of a server that is logged in to.
fn session_address(raw: &RawGlimpse, example: &str, findings: &Findings) -> SocketAddr {
    let address = raw.address.as_ref().and_then(|field| {
        server(&field.value)
            .map_err(|what| {
                let port = example.rsplit(':').next().unwrap_or_default();
                findings.add(
                    &field.place,
                    what,
                    format!(
                        "write the server's address and port as \"{example}\" or \"[2001:db8::1]:{port}\""
                    ),
                );
            })
            .ok()
    });
    address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
}

fn password(raw: &RawGlimpse, base: &Path, findings: &Findings) -> PasswordSource {
    match (&raw.password_file, &raw.password_env) {
        (Some(file), None) if !file.value.is_empty() => {
            PasswordSource::File(base.join(&file.value))
        }
        (None, Some(name)) if is_variable(&name.value) => {
            PasswordSource::Environment(name.value.clone())
        }
        (None, None) | (Some(_), Some(_)) => {
            let several = raw.password_file.is_some();
            findings.add(
                &raw.place,
                if several { "it has two passwords" } else { "it has no password" },
                "name either password_file, a file that only the gateway's user can read, or password_env",
            );
            PasswordSource::Environment(String::new())
        }
        (Some(field), None) | (None, Some(field)) => {
            findings.add(
                &field.place,
                "not a name that a file or an environment variable can have",
                "give a path, or a name of letters, digits and '_'",
            );
            PasswordSource::Environment(String::new())
        }
    }
}

fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(fits) && !name.as_bytes()[0].is_ascii_digit()
}

fn source(field: &Field<String>, findings: &Findings) -> Option<IpAddr> {
    match field.value.parse::<IpAddr>() {
        Ok(address) if !address.is_multicast() && !address.is_unspecified() => Some(address),
        _ => {
            findings.add(
                &field.place,
                "not a host's IP address",
                "give an address of this host, or leave it out to have the route decide",
            );
            None
        }
    }
}

/// Packets of IPv4 come from an address of IPv4.
fn same_family<'a>(
    raw: &RawRecovery,
    source: IpAddr,
    mut servers: impl Iterator<Item = &'a SocketAddr>,
    findings: &Findings,
) {
    let other = servers.find(|server| server.is_ipv4() != source.is_ipv4() && server.port() != 0);
    if let (Some(server), Some(field)) = (other, &raw.source) {
        findings.add(
            &field.place,
            format!("nothing can be sent from it to {server}, which is of the other version of IP"),
            "give an address of the version that the servers have",
        );
    }
}
