//! Guest kernels: an image, and the few modules that the lab needs, in the order in which they load.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::command::run;

/// What a guest may need; what a kernel has built in is not among its modules.
const WANTED: [&str; 8] = [
    "virtio_net",
    "9p",
    "9pnet_virtio",
    "8021q",
    "e1000e",
    "igb",
    "igbvf",
    "net_failover",
];

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What was asked for: `6.12`.
    pub series: String,
    /// Its image.
    pub image: PathBuf,
    /// Its modules, those that others need first.
    pub modules: Vec<PathBuf>,
}

impl Kernel {
    /// The kernel of `series` that was unpacked under `folder` before.
    pub(super) fn unpacked(folder: &Path, series: &str) -> Option<Self> {
        let folder = folder.join(series);
        let order = fs::read_to_string(folder.join("order")).ok()?;
        Some(Self {
            series: series.to_owned(),
            image: folder.join("vmlinuz"),
            modules: order.lines().map(|name| folder.join(name)).collect(),
        })
    }

    /// Downloads and unpacks the newest kernel of `series` into `folder`; `busybox` unpacks the modules.
    pub(super) fn provide(
        archive: &Archive,
        folder: &Path,
        series: &str,
        busybox: &Path,
    ) -> Result<Self> {
        let names = archive.kernel_packages()?;
        let packages = newest(series, &names).with_context(|| {
            format!(
                "no kernel {series} in the archive; it has {}",
                offered(&names)
            )
        })?;
        let work = folder.join(format!("{series}.new"));
        let _ = fs::remove_dir_all(&work);
        archive.download(&packages, &work)?;
        for file in files(&work, &|name| name.ends_with(".deb"))? {
            run(Command::new("dpkg-deb")
                .arg("-x")
                .arg(&file)
                .arg(work.join("unpacked")))?;
            fs::remove_file(&file).context("cannot remove a package")?;
        }
        let tree = work.join("unpacked");
        let image = files(&tree, &|name| name.starts_with("vmlinuz"))?;
        let image = image.first().context("the packages hold no vmlinuz")?;
        fs::copy(image, work.join("vmlinuz")).context("cannot copy the image")?;

        let mut modules = BTreeMap::new();
        for path in files(&tree, &|name| name.contains(".ko"))? {
            if let Some(name) = module_name(&path) {
                modules.insert(name, path);
            }
        }
        let mut order = Vec::new();
        for wanted in WANTED {
            unpack_module(wanted, &modules, &work, busybox, &mut order)?;
        }
        fs::remove_dir_all(&tree).context("cannot remove the unpacked packages")?;
        // Last: what has this file is whole.
        fs::write(work.join("order"), order.join("\n")).context("cannot write the order")?;
        let place = folder.join(series);
        let _ = fs::remove_dir_all(&place);
        fs::rename(&work, &place).context("cannot move the kernel to its place")?;
        Self::unpacked(folder, series).context("the kernel was not unpacked whole")
    }
}

/// The packages of the newest ordinary amd64 kernel of `series`: image, or image and modules apart.
fn newest(series: &str, names: &[String]) -> Option<Vec<String>> {
    let (prefix, suffix) = ("linux-image-", "-amd64");
    let best = names
        .iter()
        .filter_map(|name| name.strip_prefix(prefix)?.strip_suffix(suffix))
        // `6.12.117+deb13`, but not `6.12.117+deb13-rt` nor a `6.1` for a `6.12`.
        .filter(|version| !version.contains('-'))
        .filter(|version| {
            let rest = version.strip_prefix(series);
            rest.is_some_and(|rest| rest.starts_with(['.', '+']))
        })
        .max_by_key(|version| numbers(version))?;
    let parts = ["linux-binary-", "linux-modules-"].map(|part| format!("{part}{best}{suffix}"));
    if parts.iter().all(|part| names.contains(part)) {
        return Some(parts.to_vec());
    }
    Some(vec![format!("{prefix}{best}{suffix}")])
}

/// The series that `names` offer, newest first.
fn offered(names: &[String]) -> String {
    let mut series: Vec<(Reverse<Vec<u64>>, String)> = names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-image-")?.strip_suffix("-amd64"))
        .filter(|version| !version.contains('-') && version.contains('.'))
        .map(|version| {
            version
                .splitn(3, ['.', '+'])
                .take(2)
                .collect::<Vec<_>>()
                .join(".")
        })
        .map(|series| (Reverse(numbers(&series)), series))
        .collect();
    series.sort();
    series.dedup();
    series
        .into_iter()
        .map(|(_, series)| series)
        .collect::<Vec<_>>()
        .join(", ")
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Unpacks `name` and first what it depends on; a module that is built in is in no file.
fn unpack_module(
    name: &str,
    modules: &BTreeMap<String, PathBuf>,
    folder: &Path,
    busybox: &Path,
    order: &mut Vec<String>,
) -> Result<()> {
    let file = format!("{name}.ko");
    let Some(packed) = modules.get(name).filter(|_| !order.contains(&file)) else {
        return Ok(());
    };
    let bytes = match packed.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => fs::read(packed)?,
        Some("xz") => {
            let output = Command::new(busybox)
                .args(["xz", "-dc"])
                .arg(packed)
                .output();
            let output = output.context("cannot start busybox")?;
            if !output.status.success() {
                bail!("cannot unpack {}", packed.display());
            }
            output.stdout
        }
        _ => bail!("{} is packed in an unknown way", packed.display()),
    };
    for dependency in dependencies(&bytes) {
        unpack_module(&dependency, modules, folder, busybox, order)?;
    }
    fs::write(folder.join(&file), bytes).with_context(|| format!("cannot write {file}"))?;
    order.push(file);
    Ok(())
}

/// The modules that the module with these bytes names as its dependencies (`depends=` in its section `.modinfo`).
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = &module[at + KEY.len()..];
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(0);
    String::from_utf8_lossy(&value[..end])
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// `virtio_net` of `.../virtio_net.ko.xz`; files say `-` where the kernel says `_`.
fn module_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Some(name.split_once(".ko")?.0.replace('-', "_"))
}

/// All files under `folder` whose name is `wanted`.
fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_str().is_some_and(wanted) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names() -> Vec<String> {
        [
            "linux-image-6.12.107+deb13-amd64",
            "linux-image-6.12.117+deb13-amd64",
            "linux-image-6.12.117+deb13-rt-amd64",
            "linux-image-6.12.118+deb13-amd64-unsigned",
            "linux-image-7.3.4+deb13-amd64",
            "linux-binary-7.3.4+deb13-amd64",
            "linux-modules-7.3.4+deb13-amd64",
            "linux-image-amd64",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn the_newest_ordinary_kernel_of_a_series_is_taken_whole() {
        let newest = |series| newest(series, &names());
        assert_eq!(
            newest("6.12").unwrap(),
            ["linux-image-6.12.117+deb13-amd64"]
        );
        assert_eq!(
            newest("7.3").unwrap(),
            [
                "linux-binary-7.3.4+deb13-amd64",
                "linux-modules-7.3.4+deb13-amd64"
            ]
        );
        assert_eq!(newest("6.1"), None);
        assert_eq!(offered(&names()), "7.3, 6.12");
    }

    #[test]
    fn dependencies_stand_in_the_module() {
        let module = b"\x7fELF..\0license=GPL\0depends=net-failover,failover\0name=x\0";
        assert_eq!(dependencies(module), ["net_failover", "failover"]);
        assert!(dependencies(b"\0depends=\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }
}
