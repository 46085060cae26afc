//! The active probe: do the packets that a peer sends to a group arrive?
//!
//! Settings tell what should be; only packets tell what is. A peer numbers its packets ([`gateway_wire::probe`]), so what
//! is missing is known without asking it: whatever lies between the first and the last number that came. A socket is
//! tried first, then AF_XDP, which takes packets before any socket sees them.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use gateway_wire::probe::Numbered;
use serde::Serialize;

use crate::ingest::{Ingest, InterfaceRequest, Mode, Stream, Tier, ladder};

/// Ranges of missing numbers that are told.
const RANGES_MAX: usize = 16;
/// Numbers that are remembered: a peer cannot fill the memory.
const NUMBERS_MAX: usize = 1 << 20;
/// Between two looks at a way in that has nothing.
const PAUSE: Duration = Duration::from_micros(200);

/// What to probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// How the interface is opened.
    pub request: InterfaceRequest,
    /// Where packets go to.
    pub group: SocketAddrV4,
    /// How long each way in is tried.
    pub span: Duration,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The interface.
    pub interface: String,
    /// Where packets went to.
    pub group: SocketAddrV4,
    /// How many the peer sent, at least, while the best way in was open.
    pub sent: u64,
    /// Each way in that was tried.
    pub paths: Vec<Path>,
    /// Ways in that could not be tried, and why.
    pub not_tried: Vec<String>,
}

/// What came by one way in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Path {
    /// The tier.
    pub tier: String,
    /// How many the peer sent between the first and the last that came, these two included.
    pub sent: u64,
    /// How many of them came.
    pub received: u64,
    /// How many came again.
    pub duplicates: u64,
    /// Numbers that did not come, as ranges of first and last; the first ones.
    pub missing: Vec<[u64; 2]>,
    /// Packets to the same group that were no probe's.
    pub foreign: u64,
}

impl Probe {
    /// Joins and receives by one way in after the other.
    ///
    /// # Errors
    ///
    /// Not even sockets can be opened.
    pub fn run(&self, stop: &dyn Fn() -> bool) -> Result<Report, String> {
        let mut report = Report {
            interface: self.request.name.clone(),
            group: self.group,
            sent: 0,
            paths: vec![self.receive(Mode::Exactly(Tier::Socket), stop)?],
            not_tried: Vec::new(),
        };
        match self.receive(Mode::Auto, stop) {
            Ok(path) => report.paths.push(path),
            Err(why) => report.not_tried.push(format!("AF_XDP: {why}")),
        }
        report.sent = report.paths.iter().map(|path| path.sent).max().unwrap_or(0);
        Ok(report)
    }

    fn receive(&self, mode: Mode, stop: &dyn Fn() -> bool) -> Result<Path, String> {
        let request = InterfaceRequest {
            mode,
            lowest_tier: match mode {
                Mode::Auto => Tier::Skb,
                Mode::Exactly(tier) => tier,
            },
            streams: vec![Stream {
                group: *self.group.ip(),
                port: self.group.port(),
                sources: Vec::new(),
            }],
            ..self.request.clone()
        };
        let mut opened = ladder::open(&request).map_err(|error| error.to_string())?;
        let mut providers = std::mem::take(&mut opened.providers);
        let _joined = opened.join(&request).map_err(|error| error.to_string())?;
        let mut tally = Tally::default();
        let end = Instant::now() + self.span;
        while Instant::now() < end && !stop() {
            let mut came = 0;
            for provider in &mut providers {
                came += provider
                    .poll(&mut |datagram| tally.take(datagram.payload))
                    .map_err(|error| error.to_string())?;
            }
            if came == 0 {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(tally.path(opened.tier.name()))
    }
}

/// What came so far, of the run that the first packet belongs to.
#[derive(Debug, Default)]
struct Tally {
    run: Option<u64>,
    numbers: BTreeSet<u64>,
    duplicates: u64,
    foreign: u64,
}

impl Tally {
    fn take(&mut self, payload: &[u8]) {
        let Some(packet) = Numbered::decode(payload) else {
            self.foreign += 1;
            return;
        };
        // A peer that was started again begins anew.
        if self.run != Some(packet.run) {
            self.run = Some(packet.run);
            self.numbers.clear();
            self.duplicates = 0;
        }
        if self.numbers.len() < NUMBERS_MAX && !self.numbers.insert(packet.number) {
            self.duplicates += 1;
        }
    }

    fn path(&self, tier: &str) -> Path {
        let (first, last) = (self.numbers.first(), self.numbers.last());
        let sent = match (first, last) {
            (Some(first), Some(last)) => (last - first).saturating_add(1),
            _ => 0,
        };
        let mut missing = Vec::new();
        let mut expected = first.copied();
        for &number in &self.numbers {
            if let Some(expected) = expected
                && number > expected
                && missing.len() < RANGES_MAX
            {
                missing.push([expected, number - 1]);
            }
            expected = number.checked_add(1);
        }
        Path {
            tier: tier.to_owned(),
            sent,
            received: self.numbers.len() as u64,
            duplicates: self.duplicates,
            missing,
            foreign: self.foreign,
        }
    }
}

impl Report {
    /// Whether every packet came by every way in, and there were any.
    #[must_use]
    pub fn complete(&self) -> bool {
        let complete = |path: &Path| path.sent > 0 && path.received >= path.sent;
        !self.paths.is_empty() && self.paths.iter().all(complete)
    }

    /// What came, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self.paths.iter().map(Path::summary).collect();
        parts.extend(self.not_tried.iter().map(|why| format!("not tried: {why}")));
        format!("{} on {}: {}", self.group, self.interface, parts.join("; "))
    }

    /// What to look at where packets are missing.
    #[must_use]
    pub fn advice(&self) -> String {
        let none = |path: &&Path| path.received == 0;
        if self.paths.iter().all(|path| none(&path)) {
            return format!(
                "nothing came at all: does the peer send to this network (`gateway-sim probe {} --interface X`)? Then: a \
                 querier on the switch (igmp-querier), trust of the virtual function on its host (vf-settings), VLAN, \
                 firewall (`nft list ruleset`)",
                self.group
            );
        }
        if self.paths.iter().any(|path| none(&path)) {
            return "one way in has packets and the other none: where only AF_XDP is deaf the driver does not redirect \
                    (xdp-features, driver), where only sockets are deaf look at rp_filter and the firewall"
                .to_owned();
        }
        "some are missing: losses, ring-size, multicast-filter, and whatever lies between here and the peer".to_owned()
    }
}

impl Path {
    fn summary(&self) -> String {
        if self.received == 0 {
            let foreign = match self.foreign {
                0 => String::new(),
                count => format!(" (but {count} packets of somebody else)"),
            };
            return format!("{}: nothing came{foreign}", self.tier);
        }
        let mut text = format!("{}: {} of {} came", self.tier, self.received, self.sent);
        if !self.missing.is_empty() {
            let ranges: Vec<String> = self
                .missing
                .iter()
                .map(|[first, last]| {
                    if first == last {
                        first.to_string()
                    } else {
                        format!("{first}-{last}")
                    }
                })
                .collect();
            text.push_str(&format!(", missing {}", ranges.join(", ")));
        }
        if self.duplicates > 0 {
            text.push_str(&format!(", {} twice", self.duplicates));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for &number in numbers {
            let packet = Numbered { run: 7, number };
            tally.take(&packet.encode());
        }
        tally
    }

    #[test]
    fn what_is_missing_lies_between_the_first_and_the_last() {
        for (numbers, sent, received, duplicates, missing) in [
            (&[][..], 0, 0, 0, vec![]),
            (&[5], 1, 1, 0, vec![]),
            (&[5, 6, 9, 11], 7, 4, 0, vec![[7, 8], [10, 10]]),
            (&[6, 5, 5], 2, 2, 1, vec![]),
            (&[u64::MAX, 0], u64::MAX, 2, 0, vec![[1, u64::MAX - 1]]),
        ] {
            let path = tally(numbers).path("copy");
            assert_eq!(
                (path.sent, path.received, path.duplicates, path.missing),
                (sent, received, duplicates, missing),
                "{numbers:?}"
            );
        }
    }

    #[test]
    fn a_peer_that_starts_again_begins_anew_and_strangers_are_counted() {
        let mut tally = tally(&[900, 901]);
        tally.take(&Numbered { run: 8, number: 0 }.encode());
        tally.take(b"hello");
        let path = tally.path("socket");
        assert_eq!((path.sent, path.received, path.foreign), (1, 1, 1));
    }

    #[test]
    fn the_report_says_what_came_and_what_to_look_at() {
        let mut report = Report {
            interface: "eth1".into(),
            group: SocketAddrV4::new([239, 77, 77, 77].into(), 26499),
            sent: 7,
            paths: vec![
                tally(&[5, 6, 9, 11]).path("socket"),
                tally(&[]).path("copy"),
            ],
            not_tried: vec![],
        };
        assert!(!report.complete());
        let said = report.summary();
        assert!(
            said.contains("socket: 4 of 7 came, missing 7-8, 10"),
            "{said}"
        );
        assert!(said.contains("copy: nothing came"), "{said}");
        assert!(report.advice().contains("only AF_XDP is deaf"));
        report.paths = vec![tally(&[]).path("socket")];
        assert!(report.advice().contains("nothing came at all"));
        report.paths = vec![tally(&[1, 2]).path("socket")];
        assert!(report.complete());
    }
}
