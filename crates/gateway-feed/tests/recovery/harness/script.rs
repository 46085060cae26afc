//! A schedule as bytes: what the random run draws, the fuzzer makes up, and a fixture has as text.
//!
//! Whatever the bytes, they are a schedule: [`Setup`] and [`Step`] read them. A byte of 0 stands for the plainest thing, so
//! that what fails can be made smaller without knowing what it means.

use std::fmt;
use std::str::FromStr;

use gateway_feed::arbitration::{ArbiterConfig, OnGap};
use gateway_feed::recovery::Ask;
use gateway_sim::recovery::glimpse::GlimpseFaults;
use gateway_sim::recovery::rerequest::RerequestFaults;

const SETUP_BYTES: usize = 20;
const STEP_BYTES: usize = 8;
/// Steps of a drawn schedule.
const STEPS_MAX: u64 = 90;
pub(crate) const US: u64 = 1_000;
pub(crate) const MS: u64 = 1_000_000;

/// A schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) setup: [u8; SETUP_BYTES],
    pub(crate) steps: Vec<[u8; STEP_BYTES]>,
}

impl Script {
    /// The schedule that any bytes stand for.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut script = Self::default();
        let (setup, steps) = bytes.split_at(bytes.len().min(SETUP_BYTES));
        script.setup[..setup.len()].copy_from_slice(setup);
        script.steps = steps.as_chunks().0.to_vec();
        script
    }

    /// The schedule of a seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let mut script = Self::default();
        script.setup.fill_with(|| random.next() as u8);
        let steps = 1 + random.next() % STEPS_MAX;
        script.steps = (0..steps).map(|_| random.next().to_le_bytes()).collect();
        script
    }

    pub(crate) fn read_setup(&self) -> Setup {
        Setup::read(&self.setup)
    }

    pub(crate) fn read_steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.steps.iter().map(Step::read)
    }
}

/// The generator of Steele, Lea and Flood: small, and the same for ever.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A line of hexadecimal digits for the setup, one for each step, with what they mean behind `#`.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        writeln!(f, "{} # {:?}", digits(&self.setup), self.read_setup())?;
        for (bytes, step) in self.steps.iter().zip(self.read_steps()) {
            writeln!(f, "{} # {step:?}", digits(bytes))?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::new();
        for line in text.lines() {
            let digits = line.split('#').next().unwrap_or_default().trim();
            if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
                return Err(format!("no hexadecimal digits in pairs: {digits:?}"));
            }
            for at in (0..digits.len()).step_by(2) {
                let byte = u8::from_str_radix(&digits[at..at + 2], 16);
                bytes.push(byte.map_err(|error| format!("{digits:?}: {error}"))?);
            }
        }
        let whole =
            bytes.len() >= SETUP_BYTES && (bytes.len() - SETUP_BYTES).is_multiple_of(STEP_BYTES);
        whole
            .then(|| Self::from_bytes(&bytes))
            .ok_or_else(|| format!("{} bytes are no schedule", bytes.len()))
    }
}

/// What the two ends of recovery are like.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Whatever is lost can be had again, and there is time and room for it.
    pub(crate) benign: bool,
    pub(crate) on_gap: OnGap,
    pub(crate) snapshots: bool,
    pub(crate) ask: Ask,
    pub(crate) rerequest: Vec<RerequestFaults>,
    pub(crate) glimpse: Vec<GlimpseFaults>,
    /// The messages that re-request servers keep.
    pub(crate) history: usize,
    /// The first number of the first session.
    pub(crate) first: u64,
    /// What the session's names begin with.
    pub(crate) name: &'static str,
    /// Messages before anybody listened.
    pub(crate) silent: u64,
    pub(crate) hold_timeout_ns: u64,
    pub(crate) hold_packets_max: usize,
    pub(crate) recover_timeout_ns: u64,
    pub(crate) recover_packets_max: usize,
    pub(crate) recover_bytes_max: usize,
    /// What the channel between control plane and worker takes.
    pub(crate) supplies_max: usize,
    pub(crate) request_messages_max: u16,
    pub(crate) requests_outstanding_max: usize,
    pub(crate) attempts_max: u32,
    pub(crate) hole_messages_max: u64,
    pub(crate) requests_per_second: u32,
    /// Decides what the simulated servers draw.
    pub(crate) seed: u64,
    /// Which day the exchange has.
    pub(crate) day: usize,
    /// Packets come that belong to no stream of the exchange.
    pub(crate) strays: bool,
    /// Packets may be later than the hold time. Then there are no heartbeats but those that both lines bring on time: one
    /// whose copy is later than that is a restart of the numbers by definition.
    pub(crate) late: bool,
    /// Answers come on a line of their own, and servers say only whether they send any.
    pub(crate) on_lines: bool,
    /// Messages become records, too.
    pub(crate) decodes: bool,
}

impl Setup {
    /// What becomes of a packet that was to have `fates`.
    pub(crate) fn limited(&self, fates: [Fate; 2]) -> [Fate; 2] {
        let latest = if self.late {
            u64::MAX
        } else {
            self.hold_timeout_ns.max(100 * US) - 1
        };
        fates.map(|fate| fate.map(|delay| delay.map(|delay: u64| delay.min(latest))))
    }
}

fn pick<T: Copy>(byte: u8, of: &[T]) -> T {
    of[usize::from(byte) % of.len()]
}

impl Setup {
    fn read(bytes: &[u8; SETUP_BYTES]) -> Self {
        let &[
            mode,
            servers,
            faults_0,
            faults_1,
            faults_2,
            glimpse_0,
            glimpse_1,
            history,
            start,
            name,
            hold,
            timeout,
            packets,
            supplies,
            requests,
            attempts,
            seed,
            day,
            flags,
            room,
        ] = bytes;
        let benign = mode % 8 < 3;
        let on_gap = if mode % 8 < 6 {
            OnGap::Recover
        } else {
            OnGap::Continue
        };
        let rerequest_count = usize::from(servers & 3).max(usize::from(benign));
        let glimpse_count = usize::from(servers >> 2 & 3) % 3;
        let rerequest = [faults_0, faults_1, faults_2].map(rerequest_faults);
        let rerequest = rerequest.into_iter().enumerate().map(|(index, faults)| {
            // The first one answers at times, whatever is wrong with it.
            if benign && index == 0 {
                mended(faults)
            } else {
                faults
            }
        });
        let (first, silent) = match start % 8 {
            0..4 => (1, 0),
            4 => (1_000, 0),
            5 => (u64::MAX - 400, 0),
            6 => (1, 120),
            _ => (u64::MAX - 500, 60),
        };
        let recover_packets_max = pick(packets, &[256, 4, 16, 1, 64, 0]);
        let recover_bytes_max = if room % 4 == 3 {
            300 * recover_packets_max
        } else {
            ArbiterConfig::hold_bytes_for(recover_packets_max)
        };
        let setup = Self {
            benign,
            on_gap,
            snapshots: servers & 32 != 0,
            ask: if servers & 16 != 0 {
                Ask::All
            } else {
                Ask::InTurn
            },
            rerequest: rerequest.take(rerequest_count).collect(),
            glimpse: [glimpse_0, glimpse_1]
                .into_iter()
                .map(glimpse_faults)
                .take(glimpse_count)
                .collect(),
            history: pick(history, &[usize::MAX, usize::MAX, 64, 10]),
            first,
            name: pick(name, &["S", " A ", "  ", "NAME  "]),
            silent,
            hold_timeout_ns: pick(hold, &[MS, 0, 200 * US, 5 * MS]),
            hold_packets_max: pick(hold >> 2, &[64, 2, 8, 0]),
            recover_timeout_ns: pick(timeout, &[50 * MS, 5 * MS, 500 * MS, MS]),
            recover_packets_max,
            recover_bytes_max,
            supplies_max: 1 + usize::from(supplies % 8),
            request_messages_max: pick(requests, &[1_000, 3, 20, 1]),
            requests_outstanding_max: pick(requests >> 2, &[8, 1, 2]),
            attempts_max: pick(attempts, &[6, 1, 3]),
            hole_messages_max: pick(attempts >> 2, &[100_000, 12]),
            requests_per_second: pick(attempts >> 4, &[10_000, 500]),
            seed: u64::from(seed),
            day: usize::from(day),
            strays: false,
            late: flags & 2 != 0,
            on_lines: flags & 192 == 64,
            decodes: flags & 4 == 0,
        };
        let mut setup = setup;
        if setup.first > 1 {
            // A lie that is less than `LEAP_MESSAGES` ahead of the lines, because no number is higher, is no lie to them.
            setup
                .glimpse
                .iter_mut()
                .for_each(|faults| faults.wrong_end = 0.0);
        }
        if !benign {
            return setup;
        }
        Self {
            history: usize::MAX,
            recover_timeout_ns: 1_000_000 * MS,
            recover_packets_max: 1_024,
            recover_bytes_max: 1_024 * 512,
            attempts_max: 1_000,
            hole_messages_max: u64::MAX,
            requests_per_second: 10_000,
            strays: flags & 1 != 0 && setup.first == 1,
            ..setup
        }
    }
}

fn rerequest_faults(byte: u8) -> RerequestFaults {
    let (other_session, other_range, cut, garbage) = match byte >> 2 & 3 {
        0 | 1 => (0.0, 0.0, 0.0, 0.0),
        2 => (0.1, 0.1, 0.2, 0.1),
        _ => (0.3, 0.4, 0.5, 1.0),
    };
    RerequestFaults {
        loss: [0.0, 0.1, 0.4, 1.0][usize::from(byte & 3)],
        other_session,
        other_range,
        cut,
        garbage,
        duplicate: if byte & 16 != 0 { 0.5 } else { 0.0 },
        delay_ns: [0, 300 * US, 2 * MS, 7 * MS][usize::from(byte >> 5 & 3)],
        jitter_ns: if byte & 128 != 0 { 4 * MS } else { 0 },
    }
}

fn mended(faults: RerequestFaults) -> RerequestFaults {
    RerequestFaults {
        loss: faults.loss.min(0.4),
        garbage: faults.garbage.min(0.3),
        // Within the time for which an answer is waited for.
        delay_ns: faults.delay_ns.min(2 * MS),
        jitter_ns: faults.jitter_ns.min(2 * MS),
        ..faults
    }
}

fn glimpse_faults(byte: u8) -> GlimpseFaults {
    let none = GlimpseFaults::default();
    match byte & 15 {
        0..4 => none,
        4 => GlimpseFaults {
            silent_first: 1,
            ..none
        },
        5 => GlimpseFaults {
            refuse_first: 2,
            ..none
        },
        6 => GlimpseFaults {
            drop_first: 2,
            ..none
        },
        7 => GlimpseFaults {
            refuse_first: 1,
            drop_first: 2,
            ..none
        },
        8 => GlimpseFaults {
            silent: 0.3,
            refuse: 0.3,
            drop: 0.3,
            ..none
        },
        9 => GlimpseFaults { stall: 0.4, ..none },
        10 => GlimpseFaults {
            garbage: 0.5,
            ..none
        },
        11 => GlimpseFaults {
            wrong_end: 0.5,
            ..none
        },
        12 => GlimpseFaults {
            wrong_end: 1.0,
            ..none
        },
        13 => GlimpseFaults {
            refuse: 1.0,
            ..none
        },
        14 => GlimpseFaults {
            messages_per_s: Some(2_000.0),
            ..none
        },
        _ => GlimpseFaults {
            messages_per_s: Some(5_000.0),
            drop: 0.3,
            ..none
        },
    }
}

/// What a line does to a packet: how late it and its copy come, if they come.
pub(crate) type Fate = [Option<u64>; 2];

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A packet with so many messages; on one line it is cut, if that is said.
    Data {
        messages: u8,
        fates: [Fate; 2],
        cut: Option<u8>,
    },
    Heartbeat {
        fates: [Fate; 2],
    },
    /// So many packets that no line brings.
    Lost {
        packets: u8,
    },
    /// So many packets at once, which both lines bring.
    Burst {
        packets: u8,
    },
    EndOfSession,
    /// Without a word, or behind an end of the session.
    NewSession {
        abrupt: bool,
    },
    Restart,
    /// Nothing for a while.
    Pause {
        ns: u64,
    },
    /// A server is not there any longer, or again.
    Switch {
        server: u8,
    },
    /// The clock steps by so many nanoseconds.
    Clock {
        ns: i64,
    },
    /// Nothing gets from the control plane to the worker, or back, for a while.
    Blocked {
        ns: u64,
    },
    /// A reader has lost records, and wants a snapshot.
    Refresh,
    /// A packet that belongs to no stream of the exchange.
    Stray {
        foreign: bool,
        line: u8,
        messages: u8,
    },
    /// Bytes that are no packet.
    Garbage {
        line: u8,
        bytes: u8,
    },
}

impl Step {
    fn read(bytes: &[u8; STEP_BYTES]) -> Self {
        let &[kind, size, _, a, copy_a, b, copy_b, more] = bytes;
        let fates = [fate(a, copy_a), fate(b, copy_b)];
        let back = if more & 1 == 0 { -1 } else { 1 };
        let data = |cut| Self::Data {
            messages: 1 + size % 6,
            fates,
            cut,
        };
        match kind {
            150..160 => Self::Heartbeat { fates },
            160..162 => Self::EndOfSession,
            162..166 => Self::NewSession {
                abrupt: size & 1 == 1,
            },
            166..168 => Self::Restart,
            168..180 => Self::Lost {
                packets: 1 + size % 32,
            },
            180..188 => Self::Pause {
                ns: u64::from(size) * MS / 2,
            },
            188..198 => Self::Switch { server: size % 5 },
            198..203 => Self::Clock {
                ns: back * i64::from(size) * 40 * MS as i64,
            },
            203..213 => Self::Blocked {
                ns: u64::from(size) * 200 * US,
            },
            213..218 => Self::Stray {
                foreign: size & 1 == 1,
                line: more & 1,
                messages: size >> 1 & 3,
            },
            218..224 => data(Some(more & 1)),
            224..228 => Self::Garbage {
                line: more & 1,
                bytes: size,
            },
            228..240 => Self::Burst {
                packets: 1 + size % 24,
            },
            240..243 => Self::Refresh,
            _ => data(None),
        }
    }

    /// The time between this step and the one before.
    pub(crate) fn pause_ns(bytes: &[u8; STEP_BYTES]) -> u64 {
        match bytes[2] {
            quick @ 0..128 => u64::from(quick) * US,
            slow => u64::from(slow - 127) * 30 * US,
        }
    }
}

fn fate(byte: u8, copy: u8) -> Fate {
    let delay = |byte: u8| match byte {
        0..130 => 7 * US,
        130..170 => u64::from(byte - 129) * 10 * US,
        _ => u64::from(byte - 169) * 60 * US,
    };
    let first = (byte < 200).then(|| delay(byte));
    let second = (copy >= 235).then(|| delay(copy - 80));
    [first, second]
}
