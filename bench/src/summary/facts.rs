//! What the machine is, as the kernel tells.

use std::fs;
use std::process::Command;

/// Facts that decide how numbers have to be read: a name and a value each.
pub(super) fn of_the_machine(cores: &[usize]) -> Vec<(String, String)> {
    let cpuinfo = read("/proc/cpuinfo");
    let meminfo = read("/proc/meminfo");
    let facts = [
        ("processor", processor(&cpuinfo)),
        (
            "cores",
            format!("{} that this program may use: {cores:?}", cores.len()),
        ),
        ("caches", caches()),
        (
            "kernel",
            format!("Linux {}", read("/proc/sys/kernel/osrelease")),
        ),
        ("hypervisor", hypervisor(&cpuinfo)),
        (
            "governor",
            known(
                &read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
                "the host's affair",
            ),
        ),
        (
            "clock source",
            known(
                &read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
                "unknown",
            ),
        ),
        ("memory", gibibytes(&field(&meminfo, "MemTotal"))),
        (
            "huge pages",
            format!(
                "{} of {} reserved, transparent: {}",
                field(&meminfo, "HugePages_Total"),
                field(&meminfo, "Hugepagesize"),
                chosen(&read("/sys/kernel/mm/transparent_hugepage/enabled")),
            ),
        ),
        (
            "isolated cores",
            known(&read("/sys/devices/system/cpu/isolated"), "none"),
        ),
        ("compiler", rustc()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The commit that the working tree is at, and whether something in it is changed.
pub(super) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments);
        let output = command
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    // The report itself is written here.
    let changed = git(&[
        "status",
        "--porcelain",
        "--",
        "..",
        ":!REPORT.md",
        ":!plots",
    ]);
    match changed.as_deref() {
        Some("") => commit,
        _ => format!("{commit}, changed"),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn known(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}

/// What stands behind `name:` in a file of such lines.
fn field(text: &str, name: &str) -> String {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    value.unwrap_or("unknown").trim().to_owned()
}

/// A size as `/proc/meminfo` has it, in GiB.
fn gibibytes(size: &str) -> String {
    let kib = size
        .strip_suffix(" kB")
        .and_then(|kib| kib.parse::<f64>().ok());
    kib.map_or_else(
        || size.to_owned(),
        |kib| format!("{:.1} GiB", kib / 1_048_576.0),
    )
}

/// The choice in brackets of a file like `always [madvise] never`.
fn chosen(text: &str) -> &str {
    let chosen = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    chosen.map_or("unknown", |(chosen, _)| chosen)
}

fn processor(cpuinfo: &str) -> String {
    let [model, family, number] =
        ["model name", "cpu family", "model"].map(|name| field(cpuinfo, name));
    format!("{model}, family {family}, model {number}")
}

fn hypervisor(cpuinfo: &str) -> String {
    let guest = field(cpuinfo, "flags")
        .split(' ')
        .any(|flag| flag == "hypervisor");
    let product = read("/sys/class/dmi/id/product_name");
    match (guest, product.as_str()) {
        (false, _) => "none".to_owned(),
        (true, "") => "a virtual machine".to_owned(),
        (true, product) => format!("a virtual machine: {product}"),
    }
}

fn caches() -> String {
    let one = |index: usize| {
        let of = |file: &str| {
            read(&format!(
                "/sys/devices/system/cpu/cpu0/cache/index{index}/{file}"
            ))
        };
        let (level, kind, size) = (of("level"), of("type"), of("size"));
        (!size.is_empty()).then(|| match kind.as_str() {
            "Unified" => format!("L{level} {size}"),
            _ => format!("L{level} {} {size}", kind.to_lowercase()),
        })
    };
    let all: Vec<String> = (0..5).filter_map(one).collect();
    known(&all.join(", "), "unknown")
}

fn rustc() -> String {
    let mut command = Command::new("rustc");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("--version");
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success());
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model name\t: Some CPU @ 2 GHz\nmodel\t\t: 17\nflags : fpu hypervisor\n";
        assert_eq!(field(text, "model"), "17");
        assert_eq!(field(text, "model name"), "Some CPU @ 2 GHz");
        assert_eq!(field(text, "stepping"), "unknown");
        assert_eq!(gibibytes("24684084 kB"), "23.5 GiB");
        assert_eq!(gibibytes("unknown"), "unknown");
        assert_eq!(chosen("always [madvise] never"), "madvise");
    }
}
