//! Settings of a network card, as `ethtool` reads and changes them (`SIOCETHTOOL`, linux/ethtool.h).
//!
//! Every command is a list of words of four bytes, whose first one is its number. They are about the interfaces of the
//! calling thread's network namespace. Reading needs no privilege, changing needs `CAP_NET_ADMIN`. Drivers round and refuse
//! as they like: who changes something reads it again.

use std::io;

use crate::ethtool;

use super::machine::Refusal;
use super::setting::{Feature, QueueKind, Setting, on_off};

/// A command that reads or changes numbers at fixed places.
struct Numbers {
    get: u32,
    set: u32,
    words: usize,
}

const CHANNELS: Numbers = Numbers {
    get: 0x3c,
    set: 0x3d,
    words: 9,
};
const RINGS: Numbers = Numbers {
    get: 0x10,
    set: 0x11,
    words: 9,
};
const COALESCING: Numbers = Numbers {
    get: 0x0e,
    set: 0x0f,
    words: 23,
};

/// Where a setting's number is in its command, and where the most that the card has.
struct Place {
    command: &'static Numbers,
    word: usize,
    most: Option<usize>,
}

impl Place {
    const fn of(setting: &Setting) -> Option<Self> {
        let (command, word, most) = match setting {
            Setting::Channels { queues, .. } => match queues {
                QueueKind::Receive => (&CHANNELS, 5, Some(1)),
                QueueKind::Combined => (&CHANNELS, 8, Some(4)),
            },
            Setting::ReceiveRing { .. } => (&RINGS, 5, Some(1)),
            Setting::ReceiveDelay { .. } => (&COALESCING, 1, None),
            Setting::AdaptiveReceive { .. } => (&COALESCING, 10, None),
            _ => return None,
        };
        Some(Self {
            command,
            word,
            most,
        })
    }

    fn words(&self, interface: &str) -> io::Result<Vec<u32>> {
        let mut words = vec![0; self.command.words];
        words[0] = self.command.get;
        call(interface, &mut words)?;
        Ok(words)
    }
}

/// The present value of a card's setting.
pub(super) fn read(setting: &Setting) -> Result<String, Refusal> {
    let name = setting.interface().unwrap_or_default();
    let value = match setting {
        Setting::Offload { feature, .. } => {
            Features::of(name).and_then(|features| Ok(on_off(features.is_on(*feature)?).to_owned()))
        }
        Setting::HashTable { .. } => ethtool::hash_table(name).map(|table| {
            let queues: Vec<String> = table.iter().map(u32::to_string).collect();
            queues.join(" ")
        }),
        _ => {
            let Some(place) = Place::of(setting) else {
                return Err(Refusal::Unsupported(format!(
                    "{setting} is no setting of a card"
                )));
            };
            place.words(name).map(|words| match setting {
                Setting::AdaptiveReceive { .. } => on_off(words[place.word] != 0).to_owned(),
                _ => words[place.word].to_string(),
            })
        }
    };
    value.map_err(|error| refusal(name, &error))
}

/// Gives a card's setting another value.
pub(super) fn write(setting: &Setting, value: &str) -> Result<(), Refusal> {
    let name = setting.interface().unwrap_or_default();
    let wrong = || Refusal::Refused(format!("{value:?} is no value for it"));
    let switch = || match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(wrong()),
    };
    let done = match setting {
        Setting::Offload { feature, .. } => {
            let on = switch()?;
            Features::of(name).and_then(|features| features.switch(name, *feature, on))
        }
        Setting::HashTable { .. } => {
            let table: Result<Vec<u32>, _> = value.split(' ').map(str::parse).collect();
            set_hash_table(name, &table.map_err(|_| wrong())?)
        }
        _ => {
            let place = Place::of(setting).ok_or_else(wrong)?;
            let number = match setting {
                Setting::AdaptiveReceive { .. } => u32::from(switch()?),
                _ => value.parse().map_err(|_| wrong())?,
            };
            // All of a command's numbers are set at once: the others stay as they are.
            place.words(name).and_then(|mut words| {
                words[0] = place.command.set;
                words[place.word] = number;
                call(name, &mut words)
            })
        }
    };
    done.map_err(|error| refusal(name, &error))
}

/// The largest number that a card's setting may have; `None` where the driver does not tell.
pub(super) fn most(setting: &Setting) -> Option<u32> {
    let place = Place::of(setting)?;
    let words = place.words(setting.interface()?).ok()?;
    Some(words[place.most?])
}

fn refusal(interface: &str, error: &io::Error) -> Refusal {
    match error.raw_os_error() {
        Some(libc::ENODEV) => Refusal::Missing(format!("there is no interface {interface}")),
        // ice refuses while RDMA holds queues, others while a socket or a program is bound to one.
        Some(libc::EBUSY) => Refusal::Refused(format!(
            "{error}: the card's queues are in use; stop the gateway, or unload what holds them (`rmmod irdma`)"
        )),
        _ => Refusal::of(error),
    }
}

/// The features of a card, 32 in each block.
struct Features {
    names: Vec<String>,
    /// Of each block, which are on.
    active: Vec<u32>,
}

impl Features {
    fn of(interface: &str) -> io::Result<Self> {
        const GET: u32 = 0x3a;
        let names = feature_names(interface)?;
        let blocks = names.len().div_ceil(32);
        // Command, number of blocks, and of each: available, requested, active, never changed.
        let mut words = vec![0; 2 + blocks * 4];
        (words[0], words[1]) = (GET, blocks as u32);
        call(interface, &mut words)?;
        Ok(Self {
            names,
            active: words[2..].chunks_exact(4).map(|block| block[2]).collect(),
        })
    }

    /// The block and the bit of a feature.
    fn place(&self, feature: Feature) -> io::Result<(usize, u32)> {
        let number = self.names.iter().position(|name| name == feature.name());
        let number = number.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
        Ok((number / 32, 1 << (number % 32)))
    }

    fn is_on(&self, feature: Feature) -> io::Result<bool> {
        let (block, bit) = self.place(feature)?;
        Ok(self.active.get(block).is_some_and(|on| on & bit != 0))
    }

    /// The kernel says nothing where the driver does not follow.
    fn switch(&self, interface: &str, feature: Feature, on: bool) -> io::Result<()> {
        const SET: u32 = 0x3b;
        let (block, bit) = self.place(feature)?;
        // Command, number of blocks, and of each: which are meant, and which of these shall be on.
        let mut words = vec![0; 2 + self.active.len() * 2];
        (words[0], words[1]) = (SET, self.active.len() as u32);
        words[2 + block * 2] = bit;
        words[3 + block * 2] = if on { bit } else { 0 };
        call(interface, &mut words)
    }
}

/// The kernel's names of features, by their numbers.
fn feature_names(interface: &str) -> io::Result<Vec<String>> {
    const GET_COUNTS: u32 = 0x37;
    const GET_NAMES: u32 = 0x1b;
    const FEATURES: u32 = 4;
    const NAME_BYTES: usize = 32;
    /// More than any kernel has.
    const COUNT_MAX: u32 = 1024;
    let [a, b, c, d, e, f, g, h] = (1_u64 << FEATURES).to_ne_bytes();
    // Command, nothing, a mask of 64 bits, and a count for each of its bits.
    let mut counts = [
        GET_COUNTS,
        0,
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
        0,
    ];
    call(interface, &mut counts)?;
    let count = counts[4];
    if count == 0 || count > COUNT_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut words = vec![0; 3 + count as usize * NAME_BYTES / 4];
    words[..3].copy_from_slice(&[GET_NAMES, FEATURES, count]);
    call(interface, &mut words)?;
    let bytes: Vec<u8> = words[3..].iter().flat_map(|w| w.to_ne_bytes()).collect();
    let text = |name: &[u8]| {
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    };
    Ok(bytes.chunks_exact(NAME_BYTES).map(text).collect())
}

fn set_hash_table(interface: &str, table: &[u32]) -> io::Result<()> {
    const SET: u32 = 0x39;
    // No entries would mean: as the driver likes.
    let entries = u32::try_from(table.len())
        .ok()
        .filter(|entries| *entries > 0)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let mut words = vec![SET, entries];
    words.extend(table);
    call(interface, &mut words)
}

/// `SIOCETHTOOL`. The list has as many words as its command reads and writes; those that have a count of their own (features,
/// names, entries) have it in one of the first three.
fn call(interface: &str, words: &mut [u32]) -> io::Result<()> {
    // SAFETY: every caller in this file gives a list as long as its command's structure in linux/ethtool.h.
    unsafe { ethtool::call(interface, words.as_mut_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn settings(interface: &str) -> Vec<Setting> {
        let interface = || interface.to_owned();
        let offload = |feature| Setting::Offload {
            interface: interface(),
            feature,
        };
        let channels = |queues| Setting::Channels {
            interface: interface(),
            queues,
        };
        vec![
            offload(Feature::LargeReceive),
            offload(Feature::HardwareGro),
            offload(Feature::VlanStrip),
            channels(QueueKind::Combined),
            channels(QueueKind::Receive),
            Setting::ReceiveRing {
                interface: interface(),
            },
            Setting::AdaptiveReceive {
                interface: interface(),
            },
            Setting::ReceiveDelay {
                interface: interface(),
            },
            Setting::HashTable {
                interface: interface(),
            },
        ]
    }

    #[test]
    fn an_interface_that_does_not_exist_is_missing() {
        for name in ["no-such-iface", "a-name-longer-than-any"] {
            for setting in settings(name) {
                let refused = read(&setting).unwrap_err();
                assert!(
                    matches!(refused, Refusal::Missing(_)),
                    "{setting}: {refused}"
                );
                assert_eq!(most(&setting), None);
            }
        }
    }

    /// Whatever interfaces this machine has: what is told is consistent, and nothing panics.
    #[test]
    fn what_this_machines_drivers_tell_is_read() {
        for name in crate::ingest::netdev::names() {
            for setting in settings(&name) {
                let Ok(value) = read(&setting) else { continue };
                match setting {
                    Setting::Offload { .. } | Setting::AdaptiveReceive { .. } => {
                        assert!(value == "on" || value == "off", "{setting}: {value}");
                    }
                    Setting::HashTable { .. } => {
                        assert!(value.split(' ').all(|queue| queue.parse::<u32>().is_ok()));
                    }
                    _ => {
                        let value: u32 = value.parse().unwrap();
                        assert!(most(&setting).is_none_or(|most| value <= most), "{setting}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for setting in settings("lo") {
            assert!(write(&setting, "sideways").is_err(), "{setting}");
        }
    }
}
