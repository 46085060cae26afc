//! Configuration files for the gateway in the guest.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Where its broker listens.
pub(crate) const SOCKET: &str = "/run/gateway.sock";
/// Where it serves metrics.
pub(crate) const METRICS_PORT: u16 = 9464;

/// One line of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) group: Ipv4Addr,
}

impl Line {
    pub(crate) const PORT: u16 = 26_400;

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.group, Self::PORT)
    }
}

/// What a test says of the gateway: one worker, one channel, one queue of everything.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Lines of TOML of each interface, its name first.
    pub(crate) interfaces: Vec<(String, String)>,
    pub(crate) lines: Vec<Line>,
    /// Further channels' groups, which nobody sends to.
    pub(crate) more_groups: Vec<Ipv4Addr>,
}

impl Config {
    /// Lines A and B on `interface`, with more keys of its table.
    pub(crate) fn new(interface: &str, keys: &str) -> Self {
        let line = |name, last| Line {
            name,
            group: Ipv4Addr::new(239, 79, 0, last),
        };
        Self {
            interfaces: vec![(interface.to_owned(), keys.to_owned())],
            lines: vec![line("A", 1), line("B", 2)],
            more_groups: Vec::new(),
        }
    }

    /// The same on `tier` and no other.
    pub(crate) fn tier(interface: &str, tier: &str) -> Self {
        Self::new(
            interface,
            &format!("mode = \"{tier}\"\nlowest_tier = \"{tier}\""),
        )
    }

    pub(crate) fn to_toml(&self) -> String {
        let mut text = format!(
            "[gateway]\nname = \"lab\"\nbroker_socket = \"{SOCKET}\"\nlog = \"human\"\n\
             metrics_listen = \"127.0.0.1:{METRICS_PORT}\"\n"
        );
        for (name, keys) in &self.interfaces {
            // A ring that a guest's small memory can hold.
            text += &format!("\n[[interface]]\nname = \"{name}\"\nrx_ring = 1024\n{keys}\n");
        }
        let inputs: Vec<String> = self
            .interfaces
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        // An emulated guest has no core to spare, and its other line may be late.
        let _ = write!(
            text,
            "\n[[worker]]\nname = \"worker\"\ninputs = [{}]\nwait = \"yield\"\n",
            inputs.join(", ")
        );
        self.channel(&mut text, "nasdaq", &self.lines);
        text += "\n[[queue]]\nname = \"all\"\nchannels = [\"nasdaq\"]\nslots = 65536\nrecords = \"plain\"\n";
        for (number, group) in self.more_groups.iter().enumerate() {
            let line = Line {
                name: "A",
                group: *group,
            };
            self.channel(&mut text, &format!("idle-{number}"), &[line]);
        }
        text
    }

    fn channel(&self, text: &mut String, name: &str, lines: &[Line]) {
        let _ = write!(
            text,
            "\n[[channel]]\nname = \"{name}\"\nfeed = \"nasdaq-itch50\"\nworker = \"worker\"\n\
             hold_timeout_us = 2000000\nhold_packets_max = 8192\nlines = [\n"
        );
        for line in lines {
            let _ = writeln!(
                text,
                "    {{ name = \"{}\", group = \"{}\", port = {} }},",
                line.name,
                line.group,
                Line::PORT
            );
        }
        *text += "]\n";
    }
}
