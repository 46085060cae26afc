//! A machine that a test makes up: one on which every check is content, and whatever a case changes about it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::checks::ALL;
use super::device::Refusal;
use super::{
    ClockState, Counters, Device, Examination, Files, Findings, LinkState, Outcome, System,
    VirtualFunction, Wants,
};
use crate::ethtool;
use crate::ingest::netdev::{Napi, XdpFeatures};
use crate::ingest::{Facts, Features};

/// Files out of memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeFiles {
    files: BTreeMap<String, Vec<u8>>,
    targets: BTreeMap<String, String>,
}

impl FakeFiles {
    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.as_bytes().to_vec());
    }

    pub(crate) fn put_bytes(&mut self, path: &str, bytes: &[u8]) {
        self.files.insert(path.to_owned(), bytes.to_vec());
    }

    pub(crate) fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.files
            .retain(|file, _| file != path && !file.starts_with(&below));
        self.targets
            .retain(|file, _| file != path && !file.starts_with(&below));
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.targets.insert(path.to_owned(), target.to_owned());
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Files for FakeFiles {
    fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(missing)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let below = format!("{}/", path.trim_end_matches('/'));
        let names: BTreeSet<String> = self
            .files
            .keys()
            .chain(self.targets.keys())
            .filter_map(|file| {
                file.strip_prefix(&below)?
                    .split('/')
                    .next()
                    .map(str::to_owned)
            })
            .collect();
        if names.is_empty() {
            Err(missing())
        } else {
            Ok(names.into_iter().collect())
        }
    }

    fn target(&self, path: &str) -> io::Result<String> {
        self.targets.get(path).cloned().ok_or_else(missing)
    }
}

/// What a driver says that does not have a thing.
pub(crate) fn unsupported<T>() -> Result<T, Refusal> {
    Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP).into())
}

/// All that an examination reads.
pub(crate) struct Bench {
    pub(crate) files: FakeFiles,
    pub(crate) system: System,
    pub(crate) wants: Wants,
    pub(crate) device: Device,
    pub(crate) before: Counters,
    pub(crate) after: Counters,
    pub(crate) host: bool,
}

impl Bench {
    /// One on which every check is content, or skipped for want of traffic.
    pub(crate) fn good() -> Self {
        let mut wants = Wants::defaults("eth1");
        wants.configured = true;
        wants.cores = BTreeSet::from([2]);
        wants.housekeeping_core = Some(0);
        wants.groups = (1..=8)
            .map(|n| ([239, 1, 1, n].into(), BTreeSet::new()))
            .collect();
        let mut bench = Self {
            files: FakeFiles::default(),
            system: System {
                kernel: "6.18.1-amd64".into(),
                clock: Ok(ClockState {
                    synchronised: true,
                    error_max_us: 3,
                    error_estimated_us: 1,
                }),
                kernel_log: Ok("[    0.0] Linux version 6.18.1\n".into()),
                uptime_s: 100_000,
                socket_errno: None,
                missing_capabilities: vec![],
                jitter: None,
                probe: None,
            },
            wants,
            device: device(),
            before: Counters {
                ticks: Some((1000, 0)),
                ..Counters::default()
            },
            after: Counters {
                ticks: Some((1200, 0)),
                ..Counters::default()
            },
            host: false,
        };
        for (path, text) in FILES {
            bench.files.put(path, text);
        }
        bench
            .files
            .link("/sys/class/net/eth1/device/subsystem", "pci");
        bench
    }

    pub(crate) fn run(self) -> Findings {
        let mut of_device = self.wants.clone();
        of_device.request.name.clone_from(&self.device.name);
        let examination = Examination {
            files: &self.files,
            system: self.system,
            wants: self.wants,
            devices: vec![(self.device, of_device)],
            counters: Some((self.before, self.after)),
            host: self.host,
        };
        examination.run(&[])
    }

    pub(crate) fn outcome(self, id: &str) -> Outcome {
        assert!(ALL.iter().any(|check| check.id == id), "{id}");
        let found = self
            .run()
            .checks
            .into_iter()
            .find(|outcome| outcome.check == id);
        found.unwrap()
    }
}

pub(crate) fn function(number: u32) -> VirtualFunction {
    VirtualFunction {
        number,
        address: [2, 0, 0, 0, 0, 1],
        trust: Some(true),
        spoof_check: Some(true),
        link_state: Some(LinkState::Auto),
        ..VirtualFunction::default()
    }
}

fn device() -> Device {
    let features = XdpFeatures::of(true, true, true, true);
    Device {
        name: "eth1".into(),
        index: 7,
        facts: Facts {
            kernel: "6.18.1-amd64".into(),
            driver: "mlx5_core".into(),
            features: Some(Features::from(features)),
            up: true,
            carrier: true,
            mtu: 1500,
            rx_queues: 1,
            rx_queues_with_napi: Some(1),
            packet_memory_bytes: 24 << 20,
            huge_pages_free_bytes: 128 << 20,
            ..Facts::default()
        },
        xdp: Some(features),
        program: None,
        info: Ok(ethtool::DriverInfo {
            driver: "mlx5_core".into(),
            version: "6.18.1-amd64".into(),
            firmware: "22.41.1000".into(),
            bus: "0000:08:00.1".into(),
        }),
        offloads: Ok(ethtool::Features {
            active: BTreeSet::from(["rx-checksum".into()]),
            changeable: [
                "rx-lro",
                "rx-gro-hw",
                "rx-vlan-hw-parse",
                "rx-ntuple-filter",
            ]
            .map(str::to_owned)
            .into(),
        }),
        channels: Ok(ethtool::Channels {
            combined: Some(1),
            combined_max: Some(8),
            ..ethtool::Channels::default()
        }),
        rings: Ok(ethtool::Rings {
            rx: Some(1024),
            rx_max: Some(8192),
            ..ethtool::Rings::default()
        }),
        coalescing: Ok(ethtool::Coalescing {
            rx_us: Some(0),
            rx_frames: Some(1),
            adaptive_rx: Some(false),
            ..ethtool::Coalescing::default()
        }),
        pause: Ok(ethtool::Pause {
            autoneg: Some(false),
            rx: Some(false),
            tx: Some(false),
        }),
        energy_efficiency: unsupported(),
        time_stamping: Ok(ethtool::TimeStamping {
            capabilities: BTreeSet::from(["hardware-receive".into()]),
            rx_filters: BTreeSet::from(["none".into(), "all".into()]),
            clock: Some(1),
        }),
        steering_rules: Ok(0),
        hash_table: Ok(vec![0, 0]),
        napis: Ok(vec![Some(Napi {
            id: 8193,
            irq: Some(45),
            defer_hard_irqs: Some(100),
            gro_flush_timeout_ns: Some(200_000),
        })]),
        functions: Ok(vec![]),
        master: None,
        in_sysfs: true,
    }
}

const FILES: [(&str, &str); 46] = [
    (
        "/boot/config-6.18.1-amd64",
        "CONFIG_XDP_SOCKETS=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_NET_RX_BUSY_POLL=y\n",
    ),
    ("/sys/kernel/btf/vmlinux", "x"),
    ("/proc/sys/net/core/bpf_jit_enable", "1\n"),
    ("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n"),
    ("/sys/class/net/eth1/uevent", "INTERFACE=eth1\nIFINDEX=7\n"),
    (
        "/sys/class/net/eth1/device/modalias",
        "pci:v000015B3d0000101Esv000015B3sd0000\n",
    ),
    ("/sys/class/net/eth1/device/numa_node", "0\n"),
    (
        "/proc/thread-self/net/dev_mcast",
        "7    eth1            1     0     01005e000001\n",
    ),
    ("/proc/sys/net/ipv4/igmp_max_memberships", "20\n"),
    ("/proc/sys/net/ipv4/igmp_max_msf", "10\n"),
    ("/proc/sys/net/ipv4/conf/all/force_igmp_version", "0\n"),
    ("/proc/sys/net/ipv4/conf/eth1/force_igmp_version", "0\n"),
    ("/proc/sys/net/ipv4/conf/all/rp_filter", "0\n"),
    ("/proc/sys/net/ipv4/conf/eth1/rp_filter", "2\n"),
    (
        "/proc/thread-self/net/igmp",
        "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n7\teth1      :     1      V3\n\t\t\t\t010000E0     1 1:00000FF0\t\t0\n",
    ),
    ("/sys/class/net/eth1/queues/rx-0/rps_cpus", "0\n"),
    ("/sys/class/net/eth1/napi_defer_hard_irqs", "100\n"),
    ("/sys/class/net/eth1/gro_flush_timeout", "200000\n"),
    ("/sys/class/net/eth1/threaded", "0\n"),
    ("/proc/irq/45/smp_affinity_list", "2\n"),
    ("/proc/irq/45/effective_affinity_list", "2\n"),
    ("/proc/1/comm", "systemd\n"),
    ("/sys/devices/system/cpu/online", "0-3\n"),
    ("/sys/devices/system/cpu/isolated", "2-3\n"),
    ("/sys/devices/system/cpu/nohz_full", "2-3\n"),
    (
        "/proc/cmdline",
        "root=/dev/vda1 isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3\n",
    ),
    ("/sys/devices/system/cpu/smt/active", "1\n"),
    (
        "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list",
        "2-3\n",
    ),
    (
        "/sys/devices/system/cpu/cpuidle/current_driver",
        "haltpoll\n",
    ),
    (
        "/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor",
        "performance\n",
    ),
    (
        "/sys/devices/system/clocksource/clocksource0/current_clocksource",
        "tsc\n",
    ),
    (
        "/sys/devices/system/clocksource/clocksource0/available_clocksource",
        "tsc kvm-clock\n",
    ),
    (
        "/proc/cpuinfo",
        "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n",
    ),
    ("/sys/class/ptp/ptp0/clock_name", "KVM virtual PTP\n"),
    ("/sys/devices/system/node/node0/cpulist", "0-3\n"),
    ("/proc/sys/kernel/numa_balancing", "0\n"),
    (
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "always [madvise] never\n",
    ),
    ("/proc/sys/vm/stat_interval", "120\n"),
    ("/proc/sys/kernel/watchdog", "0\n"),
    ("/proc/sys/kernel/nmi_watchdog", "0\n"),
    ("/proc/sys/kernel/timer_migration", "0\n"),
    ("/proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
    ("/sys/kernel/mm/ksm/run", "0\n"),
    (
        "/proc/thread-self/net/route",
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
    ),
    (
        "/proc/net/vlan/config",
        "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n",
    ),
    ("/dev/vmclock0", ""),
];
