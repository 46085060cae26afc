//! Debian 13 with systemd, for what only a whole system shows: packages, units, users.
//!
//! debootstrap makes it, out of the archive's own package, which is unpacked and not installed. It is kept as one archive
//! that a guest unpacks into memory at each boot: no two tests meet.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::{Archive, KEYRING, SUITE, mirror};
use super::command::run;

/// What the guest has beside the smallest Debian: systemd, and what the gateway's package depends on or a test calls.
const INCLUDED: &str = "systemd-sysv,libelf1t64,iproute2";
/// What takes room and that no test reads.
const LEFT_OUT: [&str; 7] = [
    "./boot/*",
    "./usr/share/doc/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
];
/// Starts the agent once the system is up, with the interfaces named and one of them for the lab to talk to.
const UNIT: &str = "\
[Unit]
Description=The lab's agent

[Service]
ExecStartPre=/bin/sh -c 'name-interfaces; ip link set lo up; ip link set mgmt up; ip address add 10.79.0.2/24 dev mgmt'
ExecStart=/guest/bin/gateway-lab-agent
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
StandardOutput=tty
TTYPath=/dev/ttyS0

[Install]
WantedBy=multi-user.target
";

/// The archive of the system under `folder`.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("debian.tar")
}

/// Makes it.
pub(super) fn provide(archive: &Archive, folder: &Path) -> Result<()> {
    let work = folder.join("debian.new");
    let _ = fs::remove_dir_all(&work);
    archive.download(&["debootstrap".to_owned()], &work.join("packages"))?;
    for entry in fs::read_dir(work.join("packages")).context("no debootstrap was downloaded")? {
        run(Command::new("dpkg-deb")
            .arg("-x")
            .arg(entry?.path())
            .arg(&work))?;
    }
    let root = work.join("root");
    // In a mount namespace of its own: what it mounts is gone with it, whatever happens.
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh"])
        .arg(work.join("usr/sbin/debootstrap"))
        .env("DEBOOTSTRAP_DIR", work.join("usr/share/debootstrap"))
        .args(["--arch=amd64", "--variant=minbase"])
        .arg(format!("--include={INCLUDED}"))
        .arg(format!("--keyring={KEYRING}"))
        .arg(SUITE)
        .arg(&root)
        .arg(mirror()?);
    run(&mut command)?;
    settle(&root)?;

    let packed = work.join("debian.tar");
    let mut command = Command::new("tar");
    for name in LEFT_OUT {
        command.arg(format!("--exclude={name}"));
    }
    command
        .arg("-cf")
        .arg(&packed)
        .arg("-C")
        .arg(&root)
        .arg(".");
    run(&mut command)?;
    fs::rename(&packed, file(folder)).context("cannot move the system to its place")?;
    fs::remove_dir_all(&work).context("cannot remove what the system was made of")
}

/// Makes it the lab's: a name, no first boot, the agent, no terminals that nobody looks at.
fn settle(root: &Path) -> Result<()> {
    let write = |name: &str, text: &str| {
        let place = root.join(name);
        fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))
    };
    write("etc/hostname", "lab\n")?;
    write("etc/machine-id", "00000000000000000000000000001ab0\n")?;
    write("etc/systemd/system/lab-agent.service", UNIT)?;
    write(
        "usr/local/bin/name-interfaces",
        "#!/bin/sh\nexec sh /guest/bin/name-interfaces\n",
    )?;
    run(Command::new("chmod")
        .arg("0755")
        .arg(root.join("usr/local/bin/name-interfaces")))?;
    let units = root.join("etc/systemd/system");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants).context("cannot create a folder of the system")?;
    symlink("../lab-agent.service", wants.join("lab-agent.service"))
        .context("cannot enable the agent")?;
    for unit in ["getty.target", "serial-getty@ttyS0.service"] {
        symlink("/dev/null", units.join(unit)).with_context(|| format!("cannot mask {unit}"))?;
    }
    Ok(())
}
