//! What a configuration wants of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::config::Config;
use crate::config::model::{Input, Interface, Line};
use crate::ingest::{InterfaceRequest, Mode, Stream, Tier};

/// What is wanted of an interface, or of the whole machine.
#[derive(Clone, Debug)]
pub struct Wants {
    /// Whether a configuration said so; else these are the defaults.
    pub configured: bool,
    /// Groups that are to be joined, each with its sources; none for any.
    pub groups: BTreeMap<Ipv4Addr, BTreeSet<Ipv4Addr>>,
    /// Whether AF_XDP may be used.
    pub af_xdp: bool,
    /// Whether workers are to poll the card's queues themselves.
    pub busy_poll: bool,
    /// CPUs of the workers.
    pub cores: BTreeSet<usize>,
    /// The CPU of everything else.
    pub housekeeping_core: Option<usize>,
    /// Where groups are joined, if not on the interface itself.
    pub membership_interface: Option<String>,
    /// The program of a running gateway is expected on the interface.
    pub running: bool,
    /// How it would be opened.
    pub request: InterfaceRequest,
}

impl Wants {
    /// Those of the default settings.
    #[must_use]
    pub fn defaults(interface: &str) -> Self {
        let request = InterfaceRequest::new(interface, Vec::new());
        Self {
            configured: false,
            groups: BTreeMap::new(),
            af_xdp: true,
            busy_poll: request.busy_poll,
            cores: BTreeSet::new(),
            housekeeping_core: None,
            membership_interface: None,
            running: false,
            request,
        }
    }

    /// Those of a configuration, for the interface of this name.
    #[must_use]
    pub fn of(config: &Config, name: &str) -> Self {
        let configured = config.interfaces.iter().position(|i| i.name == name);
        let Some(number) = configured else {
            return Self {
                configured: false,
                groups: BTreeMap::new(),
                ..Self::machine(config)
            };
        };
        let interface = &config.interfaces[number];
        let input = Input::Interface(number);
        let lines: Vec<&Line> = config
            .channels
            .iter()
            .flat_map(|channel| &channel.lines)
            .filter(|line| line.inputs.contains(&input))
            .collect();
        let workers = config.workers.iter();
        let polled_by = workers.filter(|worker| worker.inputs.contains(&input));
        Self {
            configured: true,
            groups: groups(lines.iter().copied()),
            af_xdp: interface.mode != Mode::Exactly(Tier::Socket),
            busy_poll: interface.busy_poll,
            cores: polled_by.filter_map(|worker| worker.core).collect(),
            housekeeping_core: config.gateway.housekeeping_core,
            membership_interface: interface.membership_interface.clone(),
            running: false,
            request: request(interface, &lines),
        }
    }

    /// Those of a configuration, for the machine.
    #[must_use]
    pub fn machine(config: &Config) -> Self {
        let lines = config.channels.iter().flat_map(|channel| &channel.lines);
        let interfaces = &config.interfaces;
        Self {
            configured: true,
            groups: groups(lines),
            af_xdp: interfaces.is_empty()
                || interfaces
                    .iter()
                    .any(|interface| interface.mode != Mode::Exactly(Tier::Socket)),
            busy_poll: interfaces.iter().any(|interface| interface.busy_poll),
            cores: config.workers.iter().filter_map(|w| w.core).collect(),
            housekeeping_core: config.gateway.housekeeping_core,
            ..Self::defaults("")
        }
    }

    /// Whether any group is to be had from some sources only.
    #[must_use]
    pub fn source_specific(&self) -> bool {
        self.groups.values().any(|sources| !sources.is_empty())
    }
}

fn groups<'a>(lines: impl Iterator<Item = &'a Line>) -> BTreeMap<Ipv4Addr, BTreeSet<Ipv4Addr>> {
    let mut groups: BTreeMap<Ipv4Addr, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for line in lines.filter(|line| line.group.is_multicast()) {
        groups.entry(line.group).or_default().extend(&line.sources);
    }
    groups
}

fn request(interface: &Interface, lines: &[&Line]) -> InterfaceRequest {
    let mut streams: Vec<Stream> = Vec::new();
    for line in lines {
        let stream = Stream {
            group: line.group,
            port: line.port,
            sources: line.sources.clone(),
        };
        // Units of PITCH may share one.
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    }
    InterfaceRequest {
        mode: interface.mode,
        queues: interface.queues.clone(),
        busy_poll: interface.busy_poll,
        rx_ring: interface.rx_ring,
        membership_interface: interface.membership_interface.clone(),
        hardware_timestamps: interface.hardware_timestamps,
        ..InterfaceRequest::new(&interface.name, streams)
    }
}
