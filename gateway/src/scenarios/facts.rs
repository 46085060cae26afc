//! What a reader of the report has to know of each machine.

use serde::{Deserialize, Serialize};

use crate::ingest::netdev;

/// A machine that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's release.
    pub kernel: String,
    /// The processor's model.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Who runs the machine, as the processor says; `None` on bare metal and where the processor does not tell.
    pub hypervisor: Option<String>,
    /// The interface under test.
    pub interface: String,
    /// Its driver.
    pub driver: String,
    /// Differs between any two running kernels: equal ones share their clocks.
    pub boot_id: String,
}

impl Facts {
    /// Those of this machine, with the interface under test.
    #[must_use]
    pub fn of(interface: &str) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: model_of(&read("/proc/cpuinfo")),
            processors: processors(),
            hypervisor: hypervisor(),
            interface: interface.to_owned(),
            driver: netdev::driver(interface).unwrap_or_default(),
            boot_id: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
        }
    }

    /// Whether every instruction is translated: then times are no evidence of anything.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.hypervisor.as_deref() == Some(TCG)
    }

    /// Whether the other machine is this one, so that both read one clock.
    #[must_use]
    pub fn shares_clock_with(&self, other: &Self) -> bool {
        !self.boot_id.is_empty() && self.boot_id == other.boot_id
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let hypervisor = self.hypervisor.as_deref().unwrap_or("no hypervisor seen");
        let driver = match self.driver.as_str() {
            "" => "no driver",
            driver => driver,
        };
        format!(
            "{} x {}, Linux {}, {hypervisor}, {} ({driver})",
            self.processors, self.processor, self.kernel, self.interface
        )
    }
}

/// Processors that this process may use, at least one.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const TCG: &str = "QEMU TCG (emulation)";

fn model_of(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |(_, model)| model.trim().to_owned(),
        )
}

/// What the processor says of who runs it: leaf 0x4000_0000 of CPUID, which hypervisors fill in.
#[cfg(target_arch = "x86_64")]
fn hypervisor() -> Option<String> {
    use std::arch::x86_64::__cpuid;

    /// Leaf 1, ECX: somebody runs this processor.
    const HYPERVISOR_PRESENT: u32 = 1 << 31;

    if __cpuid(1).ecx & HYPERVISOR_PRESENT == 0 {
        return None;
    }
    let leaf = __cpuid(0x4000_0000);
    let mut signature = [0; 12];
    for (bytes, register) in signature
        .chunks_exact_mut(4)
        .zip([leaf.ebx, leaf.ecx, leaf.edx])
    {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    Some(name_of(&signature))
}

#[cfg(not(target_arch = "x86_64"))]
fn hypervisor() -> Option<String> {
    None
}

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
fn name_of(signature: &[u8; 12]) -> String {
    match signature {
        b"KVMKVMKVM\0\0\0" => "KVM".to_owned(),
        b"TCGTCGTCGTCG" => TCG.to_owned(),
        b"VMwareVMware" => "VMware".to_owned(),
        b"Microsoft Hv" => "Hyper-V".to_owned(),
        b"XenVMMXenVMM" => "Xen".to_owned(),
        other => {
            let text: String = other
                .iter()
                .map(|&byte| char::from(byte))
                .filter(char::is_ascii_graphic)
                .collect();
            format!("hypervisor \"{text}\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_is_known_by_its_signature() {
        let mut facts = Facts::of("lo");
        assert!(!facts.kernel.is_empty() && facts.processors > 0);
        assert!(facts.shares_clock_with(&facts.clone()));
        facts.hypervisor = Some(name_of(b"TCGTCGTCGTCG"));
        assert!(facts.is_emulated());
        facts.hypervisor = Some(name_of(b"KVMKVMKVM\0\0\0"));
        assert!(!facts.is_emulated());
        assert_eq!(name_of(b"a\0\"b\n       "), "hypervisor \"a\"b\"");
    }

    #[test]
    fn a_machine_without_a_boot_id_shares_no_clock() {
        let facts = Facts {
            boot_id: String::new(),
            ..Facts::of("lo")
        };
        assert!(!facts.shares_clock_with(&facts.clone()));
    }

    #[test]
    fn the_model_is_found_in_cpuinfo() {
        assert_eq!(
            model_of("processor\t: 0\nmodel name\t: AMD EPYC\n"),
            "AMD EPYC"
        );
        assert_eq!(model_of(""), std::env::consts::ARCH);
    }
}
