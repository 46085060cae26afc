//! Installed, upgraded, removed and purged by dpkg in a root of its own: the user comes, what was edited stays, and in the
//! end nothing is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gateway_test_package::{Dist, lacks, output};

use crate::skip_without_packaging;

/// A root that dpkg installs into, without a system in it: scripts run outside of it and are told where it is.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in [
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            // Where systemd keeps what deb-systemd-helper remembers.
            "var/lib/systemd",
            "etc",
        ] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        for file in ["var/lib/dpkg/status", "var/lib/dpkg/available"] {
            fs::write(place.path().join(file), "").unwrap();
        }
        for (file, text) in [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
        ] {
            fs::write(place.path().join(file), text).unwrap();
        }
        Self(place)
    }

    fn dpkg(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("dpkg");
        command
            .arg(format!("--root={}", self.0.path().display()))
            // What it depends on is not in this root; whether it is named rightly is another test's.
            .args([
                "--force-script-chrootless",
                "--force-depends",
                "--force-confold",
            ])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        let ended = output(&mut command).unwrap();
        assert!(ended.status.success(), "dpkg {arguments:?}: {ended:?}");
        ended
    }

    fn install(&self, package: &Path) {
        self.dpkg(&["--install", package.to_str().unwrap()]);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.0.path().join(name).symlink_metadata().is_ok()
    }

    /// Everything but dpkg's own books.
    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![self.0.path().to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.0.path()).unwrap();
                if name.starts_with("var/lib/dpkg") {
                    continue;
                }
                found.insert(name.display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    waiting.push(path);
                }
            }
        }
        found
    }
}

/// Why it cannot be tried here.
fn impossible() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("dpkg installs for root only".to_owned());
    }
    lacks(&[
        "dpkg",
        "systemd-sysusers",
        "systemd-tmpfiles",
        "deb-systemd-helper",
        "userdel",
    ])
}

#[test]
fn installed_upgraded_removed_and_purged_it_leaves_nothing() {
    skip_without_packaging!();
    if let Some(why) = impossible() {
        println!("skipped: {why}");
        return;
    }
    let root = Root::new();
    let before = root.files();
    let first = Dist::of_this_build().unwrap().package().unwrap();
    root.install(&first);

    // The user is there, and the folders are its own.
    assert!(root.read("etc/passwd").contains("\ngateway:x:"));
    assert!(root.read("etc/group").contains("\ngateway:x:"));
    let facts = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        let facts = fs::metadata(root.0.path().join(name)).unwrap();
        (facts.uid(), facts.gid(), facts.mode() & 0o7777)
    };
    let (uid, gid, mode) = facts("var/lib/gateway");
    assert!(uid > 0 && gid > 0, "{uid} {gid}");
    assert_eq!(mode, 0o750);
    assert_eq!(facts("etc/gateway/secrets"), (0, gid, 0o750));
    // Nothing starts by itself.
    let wants = "etc/systemd/system/multi-user.target.wants/gateway.service";
    assert!(!root.has(wants), "it was enabled");

    // Somebody edits the configuration, writes a password, and the service keeps state.
    let configuration = root.0.path().join("etc/gateway/gateway.toml");
    let edited = root.read("etc/gateway/gateway.toml") + "# edited\n";
    fs::write(&configuration, &edited).unwrap();
    fs::write(root.0.path().join("etc/gateway/secrets/glimpse"), "secret").unwrap();
    fs::write(root.0.path().join("var/lib/gateway/state"), "state").unwrap();

    // An upgrade keeps all of it.
    let newer = Dist::make("+1").unwrap();
    root.install(&newer.package().unwrap());
    assert_eq!(root.read("etc/gateway/gateway.toml"), edited);
    assert_eq!(root.read("etc/gateway/secrets/glimpse"), "secret");
    assert!(
        root.read("var/lib/dpkg/status")
            .contains("Version: 0.1.0+1")
    );

    // So does a removal, but for the programs.
    root.dpkg(&["--remove", "gateway"]);
    assert!(!root.has("usr/bin/gateway"));
    assert!(!root.has("usr/lib/systemd/system/gateway.service"));
    assert_eq!(root.read("etc/gateway/gateway.toml"), edited);
    assert_eq!(root.read("var/lib/gateway/state"), "state");

    root.dpkg(&["--purge", "gateway"]);
    let after = root.files();
    // What the tools for users keep beside their files: copies and locks.
    let theirs = |name: &&String| {
        let copies = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"];
        let is_copy = copies.iter().any(|file| name.starts_with(file));
        is_copy || *name == "etc/.pwd.lock"
    };
    let left: Vec<_> = after
        .difference(&before)
        .filter(|name| !theirs(name))
        .collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    for file in ["etc/passwd", "etc/group"] {
        assert!(!root.read(file).contains("gateway"), "{}", root.read(file));
    }
}
