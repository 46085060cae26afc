#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::configure::setting::{Feature, QueueKind};

/// A machine in memory. A write may be refused, rounded, have another setting follow it, or be the last thing that this
/// process ever did.
#[derive(Clone, Debug, Default)]
struct Fake {
    values: BTreeMap<Setting, String>,
    refuses: BTreeSet<Setting>,
    rounds: BTreeSet<Setting>,
    /// What a change of the key does besides.
    follows: BTreeMap<Setting, (Setting, String)>,
    /// What a number may be at most.
    most: BTreeMap<Setting, u32>,
    /// Writes until the process is killed, before it writes or just after.
    dies_after: Option<(usize, bool)>,
    writes: usize,
}

impl Machine for Fake {
    fn read(&self, setting: &Setting) -> Result<String, Refusal> {
        let value = self.values.get(setting).cloned();
        value.ok_or_else(|| Refusal::Missing("no such thing".into()))
    }

    fn write(&mut self, setting: &Setting, value: &str) -> Result<(), Refusal> {
        self.writes += 1;
        let dies = self.dies_after.filter(|(writes, _)| *writes == self.writes);
        if dies.is_some_and(|(_, done)| !done) {
            panic!("killed");
        }
        if self.refuses.contains(setting) {
            return Err(Refusal::Unsupported("fixed".into()));
        }
        let mut value = value.to_owned();
        if self.rounds.contains(setting)
            && let Ok(number) = value.parse::<u64>()
        {
            value = number.next_multiple_of(4).to_string();
        }
        self.values.insert(setting.clone(), value);
        if let Some((other, becomes)) = self.follows.get(setting) {
            self.values.insert(other.clone(), becomes.clone());
        }
        if dies.is_some() {
            panic!("killed");
        }
        Ok(())
    }

    fn most(&self, setting: &Setting) -> Option<u32> {
        self.most.get(setting).copied()
    }

    fn interrupts(&self, interface: &str) -> Vec<u32> {
        vec![if interface == "eth1" { 41 } else { 42 }]
    }

    fn receive_queues(&self, _: &str) -> Option<u32> {
        Some(1)
    }

    fn runs(&self, _: &str) -> bool {
        false
    }

    fn boot(&self) -> String {
        "boot".into()
    }
}

const CONFIG: &str = r#"
[gateway]
housekeeping_core = 0
[[interface]]
name = "eth1"
[[interface]]
name = "eth2"
busy_poll = false
[[worker]]
name = "w0"
core = 2
inputs = ["eth1", "eth2"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{ group = "239.1.1.1", port = 5001, sources = ["10.0.0.1"] }]
[[queue]]
name = "all"
channels = ["itch"]
"#;

fn config() -> Config {
    crate::config::parse(CONFIG, Path::new(".")).unwrap()
}

fn napi(interface: &str) -> [Setting; 2] {
    let interface = interface.to_owned();
    [
        Setting::NapiDeferHardIrqs {
            interface: interface.clone(),
        },
        Setting::GroFlushTimeout { interface },
    ]
}

/// Settings of a card.
fn card(interface: &str) -> Vec<(Setting, &'static str)> {
    let interface = || interface.to_owned();
    let offload = |feature| Setting::Offload {
        interface: interface(),
        feature,
    };
    vec![
        (offload(Feature::LargeReceive), "on"),
        (offload(Feature::HardwareGro), "off"),
        (offload(Feature::VlanStrip), "on"),
        (
            Setting::Channels {
                interface: interface(),
                queues: QueueKind::Combined,
            },
            "4",
        ),
        (
            Setting::ReceiveRing {
                interface: interface(),
            },
            "256",
        ),
        (
            Setting::AdaptiveReceive {
                interface: interface(),
            },
            "on",
        ),
        (
            Setting::ReceiveDelay {
                interface: interface(),
            },
            "3",
        ),
    ]
}

/// Every setting that some profile touches, with values that no profile wants.
fn machine() -> Fake {
    let mut fake = Fake::default();
    for setting in napi("eth1") {
        fake.values.insert(setting, "7".into());
    }
    for interface in ["eth1", "eth2"] {
        for (setting, value) in card(interface) {
            match setting {
                Setting::Channels { .. } => fake.most.insert(setting.clone(), 8),
                Setting::ReceiveRing { .. } => fake.most.insert(setting.clone(), 512),
                _ => None,
            };
            fake.values.insert(setting, value.into());
        }
    }
    for (setting, value) in [
        (Setting::InterruptCpus { interrupt: 41 }, "0-3"),
        (Setting::InterruptCpus { interrupt: 42 }, "1"),
        (Setting::HugePages, "3"),
        (Setting::IgmpMembershipsMax, "10"),
        (Setting::IgmpSourcesMax, "10"),
        (Setting::CpuResumeLatency { cpu: 2 }, "0"),
    ] {
        fake.values.insert(setting, value.into());
    }
    fake
}

struct Bench {
    folder: tempfile::TempDir,
    config: Config,
}

impl Bench {
    fn new() -> Self {
        Self {
            // In memory where that is to be had: the journal flushes each change.
            folder: tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
            config: config(),
        }
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.folder.path().join("state.json"), "boot".into()).unwrap()
    }

    fn init(&self, machine: &mut Fake, profile: &str) -> (Summary, Vec<Line>) {
        let profile = Profile::load(profile).unwrap();
        let target = Target {
            config: &self.config,
            profile: &profile,
            stages: &[],
        };
        let mut lines = Vec::new();
        let mut journal = self.journal();
        let mut tell = |line: &Line| lines.push(line.clone());
        let summary = Engine::new(machine, &mut journal, &mut tell)
            .init(target)
            .unwrap();
        (summary, lines)
    }

    fn check(&self, machine: &mut Fake, profile: &str) -> Summary {
        let profile = Profile::load(profile).unwrap();
        let target = Target {
            config: &self.config,
            profile: &profile,
            stages: &[],
        };
        let mut journal = self.journal();
        Engine::new(machine, &mut journal, &mut |_| {}).check(target)
    }

    fn fini(&self, machine: &mut Fake, force: bool) -> Summary {
        let mut journal = self.journal();
        Engine::new(machine, &mut journal, &mut |_| {})
            .fini(force)
            .unwrap()
    }

    fn has_state(&self) -> bool {
        self.folder.path().join("state.json").exists()
    }
}

#[test]
fn init_sets_what_is_wanted_and_a_second_one_nothing() {
    let (bench, mut machine) = (Bench::new(), machine());
    let before = machine.values.clone();
    let (summary, lines) = bench.init(&mut machine, "latency");
    assert!(summary.changed >= 7 && summary.refused == 0, "{lines:?}");
    let [defer, flush] = napi("eth1");
    for (setting, value) in [
        (defer, "100"),
        (flush, "200000"),
        (Setting::CpuResumeLatency { cpu: 2 }, "n/a"),
        (Setting::IgmpMembershipsMax, "20"),
        (Setting::IgmpSourcesMax, "64"),
        (Setting::InterruptCpus { interrupt: 42 }, "0"),
        (
            Setting::Channels {
                interface: "eth1".into(),
                queues: QueueKind::Combined,
            },
            "1",
        ),
        // As many as the card can have.
        (
            Setting::ReceiveRing {
                interface: "eth2".into(),
            },
            "512",
        ),
    ] {
        assert_eq!(machine.values[&setting], value, "{setting}");
    }
    let pages: u64 = machine.values[&Setting::HugePages].parse().unwrap();
    // Two interfaces of 24 MiB, and an index of a million orders of 40 bytes.
    assert_eq!(pages, 12 + 12 + 20);

    assert_eq!(bench.check(&mut machine, "latency").differing, 0);
    let writes = machine.writes;
    let (again, _) = bench.init(&mut machine, "latency");
    assert_eq!((again.changed, machine.writes), (0, writes));

    let back = bench.fini(&mut machine, false);
    assert_eq!((back.refused, back.foreign), (0, 0));
    assert_eq!(machine.values, before);
    assert!(!bench.has_state());
    assert_eq!(bench.fini(&mut machine, false), Summary::default());
}

#[test]
fn another_profile_puts_back_what_it_does_not_want_and_keeps_the_first_values() {
    let (bench, mut machine) = (Bench::new(), machine());
    let before = machine.values.clone();
    bench.init(&mut machine, "latency");
    bench.init(&mut machine, "shared-core");
    let kept = Setting::CpuResumeLatency { cpu: 2 };
    assert_eq!(machine.values[&kept], before[&kept]);
    assert_eq!(machine.values[&Setting::HugePages], "3");
    assert_eq!(machine.values[&napi("eth1")[0]], "0");
    bench.fini(&mut machine, false);
    assert_eq!(machine.values, before);
}

#[test]
fn what_a_driver_refuses_is_told_and_the_rest_is_done() {
    let (bench, mut machine) = (Bench::new(), machine());
    let [defer, flush] = napi("eth1");
    machine.refuses.insert(defer.clone());
    machine.values.remove(&flush);
    let (summary, lines) = bench.init(&mut machine, "latency");
    assert_eq!(summary.refused, 2, "{lines:?}");
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.outcome == Outcome::Refused)
        .collect();
    assert!(refused.iter().all(|line| line.cause.is_some()));
    assert_eq!(machine.values[&Setting::IgmpSourcesMax], "64");
    assert_eq!(machine.values[&defer], "7");
    let check = bench.check(&mut machine, "latency");
    assert_eq!((check.differing, check.refused), (1, 1));
}

#[test]
fn what_somebody_else_has_changed_since_is_left_alone_unless_forced() {
    let (bench, mut machine) = (Bench::new(), machine());
    let before = machine.values.clone();
    bench.init(&mut machine, "latency");
    machine.values.insert(Setting::IgmpSourcesMax, "128".into());
    // More than wanted is as wanted.
    assert_eq!(bench.check(&mut machine, "latency").differing, 0);
    assert_eq!(bench.fini(&mut machine, false).foreign, 1);
    assert_eq!(machine.values[&Setting::IgmpSourcesMax], "128");
    assert!(bench.has_state());
    assert_eq!(bench.fini(&mut machine, true).foreign, 0);
    assert_eq!(machine.values, before);
}

#[test]
fn a_dry_run_changes_nothing_and_prints_commands() {
    let (bench, mut machine) = (Bench::new(), machine());
    let before = machine.values.clone();
    let profile = Profile::load("latency").unwrap();
    let mut script = Vec::new();
    let mut journal = bench.journal();
    let mut tell = |line: &Line| script.push(line.as_script());
    let mut engine = Engine::new(&mut machine, &mut journal, &mut tell);
    engine.dry_run = true;
    engine
        .init(Target {
            config: &bench.config,
            profile: &profile,
            stages: &["igmp".to_owned()],
        })
        .unwrap();
    assert_eq!(
        script,
        [
            "sysctl -w net.ipv4.igmp_max_memberships=20",
            "sysctl -w net.ipv4.igmp_max_msf=64"
        ]
    );
    assert_eq!((machine.values, machine.writes), (before, 0));
    assert!(!bench.has_state());
}

#[test]
fn an_interface_that_is_gone_is_nothing_to_put_back() {
    let (bench, mut machine) = (Bench::new(), machine());
    bench.init(&mut machine, "latency");
    for setting in napi("eth1") {
        machine.values.remove(&setting);
    }
    let summary = bench.fini(&mut machine, false);
    assert_eq!((summary.refused, summary.foreign), (0, 0));
    assert!(!bench.has_state());
}

/// Those of two cards, and the machine's.
const SETTINGS: usize = 2 * 7 + 8;

fn profile_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["latency", "balanced", "shared-core"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From any state of the machine, by any sequence of profiles, with refusals, rounding and changes that bring others
    /// with them, killed before or after any write, also while it puts things back.
    #[test]
    fn fini_restores_any_state_after_any_interruption(
        numbers in prop::collection::vec(0_u64..200, SETTINGS),
        refused in prop::collection::vec(prop::bool::weighted(0.2), SETTINGS),
        rounded in prop::collection::vec(any::<bool>(), SETTINGS),
        follows in prop::option::of((0_usize..4, 0_usize..4)),
        profiles in prop::collection::vec((profile_name(), prop::option::of((1_usize..20, any::<bool>()))), 1..4),
        dying_fini in prop::option::of((1_usize..20, any::<bool>())),
    ) {
        let bench = Bench::new();
        let mut machine = machine();
        let settings: Vec<Setting> = machine.values.keys().cloned().collect();
        prop_assert_eq!(settings.len(), SETTINGS);
        for (index, setting) in settings.iter().enumerate() {
            machine.values.insert(setting.clone(), numbers[index].to_string());
            if refused[index] {
                machine.refuses.insert(setting.clone());
            }
            // Only values that the driver itself would have made are put back exactly.
            if rounded[index] {
                let value = numbers[index].next_multiple_of(4);
                machine.values.insert(setting.clone(), value.to_string());
                machine.rounds.insert(setting.clone());
            }
        }
        // What every profile wants: what none looks at nobody can put back.
        let [defer, flush] = napi("eth1");
        let always = [defer, flush, Setting::IgmpMembershipsMax, Setting::IgmpSourcesMax];
        if let Some((from, to)) = follows && from < to {
            let (from, to) = (always[from].clone(), always[to].clone());
            machine.follows.insert(from, (to, "0".into()));
        }
        let before = machine.values.clone();
        let run = |machine: &mut Fake, dies: Option<(usize, bool)>, act: &dyn Fn(&mut Fake)| {
            machine.writes = 0;
            machine.dies_after = dies;
            let survived = catch_unwind(AssertUnwindSafe(|| act(machine))).is_ok();
            machine.dies_after = None;
            survived
        };
        for (profile, dies) in profiles {
            run(&mut machine, dies, &|machine| {
                bench.init(machine, profile);
            });
        }
        run(&mut machine, dying_fini, &|machine| {
            bench.fini(machine, true);
        });
        bench.fini(&mut machine, true);
        // What follows another setting and refuses to be written itself cannot be put back by anybody.
        let lost = machine.follows.values().map(|(to, _)| to.clone())
            .find(|to| machine.refuses.contains(to));
        for (setting, value) in &before {
            if Some(setting) != lost.as_ref() {
                prop_assert_eq!(&machine.values[setting], value, "{}", setting);
            }
        }
    }
}
