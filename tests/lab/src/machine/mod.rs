//! A running guest.

mod qmp;
mod tap;

use std::fmt;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gateway_test_harness::{Namespace, Running, wait};
use serde_json::{Value, json};

pub use qmp::Qmp;

use crate::agent::Agent;
use crate::depot::{Depot, Kernel, System};
use crate::topology::{
    E1000E, IGB, MANAGEMENT, PHYSICAL, PORTS, PRIMARY, STANDBY, VIRTUAL, WIRES, Wire,
};

/// From power to the agent's first answer: some ten seconds of emulation on an idle machine.
const BOOT_LIMIT: Duration = Duration::from_secs(150);
/// The same where a system is unpacked and systemd starts it: half a minute.
const SYSTEM_BOOT_LIMIT: Duration = Duration::from_secs(420);

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// Emulation, anywhere.
    Tcg,
    /// The processor, where it and the kernel can.
    Kvm,
}

impl FromStr for Accelerator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tcg" => Ok(Self::Tcg),
            "kvm" => Ok(Self::Kvm),
            _ => Err(format!("no accelerator `{text}`: use tcg or kvm")),
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        })
    }
}

/// A guest with its wires. Dropped, it loses power.
#[derive(Debug)]
pub struct Machine {
    /// What the lab asks to have done in it.
    pub agent: Agent,
    /// What the lab asks to have done to it.
    pub qmp: Qmp,
    /// Where the host's ends of its wires are.
    pub namespace: Namespace,
    qemu: Running,
    console: PathBuf,
}

impl Machine {
    /// Boots a guest with `kernel`; its console, and what else it leaves, goes to `logs`.
    ///
    /// # Errors
    /// QEMU does not start, or the guest does not come up.
    pub fn boot(
        depot: &Depot,
        kernel: &Kernel,
        system: System,
        accelerator: Accelerator,
        logs: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let namespace = Namespace::new()?;
        // Best effort: a kernel without IPv6 has no such variable. Its chatter has no place on wires on which packets
        // are counted.
        for which in ["all", "default"] {
            let _ = namespace.sysctl(&format!("ipv6/conf/{which}/disable_ipv6"), "1");
        }
        let mut taps = Vec::new();
        for wire in &WIRES {
            taps.push((wire, tap::open(&namespace, wire)?));
        }
        let initramfs = logs.join("initramfs.cpio");
        depot.write_initramfs(kernel, system, &initramfs)?;
        let console = logs.join("console.log");
        let socket = tempfile::Builder::new().prefix("gateway-lab-").tempdir()?;
        let qmp_path = socket.path().join("qmp");

        let mut command = depot.qemu();
        command.args(base(accelerator));
        command.arg("-kernel").arg(&kernel.image);
        command.arg("-initrd").arg(&initramfs);
        // No option of the command line speeds the guest up as much as leaving out what guards against neighbours.
        let mut options =
            "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr".to_owned();
        if system == System::Debian {
            options += " systemd.unit=multi-user.target systemd.show_status=0";
        }
        command.args(["-append", &options]);
        command.args(["-serial", &format!("file:{}", console.display())]);
        command.args([
            "-qmp",
            &format!("unix:{},server=on,wait=off", qmp_path.display()),
        ]);
        command.args([
            "-virtfs",
            &format!(
                "local,path={},mount_tag=guest,security_model=none,readonly=on",
                depot.shared().display()
            ),
        ]);
        for (wire, descriptors) in &taps {
            command.args(["-netdev", &netdev(wire, descriptors)]);
        }
        for device in devices() {
            command.args(["-device", &device]);
        }
        inherit(&mut command, taps.iter().flat_map(|(_, fds)| fds));
        let mut qemu = Running::spawn("qemu", &mut command)?;
        // QEMU has its own; the taps go when it does.
        drop(taps);
        let qmp = Qmp::connect(&qmp_path).with_context(|| qemu.output())?;
        let limit = match system {
            System::Bare => BOOT_LIMIT,
            System::Debian => SYSTEM_BOOT_LIMIT,
        };
        let agent = wait::until("the guest's agent", limit, || {
            if let Some(status) = qemu.ended()? {
                bail!("QEMU ended with {status}");
            }
            let Ok(mut agent) = Agent::connect(&namespace) else {
                return Ok(None);
            };
            Ok(agent.shell("uname -r").ok().map(|_| agent))
        });
        let agent = agent.with_context(|| {
            let text = fs::read(&console).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            format!("{}\n--- the guest's console:\n{text}---", qemu.output())
        })?;
        fs::remove_file(&initramfs).context("cannot remove the initramfs")?;
        Ok(Self {
            agent,
            qmp,
            namespace,
            qemu,
            console,
        })
    }

    /// Whether QEMU still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.qemu.ended(), Ok(None))
    }

    /// What QEMU itself wrote so far.
    pub fn qemu_output(&self) -> String {
        self.qemu.output()
    }

    /// What the guest's kernel wrote so far.
    pub fn console(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn base(accelerator: Accelerator) -> Vec<String> {
    let (accelerator, processor) = match accelerator {
        Accelerator::Tcg => ("tcg,thread=multi", "max"),
        Accelerator::Kvm => ("kvm", "host"),
    };
    [
        "-M",
        "q35",
        "-accel",
        accelerator,
        "-cpu",
        processor,
        "-m",
        "1536",
        "-smp",
        "2",
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn netdev(wire: &Wire, descriptors: &[OwnedFd]) -> String {
    let numbers: Vec<String> = descriptors
        .iter()
        .map(|descriptor| descriptor.as_raw_fd().to_string())
        .collect();
    let key = if numbers.len() > 1 { "fds" } else { "fd" };
    format!(
        "tap,id=net-{},{key}={},vhost=off",
        wire.name,
        numbers.join(":")
    )
}

/// The cards that the guest starts with. Without `iommu_platform` virtio refuses zero-copy: its driver then bypasses the
/// kernel's DMA interface.
fn devices() -> Vec<String> {
    let mut devices: Vec<String> = PORTS
        .iter()
        .enumerate()
        .map(|(slot, port)| format!("pcie-root-port,id={port},chassis={},slot={slot}", slot + 1))
        .collect();
    let card = |model: &str, wire: &Wire, rest: &str| {
        format!(
            "{model},id={},netdev=net-{},mac={}{rest}",
            wire.name, wire.name, wire.mac
        )
    };
    devices.push(card("virtio-net-pci", &MANAGEMENT, ",romfile="));
    devices.push(card(
        "virtio-net-pci",
        &VIRTUAL,
        &format!(
            ",bus=port-virtio,addr=0x0.0x1,sriov-pf={},iommu_platform=on,disable-legacy=on,mq=on,vectors=6",
            PHYSICAL.name
        ),
    ));
    devices.push(card(
        "virtio-net-pci",
        &PHYSICAL,
        ",bus=port-virtio,addr=0x0.0x0,iommu_platform=on,disable-legacy=on,romfile=",
    ));
    devices.push(card("igb", &IGB, ",bus=port-igb,romfile="));
    devices.push(card("e1000e", &E1000E, ",bus=port-e1000e,romfile="));
    devices
}

/// The card `wire` as it can be plugged in again, or for the first time.
pub fn plug_of(wire: &Wire) -> Value {
    let mut card = json!({
        "id": wire.name,
        "netdev": format!("net-{}", wire.name),
        "mac": wire.mac,
        "romfile": "",
    });
    let rest = match wire.name {
        name if name == IGB.name => json!({ "driver": "igb", "bus": "port-igb" }),
        name if name == E1000E.name => json!({ "driver": "e1000e", "bus": "port-e1000e" }),
        name if name == STANDBY.name => json!({
            "driver": "virtio-net-pci", "bus": "port-standby", "failover": true, "disable-legacy": "on",
        }),
        // The kernel pairs the two by their address. QEMU's own pairing is for migration, and refuses a card with
        // functions.
        name if name == PRIMARY.name => json!({ "driver": "igb", "bus": "port-primary" }),
        _ => json!({}),
    };
    if let (Some(card), Some(rest)) = (card.as_object_mut(), rest.as_object()) {
        card.extend(rest.clone());
    }
    card
}

/// Lets `command` keep the descriptors open.
fn inherit<'a>(command: &mut Command, descriptors: impl Iterator<Item = &'a OwnedFd>) {
    let numbers: Vec<RawFd> = descriptors.map(AsRawFd::as_raw_fd).collect();
    let keep = move || {
        for &number in &numbers {
            // SAFETY: changes a flag of a descriptor that the parent holds open until after the start.
            if unsafe { libc::fcntl(number, libc::F_SETFD, 0) } < 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one system call for each number and allocates nothing.
    unsafe { command.pre_exec(keep) };
}
