//! Every check on a machine that suits it and on some that do not.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::super::testing::{Bench, function, unsupported};
use super::super::{LinkState, Verdict, jitter, probe};
use super::*;
use crate::ethtool;
use crate::ingest::netdev::{Napi, XdpFeatures};
use crate::ingest::{Mode, Queues, Tier};

type Change = fn(&mut Bench);

/// What is changed about a machine on which all is well, the check, its verdict, and what is said: of the finding, or in
/// a command.
struct Case(&'static str, Change, Verdict, &'static str);

use Verdict::{Fail, Ok as Well, Skipped, Warn};

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case("xdp-features", |_| {}, Well, "native, redirect, zero-copy"),
    Case("xdp-features", |b| b.device.xdp = None, Warn, "does not report"),
    Case("xdp-features", |b| b.device.xdp = Some(XdpFeatures::of(true, false, false, false)), Fail, "no redirect"),
    Case("xdp-features", |b| b.device.xdp = Some(XdpFeatures::of(true, true, false, false)), Warn, "no zero-copy"),
    Case("xdp-features", |b| { b.device.xdp = None; b.wants.af_xdp = false; }, Well, "sockets only"),
    Case("nic-timestamp", |_| {}, Well, "can read"),
    Case("nic-timestamp", |b| b.device.xdp = Some(XdpFeatures::of(true, true, true, false)), Warn, "mlx5_core does not offer it"),
    Case("nic-timestamp", |b| b.device.xdp = None, Skipped, "6.3"),
    Case("xsk-features", |_| {}, Well, "none"),
    Case("xsk-features", |b| b.device.xdp = b.device.xdp.map(|x| x.sending(true, true)), Well, "stamps and checksums"),
    Case("xsk-features", |b| b.device.xdp = None, Skipped, "6.8"),
    Case("kernel-config", |_| {}, Well, "all that is needed"),
    Case("kernel-config", |b| b.files.put("/boot/config-6.18.1-amd64", "# CONFIG_XDP_SOCKETS is not set\nCONFIG_BPF_JIT=y\n"), Fail, "CONFIG_XDP_SOCKETS, CONFIG_BPF_SYSCALL"),
    Case("kernel-config", |b| b.files.put("/boot/config-6.18.1-amd64", "CONFIG_XDP_SOCKETS=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\n"), Warn, "NET_RX_BUSY_POLL"),
    Case("kernel-config", |b| b.files.remove("/sys/kernel/btf/vmlinux"), Warn, "BTF"),
    Case("kernel-config", packed_config, Fail, "CONFIG_XDP_SOCKETS"),
    Case("kernel-config", |b| { b.files.remove("/boot"); b.files.put("/proc/sys/net/core/busy_poll", "0"); }, Well, "all"),
    Case("kernel-config", |b| { b.files.remove("/boot"); b.system.socket_errno = Some(libc::EAFNOSUPPORT); }, Fail, "CONFIG_XDP_SOCKETS"),
    Case("kernel-config", |b| { b.files.remove("/boot"); b.files.put_bytes("/proc/config.gz", b"no gzip"); }, Warn, "NET_RX_BUSY_POLL"),
    Case("privileges", |_| {}, Well, "all"),
    Case("privileges", |b| b.system.missing_capabilities = vec!["CAP_BPF".into()], Fail, "CAP_BPF"),
    Case("bpf-settings", |_| {}, Well, "bpf_jit_enable 1"),
    Case("bpf-settings", |b| b.files.put("/proc/sys/net/core/bpf_jit_enable", "0"), Warn, "sysctl -w net.core.bpf_jit_enable=1"),
    Case("bpf-settings", |b| b.files.put("/proc/sys/kernel/unprivileged_bpf_disabled", "0"), Warn, "sysctl -w kernel.unprivileged_bpf_disabled=1"),
    Case("bpf-settings", |b| b.files.remove("/proc/sys/net/core"), Skipped, "does not show"),
    Case("xdp-owner", |_| {}, Well, "none"),
    Case("xdp-owner", |b| attached(b, Some("cilium")), Fail, "ip link set dev eth1 xdp off"),
    Case("xdp-owner", |b| attached(b, None), Fail, "may not ask"),
    Case("xdp-owner", |b| attached(b, Some("gateway_steer")), Well, "own"),
    Case("xdp-owner", |b| { attached(b, None); b.wants.running = true; }, Well, "running gateway's"),
    Case("driver", |_| {}, Well, "firmware 22.41.1000"),
    Case("driver", |b| b.device.facts.driver = "ixgbevf".into(), Fail, "loses every packet"),
    Case("driver", |b| b.device.facts.driver = "iavf".into(), Fail, "no native XDP"),
    Case("driver", |b| b.device.facts.driver = "ena".into(), Warn, "no zero-copy"),
    Case("driver", |b| b.device.facts.kernel = "5.4.0".into(), Fail, "too old"),
    Case("device-kind", |_| {}, Well, "virtual function of a card that the host owns"),
    Case("device-kind", |b| b.files.put("/sys/class/net/eth1/uevent", "DEVTYPE=bond\nINTERFACE=eth1"), Fail, "a bond"),
    Case("device-kind", |b| b.files.remove("/sys/class/net/eth1/device"), Well, "a device of software"),
    Case("device-kind", |b| b.files.put("/sys/class/net/eth1/device/physfn/vendor", "x"), Well, "whose physical function this machine has"),
    Case("device-kind", |b| { b.files.put("/sys/class/net/eth1/device/virtfn0/vendor", "x"); b.files.put("/sys/class/net/eth1/device/virtfn1/vendor", "x"); }, Well, "with 2 virtual ones"),
    Case("device-kind", |b| b.files.link("/sys/class/net/eth1/device/subsystem", "virtio"), Well, "virtio"),
    Case("device-kind", |b| b.device.in_sysfs = false, Skipped, "another network namespace"),
    Case("vf-settings", |b| host(b, |_| {}), Well, "vf 0: trust on, spoof check on; vf 1"),
    Case("vf-settings", |b| host(b, |f| f.trust = Some(false)), Fail, "ip link set eth1 vf 1 trust on"),
    Case("vf-settings", |b| host(b, |f| f.link_state = Some(LinkState::Disable)), Fail, "ip link set eth1 vf 1 state auto"),
    Case("vf-settings", |b| host(b, |f| f.link_state = Some(LinkState::Enable)), Warn, "ip link set eth1 vf 1 state auto"),
    Case("vf-settings", |b| host(b, |f| f.rate_max_mbps = 100), Warn, "ip link set eth1 vf 1 max_tx_rate 0"),
    Case("vf-settings", |b| host(b, |f| f.vlan = 120), Well, "VLAN 120"),
    Case("vf-settings", |b| b.host = true, Skipped, "no virtual functions"),
    Case("vf-settings", |_| {}, Skipped, "--host PF"),
    Case("multicast-filter", |_| {}, Well, "1 addresses now, 9 with all groups"),
    Case("multicast-filter", |b| { b.device.facts.driver = "iavf".into(); groups(b, 40); }, Fail, "do not arrive"),
    Case("multicast-filter", |b| { b.device.facts.driver = "bnxt_en".into(); groups(b, 40); }, Warn, "every group"),
    Case("multicast-filter", |b| { b.device.facts.driver = "iavf".into(); groups(b, 4); }, Well, "of 16"),
    Case("multicast-filter", |b| b.system.kernel_log = Ok("i40e 0000:1: Cannot add more MAC addresses, VF is not trusted, switch the VF to trusted\n".into()), Fail, "ip link set PF vf N trust on"),
    Case("multicast-filter", |b| full_at(b, "iavf", 99_990), Fail, "the kernel says `<4>[99990.000001] i40e"),
    Case("multicast-filter", |b| full_at(b, "iavf", 5), Warn, "a while ago; 1 addresses now, 5 with all groups of the configuration, of 16"),
    Case("multicast-filter", |b| { full_at(b, "iavf", 5); groups(b, 40); }, Fail, "do not arrive"),
    Case("multicast-filter", |b| full_at(b, "e1000", 5), Fail, "the kernel says"),
    Case("multicast-filter", |b| b.files.remove("/proc/thread-self/net/dev_mcast"), Skipped, "dev_mcast"),
    Case("multicast-probe", |_| {}, Skipped, "--probe"),
    Case("multicast-probe", |b| probed(b, 100, 100), Well, "100 of 100"),
    Case("multicast-probe", |b| probed(b, 100, 99), Fail, "99 of 100"),
    Case("multicast-probe", |b| probed(b, 0, 0), Fail, "nothing came"),
    Case("igmp-max-memberships", |_| {}, Well, "20"),
    Case("igmp-max-memberships", |b| { b.files.put("/proc/sys/net/ipv4/igmp_max_memberships", "4"); }, Fail, "sysctl -w net.ipv4.igmp_max_memberships=20"),
    Case("igmp-max-memberships", |b| { b.files.put("/proc/sys/net/ipv4/igmp_max_memberships", "10"); }, Warn, "10 groups"),
    Case("igmp-max-memberships", |b| b.files.remove("/proc/sys/net/ipv4/igmp_max_memberships"), Skipped, "does not show"),
    Case("igmp-settings", |_| {}, Well, "reverse-path filter 2"),
    Case("igmp-settings", |b| { sources(b, 30); }, Warn, "sysctl -w net.ipv4.igmp_max_msf=30"),
    Case("igmp-settings", |b| { sources(b, 1); b.files.put("/proc/sys/net/ipv4/conf/all/force_igmp_version", "2"); }, Warn, "sysctl -w net.ipv4.conf.all.force_igmp_version=0"),
    Case("igmp-settings", |b| b.files.put("/proc/sys/net/ipv4/conf/all/force_igmp_version", "2"), Well, "version 2"),
    Case("igmp-settings", |b| b.files.put("/proc/sys/net/ipv4/conf/eth1/rp_filter", "1"), Warn, "sysctl -w net.ipv4.conf.eth1.rp_filter=2"),
    Case("igmp-settings", |b| { b.wants.membership_interface = Some("bond0".into()); b.files.put("/proc/sys/net/ipv4/conf/bond0/rp_filter", "1"); }, Warn, "conf.bond0.rp_filter=2"),
    Case("igmp-settings", |b| b.files.remove("/proc/sys/net/ipv4"), Skipped, "does not show"),
    Case("igmp-querier", |_| {}, Well, "has just asked"),
    Case("igmp-querier", |b| { igmp(b, "V2"); sources(b, 1); }, Warn, "IGMPv3"),
    Case("igmp-querier", |b| igmp(b, "V2"), Well, "version 2"),
    Case("igmp-querier", |b| igmp(b, "V3"), Skipped, "tcpdump"),
    Case("igmp-querier", |b| b.files.put("/proc/thread-self/net/igmp", "Idx\n"), Skipped, "no group is joined"),
    Case("packet-merging", |_| {}, Well, "off"),
    Case("packet-merging", |b| on(b, &["rx-lro", "rx-gro-hw"]), Fail, "ethtool -K eth1 lro off rx-gro-hw off"),
    Case("packet-merging", |b| { on(b, &["rx-gro-hw"]); b.device.offloads.as_mut().unwrap().changeable.clear(); }, Warn, "guest_tso4=off"),
    Case("packet-merging", |b| b.device.offloads = unsupported(), Skipped, "does not tell"),
    Case("vlan-offload", |_| {}, Well, "off"),
    Case("vlan-offload", |b| on(b, &["rx-vlan-hw-parse"]), Well, "no VLAN is made"),
    Case("vlan-offload", |b| { on(b, &["rx-vlan-hw-parse"]); tagged(b); }, Warn, "ethtool -K eth1 rxvlan off"),
    Case("vlan-offload", |b| { on(b, &["rx-vlan-hw-parse"]); tagged(b); b.device.offloads.as_mut().unwrap().changeable.clear(); }, Warn, "unique"),
    Case("mtu", |_| {}, Well, "takes up to 3498"),
    Case("mtu", |b| b.device.facts.mtu = 9000, Fail, "ip link set dev eth1 mtu 1500"),
    Case("mtu", |b| { b.device.facts.mtu = 9000; b.wants.af_xdp = false; }, Well, "sockets only"),
    Case("queue-count", |_| {}, Well, "1 of 8"),
    Case("queue-count", |b| channels(b, 16, 63), Warn, "ethtool -L eth1 combined 1"),
    Case("queue-count", |b| { channels(b, 8, 8); b.device.facts.driver = "ena".into(); }, Warn, "ethtool -L eth1 combined 4"),
    Case("queue-count", |b| { channels(b, 16, 63); b.wants.request.queues = Queues::Only(vec![0]); }, Well, "16 of 63"),
    Case("queue-count", |b| b.device.channels = unsupported(), Well, "1 receive queues"),
    Case("queue-count", |b| { b.device.channels = unsupported(); b.device.in_sysfs = false; }, Skipped, "does not tell"),
    Case("flow-steering", |_| {}, Well, "one receive queue"),
    Case("flow-steering", |b| b.device.facts.rx_queues = 4, Well, "polls each"),
    Case("flow-steering", |b| spread(b, &[0, 1, 2, 3]), Warn, "ethtool -X eth1 start 0 equal 2"),
    Case("flow-steering", |b| spread(b, &[0, 1, 0, 1]), Well, "polled queues only"),
    Case("flow-steering", |b| { spread(b, &[0, 3]); on(b, &["rx-ntuple-filter"]); b.device.steering_rules = Ok(3); }, Well, "3 rules"),
    Case("flow-steering", |b| { spread(b, &[]); b.device.hash_table = unsupported(); }, Warn, "ethtool -L eth1 combined 1"),
    Case("coalescing", |_| {}, Well, "rx-usecs 0"),
    Case("coalescing", |b| b.device.coalescing = Ok(ethtool::Coalescing { rx_us: Some(8), adaptive_rx: Some(true), ..Default::default() }), Warn, "ethtool -C eth1 adaptive-rx off rx-usecs 0"),
    Case("coalescing", |b| b.device.coalescing = unsupported(), Skipped, "driver does not tell"),
    Case("ring-size", |_| {}, Well, "1024 entries of at most 8192"),
    Case("ring-size", |b| b.device.rings = Ok(ethtool::Rings { rx: Some(256), rx_max: Some(4096), ..Default::default() }), Warn, "ethtool -G eth1 rx 1024"),
    Case("ring-size", |b| b.device.rings = Ok(ethtool::Rings { rx: Some(256), rx_max: Some(256), ..Default::default() }), Well, "256"),
    Case("ring-size", |b| b.device.rings = unsupported(), Skipped, "does not tell"),
    Case("pause-and-eee", |_| {}, Well, "off"),
    Case("pause-and-eee", |b| b.device.pause = Ok(ethtool::Pause { autoneg: Some(true), rx: Some(true), tx: Some(false) }), Warn, "ethtool -A eth1 autoneg off rx off tx off"),
    Case("pause-and-eee", |b| b.device.energy_efficiency = Ok(ethtool::EnergyEfficiency { enabled: Some(true), active: Some(false) }), Warn, "ethtool --set-eee eth1 eee off"),
    Case("pause-and-eee", |b| b.device.pause = unsupported(), Skipped, "neither"),
    Case("interrupt-deferral", |_| {}, Well, "napi_defer_hard_irqs 100"),
    Case("interrupt-deferral", |b| deferral(b, "0", "200000"), Warn, "echo 100 > /sys/class/net/eth1/napi_defer_hard_irqs"),
    Case("interrupt-deferral", |b| deferral(b, "0", "0"), Warn, "interrupts go on"),
    Case("interrupt-deferral", |b| b.wants.busy_poll = false, Warn, "echo 0 > /sys/class/net/eth1/gro_flush_timeout"),
    Case("interrupt-deferral", |b| { b.wants.busy_poll = false; deferral(b, "0", "0"); }, Well, "gro_flush_timeout 0"),
    Case("interrupt-deferral", |b| b.files.put("/sys/class/net/eth1/threaded", "1"), Warn, "echo 0 > /sys/class/net/eth1/threaded"),
    Case("interrupt-deferral", |b| b.device.napis = Ok(vec![Some(Napi { id: 1, irq: None, defer_hard_irqs: Some(0), gro_flush_timeout_ns: Some(0) })]), Warn, "queue 0"),
    Case("interrupt-deferral", |b| unnamed(b, "6.18.1", true), Warn, "0 of 1 queues"),
    Case("interrupt-deferral", |b| unnamed(b, "6.18.1", false), Well, "gro_flush_timeout 200000"),
    Case("interrupt-deferral", |b| unnamed(b, "6.12.9", true), Well, "gro_flush_timeout 200000"),
    Case("interrupt-deferral", |b| { b.wants.busy_poll = false; unnamed(b, "6.18.1", true); deferral(b, "0", "0"); }, Well, "gro_flush_timeout 0"),
    Case("interrupt-deferral", |b| b.device.in_sysfs = false, Skipped, "another network namespace"),
    Case("interrupt-affinity", |_| {}, Well, "45 on 2"),
    Case("interrupt-affinity", |b| b.files.put("/proc/irq/45/smp_affinity_list", "0-3"), Warn, "echo 2 > /proc/irq/45/smp_affinity_list"),
    Case("interrupt-affinity", |b| b.wants.busy_poll = false, Warn, "echo 0 > /proc/irq/45/smp_affinity_list"),
    Case("interrupt-affinity", |b| b.files.put("/proc/812/comm", "irqbalance\n"), Warn, "systemctl disable --now irqbalance"),
    Case("interrupt-affinity", |b| b.wants.cores = [2, 3].into(), Well, "45 on 2"),
    Case("interrupt-affinity", |b| { b.wants.cores = [2, 3].into(); b.files.put("/proc/irq/45/smp_affinity_list", "0"); }, Warn, "echo CPU > /proc/irq/45/smp_affinity_list"),
    Case("interrupt-affinity", |b| { b.device.napis = Ok(vec![None]); b.files.put("/sys/class/net/eth1/device/msi_irqs/45", "msi"); }, Well, "45 on 2"),
    Case("interrupt-affinity", |b| b.device.napis = unsupported(), Skipped, "names an interrupt"),
    Case("cpu-isolation", |_| {}, Well, "CPU 2"),
    Case("cpu-isolation", |b| b.files.put("/sys/devices/system/cpu/isolated", "\n"), Warn, "isolcpus=managed_irq,domain,2"),
    Case("cpu-isolation", |b| b.wants.cores = [2, 9].into(), Fail, "no CPU 9"),
    Case("cpu-isolation", |b| b.wants.cores.clear(), Skipped, "--cores"),
    Case("smt-siblings", |_| {}, Well, "no worker shares"),
    Case("smt-siblings", |b| b.files.put("/sys/devices/system/cpu/isolated", "2\n"), Warn, "echo 0 > /sys/devices/system/cpu/cpu3/online"),
    Case("smt-siblings", |b| { b.wants.cores = [2, 3].into(); b.files.put("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3"); }, Warn, "2 and 3 are two workers"),
    Case("smt-siblings", |b| b.files.put("/sys/devices/system/cpu/smt/active", "0"), Well, "multi-threading is off"),
    Case("smt-siblings", |b| b.wants.cores.clear(), Skipped, "--cores"),
    Case("idle-states", |_| {}, Well, "haltpoll"),
    Case("idle-states", deep, Warn, "for f in /sys/devices/system/cpu/cpu*/cpuidle/state2/disable"),
    Case("idle-states", |b| { deep(b); b.files.put("/proc/cmdline", "idle=poll"); }, Well, "intel_idle"),
    Case("idle-states", |b| b.files.put("/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave"), Warn, "echo performance"),
    Case("stolen-time", |_| {}, Well, "0.00 %"),
    Case("stolen-time", |b| b.after.ticks = Some((1200, 20)), Warn, "10.00 %"),
    Case("stolen-time", |b| b.system.jitter = Some(gaps(150_000)), Warn, "150.0 us on CPU 2"),
    Case("stolen-time", |b| b.system.jitter = Some(gaps(8_000)), Well, "no gap above 20 us"),
    Case("stolen-time", |b| b.after.ticks = None, Skipped, "no span"),
    Case("clock-source", |_| {}, Well, "tsc"),
    Case("clock-source", |b| b.files.put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock"), Warn, "echo tsc > "),
    Case("clock-source", |b| { b.files.put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"); b.files.put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet"); }, Warn, "hpet"),
    Case("clock-source", |b| b.files.put("/proc/cpuinfo", "flags\t: fpu tsc constant_tsc\n"), Warn, "nonstop_tsc"),
    Case("clock-source", |b| b.files.remove("/sys/devices/system/clocksource"), Skipped, "does not show"),
    Case("clock-discipline", |_| {}, Well, "KVM virtual PTP), vmclock"),
    Case("clock-discipline", |b| b.system.clock.as_mut().unwrap().synchronised = false, Warn, "refclock PHC /dev/ptp0"),
    Case("clock-discipline", |b| b.system.clock.as_mut().unwrap().error_max_us = 16_000, Warn, "16000 us"),
    Case("clock-discipline", |b| { b.system.clock.as_mut().unwrap().synchronised = false; b.files.remove("/sys/class/ptp"); }, Warn, "no hardware clock"),
    Case("clock-discipline", |b| b.system.clock = Err("EPERM".into()), Skipped, "EPERM"),
    Case("nic-clock", |_| {}, Well, "/dev/ptp1, filters: all, none; nic_xdp is not measured"),
    Case("nic-clock", |b| { b.wants.af_xdp = false; b.wants.request.hardware_timestamps = true; }, Well, "nic_kernel is measured"),
    Case("nic-clock", |b| b.wants.af_xdp = false, Well, "`hardware_timestamps` is not set"),
    Case("nic-clock", |b| b.wants.request.hardware_timestamps = true, Well, "nic_xdp is measured"),
    Case("nic-clock", |b| { b.wants.request.hardware_timestamps = true; b.device.xdp = Some(XdpFeatures::of(true, true, true, false)); }, Warn, "the driver lends no stamps to XDP programs"),
    Case("nic-clock", |b| { b.wants.request.hardware_timestamps = true; b.device.xdp = None; }, Warn, "6.3 and newer"),
    Case("nic-clock", |b| { b.wants.request.hardware_timestamps = true; b.wants.request.mode = Mode::Exactly(Tier::Skb); }, Warn, "skb mode has no stamps"),
    Case("nic-clock", |b| { b.wants.request.hardware_timestamps = true; b.device.time_stamping = Ok(ethtool::TimeStamping::default()); }, Warn, "nic_xdp is not measured"),
    Case("nic-clock", |b| b.device.time_stamping = Ok(ethtool::TimeStamping::default()), Warn, "no clock, filters: none"),
    Case("nic-clock", |b| b.device.time_stamping = unsupported(), Skipped, "does not tell"),
    Case("numa", |_| {}, Well, "one memory node"),
    Case("numa", |b| nodes(b, "0\n"), Well, "node 0"),
    Case("numa", |b| nodes(b, "1\n"), Warn, "workers on other nodes: [2]"),
    Case("numa", |b| nodes(b, "-1\n"), Skipped, "does not tell"),
    Case("numa", |b| b.files.put("/proc/sys/kernel/numa_balancing", "1"), Warn, "sysctl -w kernel.numa_balancing=0"),
    Case("huge-pages", |_| {}, Well, "128 MiB free"),
    Case("huge-pages", |b| b.device.facts.huge_pages_free_bytes = 4 << 20, Warn, "sysctl -w vm.nr_hugepages=$(($(sysctl -n vm.nr_hugepages) + 10))"),
    Case("huge-pages", |b| b.files.put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"), Warn, "echo madvise > "),
    Case("huge-pages", |b| b.device.facts.memory_lock_bytes = Some(8 << 20), Fail, "LimitMEMLOCK"),
    Case("huge-pages", |b| { b.device.facts.huge_pages_free_bytes = 0; b.wants.running = true; }, Well, "0 MiB free"),
    Case("kernel-noise", |_| {}, Well, "all quiet"),
    Case("kernel-noise", |b| b.files.put("/proc/sys/kernel/sched_rt_runtime_us", "950000"), Warn, "sysctl -w kernel.sched_rt_runtime_us=-1"),
    Case("kernel-noise", |b| b.files.put("/sys/kernel/mm/ksm/run", "1"), Warn, "echo 0 > /sys/kernel/mm/ksm/run"),
    Case("kernel-noise", |b| b.files.remove("/proc/sys"), Skipped, "none of the settings"),
    Case("losses", |_| {}, Well, "all are 0"),
    Case("losses", |b| { lost(&mut b.before.drivers, 5); lost(&mut b.after.drivers, 5); }, Well, "rx_out_of_buffer 5"),
    Case("losses", |b| { lost(&mut b.before.drivers, 5); lost(&mut b.after.drivers, 9); }, Warn, "rx_out_of_buffer +4"),
    Case("losses", |b| { b.after.kernel.insert("Udp RcvbufErrors".into(), 1); }, Warn, "sysctl -w net.core.rmem_max=33554432"),
    Case("failover", |_| {}, Well, "alone"),
    Case("failover", |b| b.device.master = Some(("fo0".into(), "net_failover".into())), Well, "failover device fo0: name it"),
    Case("failover", |b| { b.device.master = Some(("fo0".into(), "net_failover".into())); b.wants.membership_interface = Some("fo0".into()); }, Well, "joined there"),
    Case("failover", |b| b.files.put("/sys/class/net/eth1/device/features", &format!("{}1", "0".repeat(62))), Well, "stands by"),
    Case("second-path", |_| {}, Well, "each network is on one interface"),
    Case("second-path", |b| routes(b, "eth2\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"), Warn, "192.168.1.0/24 on eth1, eth2"),
    Case("second-path", |b| routes(b, "eth2\t000000E0\t00000000\t0001\t0\t0\t0\t000000F0\t0\t0\t0\n"), Well, "224.0.0.0/4 by eth2"),
    Case("second-path", |b| routes(b, "eth2\t0001A8C0\t0101A8C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"), Well, "each network"),
    Case("second-path", |b| b.files.remove("/proc/thread-self/net/route"), Skipped, "does not show"),
];

fn packed_config(bench: &mut Bench) {
    bench.files.remove("/boot");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"CONFIG_BPF_JIT=y\n").unwrap();
    bench
        .files
        .put_bytes("/proc/config.gz", &packed.finish().unwrap());
}

fn attached(bench: &mut Bench, name: Option<&str>) {
    bench.device.facts.other_program = Some("native mode, program id 7".into());
    bench.device.program = name.map(str::to_owned);
}

fn host(bench: &mut Bench, change: fn(&mut super::super::VirtualFunction)) {
    bench.host = true;
    let mut second = function(1);
    change(&mut second);
    bench.device.functions = Ok(vec![function(0), second]);
}

fn full_at(bench: &mut Bench, driver: &str, seconds: u64) {
    bench.device.facts.driver = driver.into();
    groups(bench, 4);
    let line = "i40e 0000:1: Cannot add more MAC addresses, VF is not trusted";
    bench.system.kernel_log = Ok(format!(
        "<6>[    0.0] Linux\n<4>[{seconds:5}.000001] {line}\n"
    ));
}

fn groups(bench: &mut Bench, count: u8) {
    bench.wants.groups = (1..=count)
        .map(|n| ([239, 1, 2, n].into(), BTreeSet::new()))
        .collect();
}

fn sources(bench: &mut Bench, count: u8) {
    let sources = (1..=count).map(|n| [192, 0, 2, n].into()).collect();
    bench.wants.groups = BTreeMap::from([([232, 1, 1, 1].into(), sources)]);
}

fn igmp(bench: &mut Bench, version: &str) {
    let text = format!(
        "Idx\tDevice\n7\teth1      :     1      {version}\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    );
    bench.files.put("/proc/thread-self/net/igmp", &text);
}

fn on(bench: &mut Bench, names: &[&str]) {
    let offloads = bench.device.offloads.as_mut().unwrap();
    offloads
        .active
        .extend(names.iter().map(|name| (*name).to_owned()));
}

fn tagged(bench: &mut Bench) {
    bench.files.put(
        "/proc/net/vlan/config",
        "VLAN Dev name    | VLAN ID\neth1.120       | 120  | eth1\neth9.1  | 1  | eth9\n",
    );
}

fn channels(bench: &mut Bench, active: u32, max: u32) {
    bench.device.channels = Ok(ethtool::Channels {
        combined: Some(active),
        combined_max: Some(max),
        ..ethtool::Channels::default()
    });
}

fn spread(bench: &mut Bench, table: &[u32]) {
    bench.device.facts.rx_queues = 4;
    bench.wants.request.queues = Queues::Only(vec![0, 1]);
    bench.device.hash_table = Ok(table.to_vec());
}

fn deferral(bench: &mut Bench, defer: &str, timeout: &str) {
    bench
        .files
        .put("/sys/class/net/eth1/napi_defer_hard_irqs", defer);
    bench
        .files
        .put("/sys/class/net/eth1/gro_flush_timeout", timeout);
}

/// A driver that names no NAPI instance, on that kernel.
fn unnamed(bench: &mut Bench, kernel: &str, running: bool) {
    bench.wants.running = running;
    let facts = &mut bench.device.facts;
    (facts.kernel, facts.rx_queues_with_napi) = (kernel.into(), Some(0));
}

fn deep(bench: &mut Bench) {
    bench.files.put(
        "/sys/devices/system/cpu/cpuidle/current_driver",
        "intel_idle",
    );
    for (state, name, latency) in [("state0", "POLL", "0"), ("state2", "C6", "133")] {
        let file = |file: &str| format!("/sys/devices/system/cpu/cpu2/cpuidle/{state}/{file}");
        bench.files.put(&file("name"), name);
        bench.files.put(&file("latency"), latency);
        bench.files.put(&file("disable"), "0");
    }
}

fn gaps(longest_ns: u64) -> jitter::Report {
    jitter::Report {
        seconds: 2.0,
        cores: vec![jitter::Core {
            core: 2,
            reads: 1000,
            gap_max_ns: longest_ns,
            gap_p50_ns: 20,
            gap_p99_ns: 30,
            gap_p999_ns: 40,
            lost_ratio: 0.0,
            gaps_long: 6,
            gaps: vec![],
        }],
    }
}

fn probed(bench: &mut Bench, sent: u64, received: u64) {
    bench.system.probe = Some(probe::Report {
        interface: "eth1".into(),
        group: "239.255.77.77:26499".parse().unwrap(),
        sent,
        paths: vec![probe::Path {
            tier: "copy".into(),
            sent,
            received,
            ..probe::Path::default()
        }],
        not_tried: vec![],
    });
}

fn nodes(bench: &mut Bench, of_device: &str) {
    bench
        .files
        .put("/sys/devices/system/node/node0/cpulist", "0-3\n");
    bench
        .files
        .put("/sys/devices/system/node/node1/cpulist", "4-7\n");
    bench
        .files
        .put("/sys/class/net/eth1/device/numa_node", of_device);
}

fn lost(counters: &mut BTreeMap<(String, String), u64>, count: u64) {
    counters.insert(("eth1".into(), "rx_out_of_buffer".into()), count);
    counters.insert(("eth2".into(), "rx_discards".into()), count * 7);
}

fn routes(bench: &mut Bench, more: &str) {
    let text = format!(
        "Iface\tDestination\tGateway\neth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n{more}"
    );
    bench.files.put("/proc/thread-self/net/route", &text);
}

#[test]
fn each_check_judges_the_machines_that_it_should() {
    let mut wrong = Vec::new();
    for (number, Case(id, change, verdict, says)) in CASES.iter().enumerate() {
        let mut bench = Bench::good();
        change(&mut bench);
        let outcome = bench.outcome(id);
        let told = format!(
            "{} {} {}",
            outcome.found,
            outcome.advice,
            outcome.commands.join(" ")
        );
        let mended = !outcome.advice.is_empty() || !outcome.commands.is_empty();
        let as_it_should = outcome.verdict == *verdict
            && told.contains(says)
            && (*verdict > Well) != outcome.cost.is_empty()
            // What is wrong has a remedy, and nothing else has.
            && (*verdict > Well) == mended
            && (*verdict == Skipped || !outcome.read.is_empty());
        if !as_it_should {
            wrong.push(format!("case {number}, {verdict:?} `{says}`: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_case_that_is_well_and_one_that_is_not() {
    for check in &ALL {
        let of = |verdict: fn(Verdict) -> bool| {
            CASES
                .iter()
                .any(|Case(id, _, found, _)| *id == check.id && verdict(*found))
        };
        assert!(of(|v| v == Well), "{} is never well", check.id);
        let informs = check.severity == super::super::Severity::Info;
        assert!(informs || of(|v| v > Well), "{} never minds", check.id);
        let worst = CASES
            .iter()
            .filter(|Case(id, ..)| *id == check.id)
            .map(|c| c.2)
            .max();
        if check.severity == super::super::Severity::Fail {
            assert_eq!(worst, Some(Fail), "{} never fails", check.id);
        }
    }
}

#[test]
fn numbers_and_ids_are_those_that_they_always_were() {
    let numbers: Vec<u8> = ALL.iter().map(|check| check.number).collect();
    assert_eq!(numbers, (1..=38).collect::<Vec<u8>>());
    let ids: BTreeSet<&str> = ALL.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), ALL.len(), "each id once");
    for check in &ALL {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(check.id.chars().all(plain), "{}", check.id);
        for text in [check.title, check.reads, check.good, check.cost] {
            assert!(
                !text.is_empty() && !text.ends_with('.'),
                "{}: {text}",
                check.id
            );
        }
    }
}

#[test]
fn a_good_machine_has_38_rows_and_nothing_to_mend() {
    let findings = Bench::good().run();
    assert_eq!(findings.checks.len(), 38);
    assert_eq!(findings.worst(), Well, "{findings:#?}");
    let script = super::super::script(&findings);
    assert!(script.ends_with("# Nothing to mend.\n"), "{script}");
}

#[test]
fn the_script_has_each_command_once_and_runs_none_that_wants_a_value() {
    let mut bench = Bench::good();
    bench.device.facts.mtu = 9000;
    bench.device.facts.driver = "iavf".into();
    groups(&mut bench, 40);
    deferral(&mut bench, "0", "200000");
    let script = super::super::script(&bench.run());
    assert!(
        script.contains("\n# fill in: ip link set PF vf N trust on\n"),
        "{script}"
    );
    assert!(
        script.contains("\necho 100 > /sys/class/net/eth1/napi_defer_hard_irqs\n"),
        "{script}"
    );
    let mut shell = std::process::Command::new("sh");
    let mut child = shell
        .arg("-n")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
}

/// The socket tier wants none of what AF_XDP needs.
#[test]
fn a_configuration_of_sockets_only_minds_no_driver() {
    let mut bench = Bench::good();
    bench.wants.af_xdp = false;
    bench.wants.busy_poll = false;
    bench.wants.request.mode = Mode::Exactly(Tier::Socket);
    bench.device.facts.driver = "iavf".into();
    bench.device.xdp = Some(XdpFeatures::default());
    bench.system.missing_capabilities = vec!["CAP_BPF".into()];
    let findings = bench.run();
    for id in ["xdp-features", "driver", "privileges", "mtu"] {
        let found = findings.checks.iter().find(|o| o.check == id).unwrap();
        assert_eq!(found.verdict, Well, "{found:?}");
    }
}
