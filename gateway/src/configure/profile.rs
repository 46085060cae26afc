//! Profiles: what a machine shall be set to, as files that can be compared with `diff`.
//!
//! A key that is left out leaves its setting alone. The profiles in `config/profiles` are part of the program; another
//! one is read from its path.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What a machine shall be set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// `[offloads]`
    pub offloads: Offloads,
    /// `[channels]`
    pub channels: Channels,
    /// `[rings]`
    pub rings: Rings,
    /// `[coalescing]`
    pub coalescing: Coalescing,
    /// `[steering]`
    pub steering: Steering,
    /// `[interrupts]`
    pub interrupts: Interrupts,
    /// `[napi]`
    pub napi: Napi,
    /// `[huge_pages]`
    pub huge_pages: HugePages,
    /// `[igmp]`
    pub igmp: Igmp,
    /// `[cpu_latency]`
    pub cpu_latency: CpuLatency,
}

/// What the card does with packets before the driver has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Offloads {
    /// Merging of segments into large packets (LRO).
    pub large_receive: Option<bool>,
    /// The same by hardware in the manner of GRO.
    pub hardware_gro: Option<bool>,
    /// Taking off the VLAN tag.
    pub vlan_strip: Option<bool>,
}

/// How many queues there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Channels {
    /// Receive queues of an interface; as many as `queues` of the interface names where those are more.
    pub receive: Option<u32>,
}

/// How long a queue is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rings {
    /// Descriptors of a receive queue; the driver's most where that is less.
    pub receive: Option<u32>,
}

/// When the card interrupts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coalescing {
    /// Whether the driver chooses the delay by the load.
    pub adaptive: Option<bool>,
    /// Microseconds from a packet to its interrupt.
    pub receive_us: Option<u32>,
}

/// Which queue a packet is put on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steering {
    /// Whether packets are spread over polled queues only, where the interface names some.
    pub polled_queues_only: Option<bool>,
}

/// Where the queues' interrupts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// To the worker's core where it busy-polls, else to the housekeeping core.
    ByPolling,
    /// To the housekeeping core.
    Housekeeping,
}

/// Where the queues' interrupts go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interrupts {
    /// Which CPU they go to.
    pub place: Option<Place>,
}

/// How long interrupts stay off while a worker busy-polls. Both or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Napi {
    /// Consecutive polls that find nothing until interrupts are on again.
    pub defer_hard_irqs: Option<u32>,
    /// Microseconds after which the kernel polls a queue whose interrupt is off.
    pub gro_flush_timeout_us: Option<u64>,
}

/// Memory in pages of 2 MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HugePages {
    /// Whether as many are reserved as the configuration's packet memory, queues, order indices and books take.
    pub reserve: Option<bool>,
    /// MiB for other programs besides.
    pub others_mib: Option<u64>,
}

/// Limits of multicast memberships.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Igmp {
    /// Groups that a socket may join, at least.
    pub memberships_max: Option<u32>,
    /// Sources that a socket may name for a group, at least; the configuration's longest list where that is longer.
    pub sources_max: Option<u32>,
}

/// How deep the cores sleep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CpuLatency {
    /// Microseconds that a pinned core may take to wake up.
    pub wakeup_us_max: Option<u32>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is none of this name.
    #[error(
        "there is no profile {name:?}; give {}, or the path of a file",
        names()
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read profile {}: {source}; give {}, or the path of a file", path.display(), names())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has a mistake.
    #[error(
        "profile {name}: {what}; `gateway configure profile latency` prints one with every key"
    )]
    Invalid {
        /// Name or path.
        name: String,
        /// What is wrong, and where.
        what: String,
    },
}

/// The profiles that are part of the program, by name, as their files are.
pub const BUILT_IN: [(&str, &str); 3] = [
    (
        "latency",
        include_str!("../../../config/profiles/latency.toml"),
    ),
    (
        "balanced",
        include_str!("../../../config/profiles/balanced.toml"),
    ),
    (
        "shared-core",
        include_str!("../../../config/profiles/shared-core.toml"),
    ),
];

fn names() -> String {
    let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// The text of a profile, by name or by path: what has a `/` or a `.` is a path.
///
/// # Errors
/// [`ProfileError::Unknown`] or [`ProfileError::Unreadable`].
pub fn text(name: &str) -> Result<String, ProfileError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    if !name.contains(['/', '.']) {
        let name = name.to_owned();
        return Err(ProfileError::Unknown { name });
    }
    std::fs::read_to_string(Path::new(name)).map_err(|source| ProfileError::Unreadable {
        path: name.into(),
        source,
    })
}

impl Profile {
    /// The profile of this name or at this path.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn load(name: &str) -> Result<Self, ProfileError> {
        Self::parse(&text(name)?).map_err(|what| ProfileError::Invalid {
            name: name.to_owned(),
            what,
        })
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let within = |key: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(format!("{key} = {value} is not within {least} to {most}"))
            }
            _ => Ok(()),
        };
        let of = |value: Option<u32>| value.map(u64::from);
        within("channels.receive", of(self.channels.receive), 1, 1024)?;
        within("rings.receive", of(self.rings.receive), 64, 32768)?;
        within(
            "coalescing.receive_us",
            of(self.coalescing.receive_us),
            0,
            10_000,
        )?;
        within(
            "napi.defer_hard_irqs",
            of(self.napi.defer_hard_irqs),
            0,
            10_000,
        )?;
        within(
            "napi.gro_flush_timeout_us",
            self.napi.gro_flush_timeout_us,
            0,
            1_000_000,
        )?;
        within(
            "huge_pages.others_mib",
            self.huge_pages.others_mib,
            0,
            16 << 20,
        )?;
        within(
            "igmp.memberships_max",
            of(self.igmp.memberships_max),
            20,
            100_000,
        )?;
        within("igmp.sources_max", of(self.igmp.sources_max), 1, 100_000)?;
        within(
            "cpu_latency.wakeup_us_max",
            of(self.cpu_latency.wakeup_us_max),
            0,
            1_000_000,
        )?;
        let deferred = self.napi.defer_hard_irqs.map(|polls| polls > 0);
        let flushed = self.napi.gro_flush_timeout_us.map(|time| time > 0);
        if deferred != flushed {
            return Err(
                "napi.defer_hard_irqs and napi.gro_flush_timeout_us work together only: give both above 0, both as 0, \
                 or neither"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_profiles_of_the_program_are_right_and_differ() {
        let all: Vec<Profile> = BUILT_IN
            .iter()
            .map(|(name, _)| Profile::load(name).unwrap())
            .collect();
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }

    #[test]
    fn each_value_of_a_profile_has_its_reason_above_it() {
        for (name, text) in BUILT_IN {
            let mut explained = false;
            for line in text.lines() {
                if line.starts_with("# ") {
                    explained = true;
                } else if line.starts_with('[') || line.is_empty() {
                    explained = false;
                } else {
                    assert!(explained, "{name}: no reason for {line}");
                    explained = false;
                }
            }
        }
    }

    #[test]
    fn mistakes_are_told_with_key_and_remedy() {
        for (text, says) in [
            ("[rings]\nrecieve = 9", "recieve"),
            ("[rings]\nreceive = 9", "rings.receive = 9"),
            ("[napi]\ndefer_hard_irqs = 2", "together"),
            (
                "[napi]\ndefer_hard_irqs = 2\ngro_flush_timeout_us = 0",
                "together",
            ),
            ("[interrupts]\nplace = \"here\"", "here"),
            ("x", "line 1"),
        ] {
            let error = Profile::parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(Profile::parse("").unwrap(), Profile::default());
        assert!(matches!(
            Profile::load("fast"),
            Err(ProfileError::Unknown { .. })
        ));
        assert!(matches!(
            Profile::load("./no-such.toml"),
            Err(ProfileError::Unreadable { .. })
        ));
    }
}
