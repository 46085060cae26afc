//! The systemd unit: right, hardened, and not to be started with what the package brings.

use std::process::Command;

use gateway_test_package::{output, output_of, root};

use crate::skip_without;

const UNIT: &str = "config/systemd/gateway.service";

/// What the guide says, in tenths.
fn score_in_the_guide() -> u32 {
    let text = std::fs::read_to_string(root().join("docs/deploy.md")).unwrap();
    let (_, behind) = text
        .split_once("`systemd-analyze security gateway.service` rates it ")
        .unwrap();
    let number: String = behind
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let (whole, tenths) = number.split_once('.').unwrap();
    whole.parse::<u32>().unwrap() * 10 + tenths.parse::<u32>().unwrap()
}

#[test]
fn the_unit_is_as_hardened_as_the_guide_says() {
    skip_without!("systemd-analyze");
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]);
    command.arg(format!("--threshold={}", score_in_the_guide()));
    // Above the threshold it fails.
    let ended = output(command.arg(root().join(UNIT))).unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    if String::from_utf8_lossy(&ended.stderr).contains("unrecognized option") {
        println!("skipped: this systemd cannot rate a file");
        return;
    }
    assert!(ended.status.success(), "{said}");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    skip_without!("systemd-analyze");
    let work = tempfile::tempdir().unwrap();
    // The programs that it names are not installed here.
    let text = std::fs::read_to_string(root().join(UNIT)).unwrap();
    let text = text.replace("/usr/bin/gateway", "/bin/true");
    let text = text.replace("Documentation=man:gateway(1) ", "Documentation=");
    let unit = work.path().join("gateway.service");
    std::fs::write(&unit, text).unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&unit);
    let ended = output(&mut command).unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.trim().is_empty(), "{said}");
}

/// The condition's own words, run on files of ours.
#[test]
fn the_service_declines_to_start_until_the_configuration_was_edited() {
    let work = tempfile::tempdir().unwrap();
    let (edited, brought) = (work.path().join("edited"), work.path().join("brought"));
    let text = std::fs::read_to_string(root().join(UNIT)).unwrap();
    let condition = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecCondition=/bin/sh -c '"))
        .and_then(|line| line.strip_suffix('\''))
        .unwrap()
        .replace("/etc/gateway/gateway.toml", edited.to_str().unwrap())
        .replace("/usr/share/gateway/gateway.toml", brought.to_str().unwrap());
    let starts = || {
        let ended = output(Command::new("sh").args(["-c", &condition])).unwrap();
        // 1 to 254 skip the start; 255 would make it a failure.
        (ended.status.code().unwrap(), ended.stdout.len())
    };
    std::fs::write(&brought, "a = 1\n").unwrap();
    std::fs::write(&edited, "a = 1\n").unwrap();
    let (code, said) = starts();
    assert!(code == 1 && said > 0, "{code}");
    std::fs::write(&edited, "a = 2\n").unwrap();
    assert_eq!(starts(), (0, 0));
}

#[test]
fn exit_codes_that_a_restart_cannot_help_are_those_of_the_documentation() {
    let unit = std::fs::read_to_string(root().join(UNIT)).unwrap();
    let guide = std::fs::read_to_string(root().join("docs/deploy.md")).unwrap();
    let codes = unit
        .lines()
        .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
        .unwrap();
    let (all_but_last, last) = codes.rsplit_once(' ').unwrap();
    let words = format!("{} and {last}", all_but_last.replace(' ', ", "));
    assert!(guide.contains(&format!("exit codes {words} ")), "{words}");
}

#[test]
fn systemd_makes_the_user_and_the_folders_as_described() {
    skip_without!("systemd-sysusers", "systemd-tmpfiles");
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("etc")).unwrap();
    let mut command = Command::new("systemd-sysusers");
    command.arg(format!("--root={}", place.path().display()));
    let file = root().join("config/sysusers.d/gateway.conf").canonicalize();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root may make users");
        return;
    }
    output_of(command.arg(file.unwrap())).unwrap();
    let users = std::fs::read_to_string(place.path().join("etc/passwd")).unwrap();
    assert!(users.contains("gateway:x:"), "{users}");
    assert!(users.contains(":/var/lib/gateway:"), "{users}");
    assert!(users.contains("nologin"), "{users}");
}
