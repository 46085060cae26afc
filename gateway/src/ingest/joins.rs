//! Keeping memberships: the kernel forgets them without a word.
//!
//! A membership belongs to a device, not to a name: when an interface is deleted and made again (a VLAN sub-interface
//! after `systemctl restart networking`, a virtual function that its host resets), the sockets that joined stay open,
//! report nothing, and hear nothing any more. So the control plane compares what it joined with what the kernel lists,
//! many times a second, and joins again what is missing as soon as there is an interface of that name.

use std::collections::HashSet;
use std::io;
use std::net::Ipv4Addr;

use super::membership;
use super::netdev;
use super::socket::StreamJoins;
use super::{IngestError, Membership, Stream};

/// The groups that the kernel has joined for anybody, by interface index.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JoinedGroups(HashSet<(u32, Ipv4Addr)>);

impl JoinedGroups {
    /// Those of the calling thread's network namespace, by `/proc/net/igmp`.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted, or hides the file.
    pub fn read() -> io::Result<Self> {
        // Not `/proc/net`, which is the namespace of the process' first thread.
        std::fs::read_to_string("/proc/thread-self/net/igmp").map(|text| Self::parse(&text))
    }

    /// A line with a device's index and name, then a line for each of its groups (net/ipv4/igmp.c, `igmp_mc_seq_show`).
    fn parse(text: &str) -> Self {
        let mut joined = HashSet::new();
        let mut device = None;
        for line in text.lines() {
            let Some(word) = line.split_whitespace().next() else {
                continue;
            };
            if !line.starts_with(char::is_whitespace) {
                // The heading's "Idx" is no number.
                device = word.parse().ok();
            } else if let (Some(index), Ok(group)) = (device, u32::from_str_radix(word, 16)) {
                // Printed as a number of the machine, but stored in network order.
                joined.insert((index, Ipv4Addr::from(group.to_ne_bytes())));
            }
        }
        Self(joined)
    }

    fn has(&self, interface_index: u32, group: Ipv4Addr) -> bool {
        self.0.contains(&(interface_index, group))
    }
}

/// How an interface's memberships stand.
#[derive(Debug)]
pub enum Standing {
    /// All are there.
    Joined,
    /// Some were gone; all are there again.
    JoinedAgain,
    /// There is no such interface now.
    InterfaceGone,
    /// The kernel refuses to join again.
    Refused(IngestError),
}

/// The memberships of one interface; dropping it leaves the groups, but for those of the socket tier, which last as
/// long as its sockets.
#[derive(Debug)]
pub struct Joins {
    interface: String,
    /// Of the device that they were made on.
    interface_index: u32,
    groups: Vec<Ipv4Addr>,
    holder: Holder,
}

/// Whose sockets have joined.
#[derive(Debug)]
enum Holder {
    /// Sockets that do nothing else.
    Own {
        membership: Membership,
        streams: Vec<Stream>,
    },
    /// Those that receive.
    Receiving(StreamJoins),
}

impl Joins {
    /// Joins the groups of `streams` with sockets of its own.
    ///
    /// # Errors
    ///
    /// As [`Membership::join`].
    pub(super) fn make(
        interface: &str,
        interface_index: u32,
        streams: &[Stream],
    ) -> Result<Self, IngestError> {
        let holder = Holder::Own {
            membership: Membership::join(interface, interface_index, streams)?,
            streams: streams.to_vec(),
        };
        Ok(Self::held(interface, interface_index, streams, holder))
    }

    /// Those that the socket tier's sockets have made.
    pub(super) fn of_receiving(
        interface: &str,
        interface_index: u32,
        streams: &[Stream],
        joins: StreamJoins,
    ) -> Self {
        let holder = Holder::Receiving(joins);
        Self::held(interface, interface_index, streams, holder)
    }

    fn held(interface: &str, interface_index: u32, streams: &[Stream], holder: Holder) -> Self {
        let mut groups: Vec<Ipv4Addr> = membership::wanted(streams)
            .into_iter()
            .map(|(group, _)| group)
            .collect();
        groups.dedup();
        Self {
            interface: interface.to_owned(),
            interface_index,
            groups,
            holder,
        }
    }

    /// The interface on which they are joined.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The groups, each once.
    #[must_use]
    pub fn groups(&self) -> &[Ipv4Addr] {
        &self.groups
    }

    /// Compares with what the kernel has joined now, and joins again where that is less. Without such a list (`None`) a
    /// device that is still there counts as joined.
    pub fn tend(&mut self, kernel: Option<&JoinedGroups>) -> Standing {
        let stands = match kernel {
            Some(kernel) => self
                .groups
                .iter()
                .all(|&group| kernel.has(self.interface_index, group)),
            None => self.groups.is_empty() || netdev::exists(self.interface_index),
        };
        if stands {
            return Standing::Joined;
        }
        // By name first: the configuration means the name. A device that was only renamed is still the one.
        let renamed = || netdev::exists(self.interface_index).then_some(self.interface_index);
        let Some(index) = netdev::index(&self.interface).or_else(renamed) else {
            return Standing::InterfaceGone;
        };
        match self.join_again(index) {
            Ok(()) => {
                self.interface_index = index;
                Standing::JoinedAgain
            }
            Err(error) => Standing::Refused(error),
        }
    }

    fn join_again(&mut self, interface_index: u32) -> Result<(), IngestError> {
        match &mut self.holder {
            Holder::Own {
                membership,
                streams,
            } => {
                // First: a socket that leaves counts down the group of whatever device has the old one's index now.
                membership.leave();
                *membership = Membership::join(&self.interface, interface_index, streams)?;
                Ok(())
            }
            Holder::Receiving(joins) => {
                joins.move_to(&self.interface, self.interface_index, interface_index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read_by_device_and_group() {
        // Of a 6.12 kernel: `cat /proc/net/igmp`. Printed on a little-endian machine, hence the condition.
        let text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
                    1\tlo        :     1      V3\n\
                    \t\t\t\t010000E0     1 0:00000000\t\t0\n\
                    12\tmd0       :     2      V3\n\
                    \t\t\t\t01004DEF     2 0:00000000\t\t0\n\
                    \t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let joined = JoinedGroups::parse(text);
        if cfg!(target_endian = "little") {
            let group = Ipv4Addr::new(239, 77, 0, 1);
            assert!(joined.has(12, group) && joined.has(1, Ipv4Addr::new(224, 0, 0, 1)));
            assert!(!joined.has(1, group) && !joined.has(12, Ipv4Addr::new(239, 77, 0, 2)));
        }
        assert_eq!(joined.0.len(), 3);
        assert_eq!(JoinedGroups::parse(""), JoinedGroups::default());
        assert_eq!(
            JoinedGroups::parse("\t\t01004DEF 1\nx\n"),
            JoinedGroups::default()
        );
    }
}
