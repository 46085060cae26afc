//! Everything works without root: the socket tier, in a user namespace for the network of the test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use gateway_e2e::{Lab, Observer};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::Input;
use gateway_test_harness::unprivileged::{self, NOBODY};
use gateway_test_harness::{Binaries, Config, Network, Running};

const INSIDE: &str = "GATEWAY_TEST_INSIDE";
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn an_ordinary_user_gets_the_whole_flow_on_the_socket_tier() {
    if std::env::var_os(INSIDE).is_some() {
        whole_flow();
        return;
    }
    // Another user may not enter the folders of this one: programs and test go where everybody may.
    let built = Binaries::of_this_build().unwrap();
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    for name in ["gateway", "gateway-sim"] {
        fs::copy(built.path(name), folder.path().join(name)).unwrap();
    }
    let test = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &test).unwrap();

    let mut command = Command::new(test);
    command.args([
        "--exact",
        "an_ordinary_user_gets_the_whole_flow_on_the_socket_tier",
        "--nocapture",
    ]);
    command
        .env(INSIDE, "1")
        .env("GATEWAY_BINARIES", folder.path())
        .current_dir("/");
    unprivileged::inside(&mut command, unprivileged::is_true_root().then_some(NOBODY));
    let Ok(mut child) = Running::spawn("the test as an ordinary user", &mut command) else {
        println!("skipped: no user namespaces for an ordinary user");
        return;
    };
    let status = child.wait(LIMIT * 2).unwrap();
    assert!(status.success(), "{}", child.output());
}

fn whole_flow() {
    let lab = Lab {
        binaries: Binaries::of_this_build().unwrap(),
        network: Network::new().unwrap(),
    };
    // "auto" walks down to the only tier that the kernel grants here.
    let config = Config::new(Input::tier("auto"));
    let gateway = lab.gateway(&config).unwrap();
    let status = gateway.status().unwrap();
    assert_eq!(status["interfaces"][0]["tier"], "socket", "{status:#}");
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let flow = "generate --messages 20000 --symbols 20 --pace rate=20000 --loss-a 0.02 --loss-b 0.02 --end-of-session";
    let report = lab.simulator(&config, flow).unwrap().finish(LIMIT).unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    let seen = observer
        .wait_for("the end of the session", LIMIT, ended)
        .unwrap();
    assert_eq!(seen.messages + seen.gap_messages(), report.messages);
    assert_eq!(seen.gap_messages(), report.lost_on_both.messages);
}
