//! What the kernel was built with, and what it lets this process do.

use super::super::Look;
use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use crate::ingest::allow;

pub(super) const CONFIG: Check = Check {
    number: 4,
    id: "kernel-config",
    title: "what the kernel was built with",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "`/boot/config-*` or `/proc/config.gz`, else what the kernel shows; `/sys/kernel/btf/vmlinux`",
    good: "XDP_SOCKETS, BPF_SYSCALL, BPF_JIT, NET_RX_BUSY_POLL; BTF",
    cost: "without XDP_SOCKETS only the socket tier works; without the JIT the XDP program is interpreted, several times \
           slower; without busy polling every packet waits for an interrupt",
    place: Place::Machine(config),
};

/// What is needed, and what it means that it is not there.
const OPTIONS: [&str; 4] = [
    "CONFIG_XDP_SOCKETS",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_BPF_JIT",
    "CONFIG_NET_RX_BUSY_POLL",
];

fn config(look: &Look<'_>) -> Seen {
    let missing: Vec<&str> = match built_with(look) {
        Some(text) => {
            let has = |option: &str| {
                let set = text.lines().filter_map(|line| line.split_once('='));
                let mut set = set.filter(|(name, _)| *name == option);
                set.any(|(_, value)| value == "y" || value == "m")
            };
            OPTIONS.into_iter().filter(|option| !has(option)).collect()
        }
        // No configuration to read: each leaves a trace.
        None => {
            look.note("socket(AF_XDP)");
            let refused = matches!(
                look.system.socket_errno,
                Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT)
            );
            let there = |path| look.bytes(path).is_ok();
            [
                ("CONFIG_XDP_SOCKETS", !refused),
                ("CONFIG_BPF_JIT", there("/proc/sys/net/core/bpf_jit_enable")),
                (
                    "CONFIG_NET_RX_BUSY_POLL",
                    there("/proc/sys/net/core/busy_poll"),
                ),
            ]
            .into_iter()
            .filter_map(|(option, there)| (!there).then_some(option))
            .collect()
        }
    };
    let types = look.list("/sys/kernel/btf");
    let btf = types.iter().any(|name| name == "vmlinux");
    let boot = Remedy::advice(
        "boot a distribution's kernel: those of Debian, Ubuntu and RHEL have all of them",
    );
    if missing.contains(&"CONFIG_XDP_SOCKETS") && look.wants.af_xdp {
        return Seen::fail(format!("missing: {}", missing.join(", ")), boot);
    }
    if !missing.is_empty() {
        return Seen::warn(format!("missing: {}", missing.join(", ")), boot);
    }
    if !btf {
        return Seen::warn(
            "no type information (BTF): tracing tools cannot name what they see",
            boot,
        );
    }
    Seen::ok(format!("Linux {}, all that is needed", look.system.kernel))
}

/// The configuration that the kernel was built with, where the machine keeps it.
fn built_with(look: &Look<'_>) -> Option<String> {
    let beside = format!("/boot/config-{}", look.system.kernel);
    if let Ok(text) = look.text(&beside) {
        return Some(text);
    }
    let packed = look.bytes("/proc/config.gz").ok()?;
    let mut text = String::new();
    let unpacked = flate2::read::GzDecoder::new(packed.as_slice());
    // One of a thousand times that length is no kernel's.
    let mut unpacked = std::io::Read::take(unpacked, 16 << 20);
    std::io::Read::read_to_string(&mut unpacked, &mut text).ok()?;
    Some(text)
}

pub(super) const PRIVILEGES: Check = Check {
    number: 5,
    id: "privileges",
    title: "what this process may do",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "capget(2) of this process: what the gateway would have if it were started like this command",
    good: "CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON",
    cost: "only the socket tier works",
    place: Place::Machine(privileges),
};

fn privileges(look: &Look<'_>) -> Seen {
    look.note("capget(2)");
    let missing = &look.system.missing_capabilities;
    if missing.is_empty() {
        return Seen::ok("all that AF_XDP needs");
    }
    if !look.wants.af_xdp {
        return Seen::ok("the configuration wants sockets only, which need none");
    }
    Seen::fail(
        format!("missing: {}", missing.join(", ")),
        Remedy::advice(format!(
            "{}; in systemd `AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF CAP_PERFMON`",
            allow::PRIVILEGE_REMEDY
        )),
    )
}

pub(super) const BPF: Check = Check {
    number: 6,
    id: "bpf-settings",
    title: "the BPF compiler is on, and closed to ordinary users",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`net.core.bpf_jit_enable`, `kernel.unprivileged_bpf_disabled`",
    good: "1; 1 or 2",
    cost: "an interpreted XDP program takes several times as long for each packet; BPF for everybody is a way into the kernel",
    place: Place::Machine(bpf),
};

fn bpf(look: &Look<'_>) -> Seen {
    let jit = look.number("/proc/sys/net/core/bpf_jit_enable");
    let closed = look.number("/proc/sys/kernel/unprivileged_bpf_disabled");
    let (Some(jit), Some(closed)) = (jit, closed) else {
        return Seen::skipped("the kernel does not show the settings");
    };
    let found = format!("bpf_jit_enable {jit}, unprivileged_bpf_disabled {closed}");
    let mut commands = Vec::new();
    if jit == 0 {
        commands.push("sysctl -w net.core.bpf_jit_enable=1".to_owned());
    }
    if closed == 0 {
        commands.push("sysctl -w kernel.unprivileged_bpf_disabled=1".to_owned());
    }
    if commands.is_empty() {
        return Seen::ok(found);
    }
    Seen::warn(found, Remedy::commands(commands))
}
