//! The program on an interface: attached in the mode asked for or not at all, gone when its owner is.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;
use std::time::{Duration, Instant};

use gateway::ingest::{AttachMode, ErrorKind, IngestError, SteeringProgram};
use gateway_test_xdp::fixtures::{all, bytes, ours, streams};
use gateway_test_xdp::kernel::{difference, load};
use gateway_test_xdp::namespace::{index, ip, send, show, veth, with_veth};
use gateway_test_xdp::socket::XdpSocket;
use gateway_wire::shared::{Action, METADATA_LEN, Metadata};

/// Whether `ip link` sees an XDP program on the interface.
fn has_program(interface: &str) -> bool {
    show(interface).contains("prog/xdp")
}

/// Sends every fixture over the wire and compares what the socket receives and the program counts.
fn fixtures_over_the_wire(mode: AttachMode) {
    with_veth(move || {
        let Some(mut program) = load() else { return };
        // A single queue, so that one socket receives all.
        veth("wire0", "wire1", 1);
        let socket = XdpSocket::bind(index("wire1"), 0);
        program.insert_socket(0, &socket).unwrap();
        program.attach(index("wire1"), mode).unwrap();

        let before = program.verdicts().unwrap();
        let mut expected = Vec::new();
        for fixture in all() {
            send("wire0", &fixture.frame);
            expected.push(fixture.verdict.name());
            expected.extend(fixture.note.map(gateway_wire::shared::Note::name));
            if fixture.verdict.action() == Action::Redirect {
                let (front, packet) = socket
                    .receive()
                    .unwrap_or_else(|| panic!("{} is lost", fixture.name));
                assert_eq!(packet, fixture.frame, "{}", fixture.name);
                let metadata = Metadata::decode(front.last_chunk::<METADATA_LEN>().unwrap());
                assert!(metadata.unwrap().hook_ns().is_some(), "{}", fixture.name);
            }
        }
        // The last one is ours and has arrived, so all before it have been counted.
        let mut counted = difference(&before, &program.verdicts().unwrap());
        counted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(counted, expected);
    });
}

#[test]
fn in_the_driver_each_fixture_of_ours_reaches_the_socket_with_its_stamp() {
    fixtures_over_the_wire(AttachMode::Native);
}

#[test]
fn in_the_generic_hook_each_fixture_of_ours_reaches_the_socket_with_its_stamp() {
    fixtures_over_the_wire(AttachMode::Skb);
}

#[test]
fn an_interface_with_a_program_is_busy_whatever_the_modes() {
    with_veth(|| {
        let (Some(mut first), Some(mut second)) = (load(), load()) else {
            return;
        };
        let interface = index("feed1");
        for mode in [AttachMode::Native, AttachMode::Skb] {
            first.attach(interface, mode).unwrap();
            for other in [AttachMode::Native, AttachMode::Skb] {
                let error = second.attach(interface, other).unwrap_err();
                assert!(
                    matches!(error, IngestError::ProgramAttached { .. }),
                    "{error}"
                );
                assert_eq!(error.kind(), ErrorKind::Busy);
                assert!(error.to_string().contains("program id"), "{error}");
            }
            first.detach();
        }
        second.attach(interface, AttachMode::Native).unwrap();
    });
}

#[test]
fn a_mode_that_the_driver_lacks_is_refused_and_nothing_is_attached() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let error = program.attach(index("lo"), AttachMode::Native).unwrap_err();
        assert!(
            matches!(error, IngestError::TierUnavailable { .. }),
            "{error}"
        );
        // A frame that veth cannot hold in a page: the driver's own reason, which has no words.
        ip("link set feed0 mtu 9000");
        let error = program
            .attach(index("feed1"), AttachMode::Native)
            .unwrap_err();
        assert!(error.to_string().contains("MTU"), "{error}");
        assert!(!has_program("lo") && !has_program("feed1"));
        program.attach(index("lo"), AttachMode::Skb).unwrap();
        assert!(has_program("lo"));
    });
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let error = program.attach(4_000_000, AttachMode::Native).unwrap_err();
        assert!(
            matches!(error, IngestError::InterfaceMissing { .. }),
            "{error}"
        );
    });
}

#[test]
fn dropping_the_program_detaches_it() {
    with_veth(|| {
        let Some(mut program) = load() else { return };
        let reader = program.verdict_reader();
        program.attach(index("feed1"), AttachMode::Native).unwrap();
        assert!(has_program("feed1"));
        send("feed0", &bytes(ours()));
        drop(program);
        assert!(!has_program("feed1"));
        assert_eq!(
            reader.read().unwrap().frames(),
            1,
            "the counters outlive the program"
        );
    });
}

/// Set where a test runs as the child that it started itself, to be killed.
const CHILD: &str = "GATEWAY_TEST_XDP_CHILD";

#[test]
fn a_killed_process_leaves_nothing_attached() {
    if std::env::var_os(CHILD).is_some() {
        let mut program = load().unwrap();
        program.attach(index("feed1"), AttachMode::Native).unwrap();
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    with_veth(|| {
        if load().is_none() {
            return;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_leaves_nothing_attached"])
            .env(CHILD, "1")
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !has_program("feed1") {
            assert!(Instant::now() < deadline, "the child does not attach");
            assert!(child.try_wait().unwrap().is_none(), "the child ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!has_program("feed1"));
    });
}

#[test]
fn without_privilege_the_error_says_which_is_needed() {
    let child = std::thread::spawn(|| {
        // SAFETY: these calls take no pointers; raw setresuid changes the credentials of this thread alone.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        if changed != 0 {
            println!("skipped: cannot become another user (run as root)");
            return;
        }
        let error = SteeringProgram::load("feed1", &streams(), 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Privilege, "{error}");
        assert!(error.to_string().contains("CAP_BPF"), "{error}");
    });
    child.join().unwrap();
}
