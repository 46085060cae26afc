//! What the stages change: each setting of the machine by what it is, never by a path from outside.
//!
//! Values are text as `ethtool`, `sysctl` or the kernel's file shows them, so that what is remembered, printed and
//! compared is the same.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One setting of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Setting {
    /// Something that the card does with packets it receives: `on` or `off`.
    Offload {
        /// The interface.
        interface: String,
        /// What it does.
        feature: Feature,
    },
    /// How many queues are active.
    Channels {
        /// The interface.
        interface: String,
        /// Which are counted.
        queues: QueueKind,
    },
    /// Packets that each receive queue of the card holds.
    ReceiveRing {
        /// The interface.
        interface: String,
    },
    /// Whether the driver chooses the delay of interrupts: `on` or `off`.
    AdaptiveReceive {
        /// The interface.
        interface: String,
    },
    /// Microseconds from a packet to its interrupt.
    ReceiveDelay {
        /// The interface.
        interface: String,
    },
    /// The queue of each entry of the table by which the card spreads packets.
    HashTable {
        /// The interface.
        interface: String,
    },
    /// Consecutive polls that find nothing until the interrupts of the interface's queues are on again.
    NapiDeferHardIrqs {
        /// The interface.
        interface: String,
    },
    /// Nanoseconds after which the kernel polls a queue whose interrupt is off.
    GroFlushTimeout {
        /// The interface.
        interface: String,
    },
    /// The CPUs that an interrupt may go to, as a list such as `0-1,3`.
    InterruptCpus {
        /// Its number.
        interrupt: u32,
    },
    /// Reserved huge pages of 2 MiB.
    HugePages,
    /// `net.ipv4.igmp_max_memberships`: groups that one socket may join.
    IgmpMembershipsMax,
    /// `net.ipv4.igmp_max_msf`: sources that one socket may name for a group.
    IgmpSourcesMax,
    /// Microseconds that a CPU may take to leave its idle state; `n/a` allows none, `0` any.
    CpuResumeLatency {
        /// The CPU.
        cpu: usize,
    },
}

impl Setting {
    /// The file that holds it, below the root; none where `ethtool` shows it.
    pub(super) fn file(&self) -> Option<String> {
        Some(match self {
            Self::Offload { .. }
            | Self::Channels { .. }
            | Self::ReceiveRing { .. }
            | Self::AdaptiveReceive { .. }
            | Self::ReceiveDelay { .. }
            | Self::HashTable { .. } => return None,
            Self::NapiDeferHardIrqs { interface } => {
                format!("sys/class/net/{interface}/napi_defer_hard_irqs")
            }
            Self::GroFlushTimeout { interface } => {
                format!("sys/class/net/{interface}/gro_flush_timeout")
            }
            Self::InterruptCpus { interrupt } => format!("proc/irq/{interrupt}/smp_affinity_list"),
            Self::HugePages => "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages".to_owned(),
            Self::IgmpMembershipsMax => "proc/sys/net/ipv4/igmp_max_memberships".to_owned(),
            Self::IgmpSourcesMax => "proc/sys/net/ipv4/igmp_max_msf".to_owned(),
            Self::CpuResumeLatency { cpu } => {
                format!("sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us")
            }
        })
    }

    /// The interface that it belongs to.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        match self {
            Self::Offload { interface, .. }
            | Self::Channels { interface, .. }
            | Self::ReceiveRing { interface }
            | Self::AdaptiveReceive { interface }
            | Self::ReceiveDelay { interface }
            | Self::HashTable { interface }
            | Self::NapiDeferHardIrqs { interface }
            | Self::GroFlushTimeout { interface } => Some(interface),
            Self::InterruptCpus { .. }
            | Self::HugePages
            | Self::IgmpMembershipsMax
            | Self::IgmpSourcesMax
            | Self::CpuResumeLatency { .. } => None,
        }
    }

    /// The shell command that gives it this value.
    #[must_use]
    pub fn command(&self, value: &str) -> String {
        match self {
            Self::Offload { interface, feature } => {
                format!("ethtool -K {interface} {} {value}", feature.name())
            }
            Self::Channels { interface, queues } => {
                format!("ethtool -L {interface} {} {value}", queues.name())
            }
            Self::ReceiveRing { interface } => format!("ethtool -G {interface} rx {value}"),
            Self::AdaptiveReceive { interface } => {
                format!("ethtool -C {interface} adaptive-rx {value}")
            }
            Self::ReceiveDelay { interface } => format!("ethtool -C {interface} rx-usecs {value}"),
            Self::HashTable { interface } => {
                format!("ethtool -X {interface} weight {}", weights(value))
            }
            Self::IgmpMembershipsMax => {
                format!("sysctl -w net.ipv4.igmp_max_memberships={value}")
            }
            Self::IgmpSourcesMax => format!("sysctl -w net.ipv4.igmp_max_msf={value}"),
            _ => match self.file() {
                Some(file) => format!("echo {value} > /{file}"),
                None => String::new(),
            },
        }
    }

    /// Whether it names nothing that leads elsewhere than to a setting: interface names become parts of paths.
    pub(super) fn is_sound(&self) -> bool {
        self.interface().is_none_or(is_interface_name)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offload { interface, feature } => write!(f, "{interface} {}", feature.name()),
            Self::Channels { interface, queues } => {
                write!(f, "{interface} {} queues", queues.name())
            }
            Self::ReceiveRing { interface } => write!(f, "{interface} receive ring"),
            Self::AdaptiveReceive { interface } => write!(f, "{interface} adaptive-rx"),
            Self::ReceiveDelay { interface } => write!(f, "{interface} rx-usecs"),
            Self::HashTable { interface } => write!(f, "{interface} hash table"),
            Self::NapiDeferHardIrqs { interface } => write!(f, "{interface} napi_defer_hard_irqs"),
            Self::GroFlushTimeout { interface } => write!(f, "{interface} gro_flush_timeout"),
            Self::InterruptCpus { interrupt } => write!(f, "CPUs of interrupt {interrupt}"),
            Self::HugePages => f.write_str("huge pages of 2 MiB"),
            Self::IgmpMembershipsMax => f.write_str("igmp_max_memberships"),
            Self::IgmpSourcesMax => f.write_str("igmp_max_msf"),
            Self::CpuResumeLatency { cpu } => write!(f, "wake-up latency of CPU {cpu}"),
        }
    }
}

/// What a card does with packets it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Merges segments into large packets.
    LargeReceive,
    /// The same in the manner of GRO.
    HardwareGro,
    /// Takes off the VLAN tag.
    VlanStrip,
}

impl Feature {
    /// The kernel's name, which `ethtool -K` takes too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LargeReceive => "rx-lro",
            Self::HardwareGro => "rx-gro-hw",
            Self::VlanStrip => "rx-vlan-hw-parse",
        }
    }
}

/// Which queues are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueKind {
    /// Pairs of a receive and a send queue.
    Combined,
    /// Those that only receive.
    Receive,
}

impl QueueKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Receive => "rx",
        }
    }
}

/// A switch's value, as `ethtool` shows it.
pub(super) const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// How often each queue is in a table: what `ethtool -X` takes. It makes a table of its own from that.
fn weights(table: &str) -> String {
    let queues: Vec<usize> = table
        .split(' ')
        .filter_map(|queue| queue.parse().ok())
        .collect();
    let last = queues.iter().copied().max().unwrap_or(0).min(4096);
    let weights = (0..=last).map(|queue| queues.iter().filter(|of| **of == queue).count());
    weights
        .map(|weight| weight.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

/// As the kernel checks it (`dev_valid_name`).
fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() < libc::IFNAMSIZ
        && name != "."
        && name != ".."
        && !name.contains(['/', ':'])
        && !name.contains(char::is_whitespace)
        && !name.contains('\0')
}

/// What a setting shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// This value.
    Exactly(String),
    /// This number or more: what others asked for stays.
    AtLeast(u64),
}

impl Want {
    /// Whether `value` is what is wanted.
    #[must_use]
    pub fn is_met_by(&self, value: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == value,
            Self::AtLeast(wanted) => value.parse().is_ok_and(|value: u64| value >= *wanted),
        }
    }

    /// What is written where it is not met.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Exactly(value) => value.clone(),
            Self::AtLeast(value) => value.to_string(),
        }
    }
}

/// A setting, and what a stage wants of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The setting.
    pub setting: Setting,
    /// What it shall be.
    pub want: Want,
}

impl Wish {
    /// A setting of exactly this value.
    pub(super) fn exactly(setting: Setting, value: impl ToString) -> Self {
        let want = Want::Exactly(value.to_string());
        Self { setting, want }
    }

    /// A setting of this value or a larger one.
    pub(super) const fn at_least(setting: Setting, value: u64) -> Self {
        let want = Want::AtLeast(value);
        Self { setting, want }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_setting_is_remembered_as_itself() {
        for setting in [
            Setting::HugePages,
            Setting::InterruptCpus { interrupt: 45 },
            Setting::GroFlushTimeout {
                interface: "eth1".into(),
            },
        ] {
            let text = serde_json::to_string(&setting).unwrap();
            assert_eq!(serde_json::from_str::<Setting>(&text).unwrap(), setting);
        }
        for text in [
            r#"{"kind":"interrupt-cpus","interrupt":1,"path":"/etc"}"#,
            r#"{"kind":"file","path":"/etc"}"#,
        ] {
            assert!(serde_json::from_str::<Setting>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_lead_out_of_the_folder_of_interfaces_are_unsound() {
        for (name, sound) in [
            ("eth1", true),
            ("enp1s0f0v3.100", true),
            ("..", false),
            (".", false),
            ("", false),
            ("../../etc", false),
            ("a b", false),
            ("0123456789abcdef", false),
        ] {
            let setting = Setting::GroFlushTimeout {
                interface: name.into(),
            };
            assert_eq!(setting.is_sound(), sound, "{name}");
        }
    }

    #[test]
    fn commands_are_those_an_operator_would_type() {
        for (setting, value, command) in [
            (
                Setting::IgmpSourcesMax,
                "64",
                "sysctl -w net.ipv4.igmp_max_msf=64",
            ),
            (
                Setting::InterruptCpus { interrupt: 45 },
                "2",
                "echo 2 > /proc/irq/45/smp_affinity_list",
            ),
            (
                Setting::Offload {
                    interface: "eth1".into(),
                    feature: Feature::HardwareGro,
                },
                "off",
                "ethtool -K eth1 rx-gro-hw off",
            ),
            (
                Setting::HashTable {
                    interface: "eth1".into(),
                },
                "0 2 0 2",
                "ethtool -X eth1 weight 2 0 2",
            ),
            (
                Setting::CpuResumeLatency { cpu: 3 },
                "n/a",
                "echo n/a > /sys/devices/system/cpu/cpu3/power/pm_qos_resume_latency_us",
            ),
        ] {
            assert_eq!(setting.command(value), command);
        }
    }

    #[test]
    fn more_than_at_least_is_enough() {
        for (value, met) in [("9", false), ("10", true), ("11", true), ("x", false)] {
            assert_eq!(Want::AtLeast(10).is_met_by(value), met, "{value}");
        }
    }
}
